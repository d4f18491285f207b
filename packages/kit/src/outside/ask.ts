import { lookup } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { messageOf } from '@weft/core'
import type { AddressGuard } from './address-guard.ts'

/** A question to somebody outside. */
export interface OutsideQuestion {
  readonly url: string
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Of the whole exchange. */
  readonly timeoutMs: number
  /** Longest body of an answer; default 64 KiB. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
  /** Certificates (PEM) to trust in place of the system's. */
  readonly roots?: string
}

/** What came of it. Redirects are answers like others: nobody follows them. */
export type OutsideAnswer = { readonly ok: true; readonly status: number; readonly body: string } | { readonly ok: false; readonly reason: string }

const MAX_BYTES = 65_536

/**
 * Asks an address that a user wrote down. Every address that its name leads to must be one that `guard` lets through, and the connection goes to one of those: a
 * name that leads elsewhere the next moment gains nothing. `undefined` guards nothing: for addresses that the operator wrote down. Never rejects.
 */
export function askOutside(question: OutsideQuestion, guard: AddressGuard | undefined): Promise<OutsideAnswer> {
  const url = URL.parse(question.url)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    return Promise.resolve({ ok: false, reason: 'it is no address of http or https' })
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (guard !== undefined && isIP(host) !== 0 && guard.refuses(host)) return Promise.resolve({ ok: false, reason: refusal(host) })
  return exchange(url, question, guard).catch((error: unknown): OutsideAnswer => ({ ok: false, reason: messageOf(error) }))
}

function exchange(url: URL, question: OutsideQuestion, guard: AddressGuard | undefined): Promise<OutsideAnswer> {
  const { method = 'GET', headers = {}, body, timeoutMs, maxBytes = MAX_BYTES, roots } = question
  const late = AbortSignal.timeout(timeoutMs)
  const signal = question.signal === undefined ? late : AbortSignal.any([late, question.signal])
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(late.aborted ? new Error(`it did not answer within ${timeoutMs} ms`) : error)
    const client = url.protocol === 'https:' ? https : http
    const options = {
      method,
      headers,
      signal,
      agent: false,
      ...(guard === undefined ? {} : { lookup: guardedLookup(guard) }),
      ...(roots === undefined ? {} : { ca: roots }),
    }
    const request = client.request(url, options, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxBytes) response.destroy(new Error(`it answered with more than ${maxBytes} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', failed)
      response.on('end', () => resolve({ ok: true, status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
    })
    request.on('error', failed)
    request.end(body)
  })
}

/** Resolves a name to addresses of which none is refused. */
function guardedLookup(guard: AddressGuard): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, [])
      const bad = addresses.find(({ address }) => guard.refuses(address))
      if (bad !== undefined) return done(new Error(refusal(`${hostname} (${bad.address})`)), [])
      const [first] = addresses
      if (first === undefined) return done(new Error(`${hostname} has no address`), [])
      return options.all === true ? done(null, addresses) : done(null, first.address, first.family)
    })
  }
}

function refusal(host: string): string {
  return `${host} is a private address, or this machine's own; the operator can allow it`
}
