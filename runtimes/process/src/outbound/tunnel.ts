import { connect, type Socket } from 'node:net'
import { logLine } from '@weft/runtime-nodejs/report'

const HANDSHAKE_MS = 15_000
const MAX_HEAD_BYTES = 16_384

/** Joins two connections: what one says the other hears, and they end together. */
function join(near: Socket, far: Socket): void {
  near.on('error', () => far.destroy())
  far.on('error', () => near.destroy())
  near.on('close', () => far.destroy())
  far.on('close', () => near.destroy())
  near.pipe(far)
  far.pipe(near)
}

/** Tells an HTTP client why it got nothing; anybody else sees the connection end. */
function refuse(near: Socket, http: boolean, status: number, reason: string): void {
  logLine(reason)
  if (!http) return void near.resetAndDestroy()
  const body = `${reason}\n`
  const code = status === 403 ? '403 Forbidden' : '502 Bad Gateway'
  near.end(`HTTP/1.1 ${code}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
  near.resume()
}

/** Hands a connection to the proxy as it is: it speaks plain HTTP, or the language of HTTP proxies. */
export function passThrough(outboundSocket: string, near: Socket): void {
  const far = connect({ path: outboundSocket, allowHalfOpen: true })
  const onError = (error: Error): void => refuse(near, true, 502, `the proxy of this replica cannot be reached: ${error.message}`)
  far.once('error', onError)
  far.once('connect', () => {
    far.off('error', onError)
    join(near, far)
  })
  near.on('error', () => far.destroy())
}

/** Where a connection wants to go. */
export interface Destination {
  /** `host:port`. */
  readonly authority: string
  /** Whether its client understands an HTTP answer. */
  readonly http: boolean
}

function headOf(received: Buffer): { readonly status: number; readonly rest: Buffer } | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(received.toString('latin1', 0, 16))?.[1] ?? 0), rest: received.subarray(end + 4) }
}

function reasonOf(authority: string, status: number, detail: string): string {
  const said = detail.trim() === '' ? '' : `: ${detail.trim().slice(0, 300)}`
  return status === 403 ? `connection to ${authority} was refused by a policy (403${said})` : `connection to ${authority} could not be made (${status}${said})`
}

/** Brings a connection to any host, by CONNECT through the proxy. Why it was refused stands in the log. */
export function tunnel(outboundSocket: string, { authority, http }: Destination, near: Socket): void {
  const far = connect({ path: outboundSocket, allowHalfOpen: true })
  let received = Buffer.alloc(0)
  const stop = (): void => {
    clearTimeout(timer)
    far.off('data', onData).off('error', onError).off('end', onEnd)
  }
  const fail = (status: number, reason: string): void => {
    stop()
    far.on('error', () => undefined)
    far.destroy()
    if (!near.destroyed) refuse(near, http, status, reason)
  }
  const timer = setTimeout(() => fail(504, `connection to ${authority} got no answer from the proxy in ${HANDSHAKE_MS / 1000} s`), HANDSHAKE_MS)
  const onError = (error: Error): void => fail(502, `the proxy of this replica cannot be reached: ${error.message}`)
  const onEnd = (): void => fail(502, `connection to ${authority} was closed by the proxy before it was made`)
  const onData = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk])
    const head = headOf(received)
    if (head === undefined) return received.length > MAX_HEAD_BYTES ? fail(502, `connection to ${authority} got a malformed answer from the proxy`) : undefined
    if (head.status < 200 || head.status > 299) return fail(head.status, reasonOf(authority, head.status, head.rest.toString('utf8')))
    stop()
    if (head.rest.length > 0) near.write(head.rest)
    join(near, far)
  }
  near.on('error', () => far.destroy())
  far.on('data', onData).on('error', onError).on('end', onEnd)
  far.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
}
