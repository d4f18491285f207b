import { connect, createServer, type Server, type Socket } from 'node:net'
import { logLine } from '../boot/report.ts'

const HANDSHAKE_MS = 15_000
const MAX_HEAD_BYTES = 16_384

/** Where a bridged connection wants to go. */
interface Target {
  readonly authority: string
  /** The user's own end, told why when the proxy refuses. */
  readonly client: Socket
}

/** An outbound connection that the proxy refused or could not make. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  readonly code = 'ERR_WEFT_OUTBOUND'
  readonly authority: string
  readonly status: number

  constructor(authority: string, status: number, reason: string) {
    super(`connection to ${authority} ${reason}`)
    this.authority = authority
    this.status = status
  }
}

function reasonOf(status: number, body: string): string {
  const detail = body.trim().slice(0, 300)
  const said = detail === '' ? '' : `: ${detail}`
  if (status === 403) return `was refused by a policy (403${said})`
  if (status === 503 || status === 502 || status === 504) return `could not be made (${status}${said})`
  return `was not accepted by the proxy (${status}${said})`
}

/** Status and rest of the answer to CONNECT, when its head is complete. */
function parseHead(received: Buffer): { readonly status: number; readonly rest: Buffer } | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(received.toString('latin1', 0, 16))?.[1]
  return { status: status === undefined ? 0 : Number(status), rest: received.subarray(end + 4) }
}

/** Gives up on a target: the user's socket gets the reason as its error, the log a line. */
function refuse(target: Target, near: Socket, far: Socket, error: OutboundError): void {
  logLine(error.message)
  far.destroy()
  target.client.destroy(error)
  near.destroy()
}

function join(near: Socket, far: Socket): void {
  near.pipe(far)
  far.pipe(near)
  near.on('close', () => far.destroy())
  far.on('close', () => near.destroy())
}

/** Opens the tunnel for `target` through the proxy and joins it to `near`, the bridge's end of the loopback connection. */
function tunnel(outboundSocket: string, target: Target, near: Socket): void {
  const far = connect({ path: outboundSocket })
  let received = Buffer.alloc(0)
  const fail = (status: number, reason: string): void => refuse(target, near, far, new OutboundError(target.authority, status, reason))
  const timer = setTimeout(() => fail(504, `got no answer from the proxy in ${HANDSHAKE_MS / 1000} s`), HANDSHAKE_MS)
  near.on('error', () => far.destroy())
  far.on('error', (error) => {
    clearTimeout(timer)
    if (target.client.destroyed) return
    refuse(target, near, far, new OutboundError(target.authority, 0, `broke: ${error.message}`))
  })
  const onEnd = (): void => {
    clearTimeout(timer)
    fail(0, 'was closed by the proxy before it was made')
  }
  const onData = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk])
    const head = parseHead(received)
    if (head === undefined) return received.length > MAX_HEAD_BYTES ? fail(0, 'got a malformed answer from the proxy') : undefined
    clearTimeout(timer)
    far.off('data', onData)
    far.off('end', onEnd)
    if (head.status < 200 || head.status > 299) return fail(head.status, reasonOf(head.status, head.rest.toString('utf8')))
    if (head.rest.length > 0) near.write(head.rest)
    join(near, far)
  }
  far.on('data', onData)
  far.on('end', onEnd)
  far.write(`CONNECT ${target.authority} HTTP/1.1\r\nHost: ${target.authority}\r\n\r\n`)
}

/** The loopback listener that turns plain connections into tunnels through the proxy. */
export interface Bridge {
  readonly port: number
  /** Says where the connection with this local port wants to go. To be called when `client` is connected to the bridge. */
  assign(localPort: number, target: Target): void
  close(): void
}

/**
 * Starts the bridge. A connection is served only after {@link Bridge.assign} named its target: another process on the same loopback gets
 * nothing through it. One listener serves all destinations.
 */
export async function startBridge(outboundSocket: string): Promise<Bridge> {
  const waiting = new Map<number, Socket>()
  const targets = new Map<number, Target>()
  const meet = (port: number): void => {
    const near = waiting.get(port)
    const target = targets.get(port)
    if (near === undefined || target === undefined) return
    waiting.delete(port)
    targets.delete(port)
    tunnel(outboundSocket, target, near)
  }
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) => {
    const port = near.remotePort ?? -1
    waiting.set(port, near)
    near.on('error', () => near.destroy())
    near.once('close', () => {
      if (waiting.get(port) === near) waiting.delete(port)
    })
    setTimeout(() => (waiting.get(port) === near ? near.destroy() : undefined), 5000).unref()
    meet(port)
  })
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen({ port: 0, host: '127.0.0.1' }, done)
  })
  server.unref()
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the outbound bridge has no port')
  return {
    port: address.port,
    assign: (localPort, target) => {
      targets.set(localPort, target)
      target.client.once('close', () => {
        if (targets.get(localPort) === target) targets.delete(localPort)
      })
      meet(localPort)
    },
    close: () => void server.close(),
  }
}
