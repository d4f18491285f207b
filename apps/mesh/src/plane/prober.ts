import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { messageOf } from '@weft/core'
import type { ProbeResult } from '@weft/mesh-model'
import { PROBE_PATH } from '../encode/names.ts'

/** One probe. */
export interface ProbeRequest {
  /** The workload's inbound listener. */
  readonly socket: string
  /** SPIFFE ID that it must prove. */
  readonly expectedId: string
  /** PEM of the prober's certificate and key, and of the roots. */
  readonly certificate: string
  readonly privateKey: string
  readonly roots: string
  /** The workload takes plain text only: nobody can prove to be the prober there. */
  readonly plain: boolean
  readonly timeoutMs: number
  readonly now: () => number
}

const SUCCESS = 200
const FORBIDDEN = 403

/** Exactly one URI among the subject's alternative names, and it is the expected one: no prefix, no common name (RFC 9525, SPIFFE X.509-SVID §4.1). */
function checkIdentity(names: string | undefined, expected: string): Error | undefined {
  const uris = (names ?? '').split(', ').filter((name) => name.startsWith('URI:'))
  if (uris.length === 1 && uris[0] === `URI:${expected}`) return undefined
  return new Error(`the listener proved to be "${uris.join(' ') || 'nobody'}", not ${expected}`)
}

function openSession(request: ProbeRequest): ClientHttp2Session {
  return connectHttp2('http://localhost', {
    createConnection: () => {
      if (request.plain) return connectSocket(request.socket)
      return connectTls({
        path: request.socket,
        cert: request.certificate,
        key: request.privateKey,
        ca: request.roots,
        minVersion: 'TLSv1.3',
        ALPNProtocols: ['h2'],
        checkServerIdentity: (_host, peer) => checkIdentity(peer.subjectaltname, request.expectedId),
      })
    },
  })
}

/**
 * One call to a replica of the workload through its inbound listener by mutual TLS, on the reserved path. Success is exactly 200. Without mutual TLS the
 * listener's refusal counts too: it serves, and nobody can be known there as the prober. Never rejects.
 */
export async function probe(request: ProbeRequest): Promise<ProbeResult> {
  const startedAt = request.now()
  const session = openSession(request)
  try {
    const status = await ask(session, request.timeoutMs)
    const ms = request.now() - startedAt
    return status === SUCCESS || (request.plain && status === FORBIDDEN) ? { ok: true, ms } : { ok: false, ms, reason: `it answered ${status}` }
  } catch (error) {
    return { ok: false, ms: request.now() - startedAt, reason: messageOf(error) }
  } finally {
    session.destroy()
  }
}

function ask(session: ClientHttp2Session, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    const fail = (error: Error) => {
      clearTimeout(timer)
      reject(error)
    }
    session.on('error', fail)
    const call = session.request({ ':method': 'GET', ':path': PROBE_PATH, ':authority': 'probe', 'user-agent': 'weft-prober' })
    call.on('error', fail)
    call.on('response', (headers) => {
      clearTimeout(timer)
      resolve(Number(headers[':status']))
      call.close()
    })
    call.end()
  })
}
