import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { connect } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the stand-in for Envoy's outbound listener saw. */
interface Seen {
  readonly kind: 'request' | 'connect'
  readonly host: string
  readonly path: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A stand-in for Envoy's outbound listener on a Unix socket: answers plain requests itself, tunnels CONNECT to the ports it was told. */
export interface Proxy {
  readonly socketPath: string
  readonly seen: readonly Seen[]
  close(): Promise<void>
}

/** Starts it. `tunnels`: `host:port` → port on the loopback; every other CONNECT gets a 403, as a policy would. */
export async function startProxy(tunnels: Readonly<Record<string, number>> = {}): Promise<Proxy> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-pp-'))
  const socketPath = join(directory, 'out.sock')
  const seen: Seen[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      seen.push({ kind: 'request', host: request.headers.host ?? '', path: request.url ?? '', method: request.method ?? '', headers: request.headers, body })
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ host: request.headers.host, path: request.url, headers: request.headers, body }))
    })
  })
  server.on('connect', (request, socket, head) => {
    seen.push({ kind: 'connect', host: request.headers.host ?? '', path: request.url ?? '', method: 'CONNECT', headers: request.headers, body: '' })
    const port = tunnels[request.url ?? '']
    if (port === undefined) return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 19\r\nConnection: close\r\n\r\nRBAC: access denied')
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.write(head)
      upstream.pipe(socket)
      socket.pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
    return undefined
  })
  await new Promise<void>((done) => server.listen(socketPath, done))
  return {
    socketPath,
    seen,
    close: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
