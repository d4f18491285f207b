import http, { type IncomingHttpHeaders } from 'node:http'
import https from 'node:https'
import http2 from 'node:http2'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import type { Pem } from '../encode/testing/certificates.ts'

/** A call to a port of a gateway. */
export interface GatewayCall {
  readonly port: number
  /** Host header. */
  readonly host: string
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** TLS: the server name, roots to check the server by, and a certificate of the client's own. */
  readonly tls?: { readonly servername: string; readonly root: string; readonly client?: Pem; readonly maxVersion?: 'TLSv1.2' }
}

/** Its answer. */
export interface GatewayAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Serial number of the server's certificate. */
  readonly serial?: string
}

function tlsOptions({ tls }: GatewayCall) {
  if (tls === undefined) return {}
  const { servername, root, client, maxVersion } = tls
  return {
    servername,
    ca: root,
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
  }
}

/** Makes one call on a connection of its own, over HTTP/1.1. */
export function gatewayCall(call: GatewayCall): Promise<GatewayAnswer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: call.port,
      path: call.path ?? '/',
      method: call.method ?? 'GET',
      agent: false,
      headers: { ...call.headers, host: call.host },
    }
    const request = (call.tls === undefined ? http : https).request({ ...options, ...tlsOptions(call) }, (response) => {
      const peer: PeerCertificate | undefined = call.tls === undefined ? undefined : (response.socket as TLSSocket).getPeerCertificate()
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, ...(peer === undefined ? {} : { serial: peer.serialNumber }) }),
      )
    })
    request.on('error', reject)
    request.end()
  })
}

/** The same over HTTP/2: chosen by ALPN with TLS, by prior knowledge without. */
export function gatewayCall2(call: GatewayCall): Promise<Pick<GatewayAnswer, 'status' | 'body'>> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`${call.tls === undefined ? 'http' : 'https'}://127.0.0.1:${call.port}`, tlsOptions(call))
    session.on('error', reject)
    const stream = session.request({ ...call.headers, ':authority': call.host, ':path': call.path ?? '/', ':method': call.method ?? 'GET' })
    let status = 0
    let body = ''
    stream.on('response', (headers) => (status = Number(headers[':status'])))
    stream.setEncoding('utf8').on('data', (text: string) => (body += text))
    stream.on('error', reject)
    stream.on('end', () => {
      session.close()
      resolve({ status, body })
    })
  })
}

/** The protocol that a server chooses by ALPN. */
export function alpnOf(call: GatewayCall, protocols: readonly string[]): Promise<string | false | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: call.port, ALPNProtocols: [...protocols], ...tlsOptions(call) }, () => {
      resolve(socket.alpnProtocol)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
