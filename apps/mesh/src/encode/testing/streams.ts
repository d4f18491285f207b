import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import type { IncomingMessage } from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import type { Duplex } from 'node:stream'
import type { Pem } from './certificates.ts'

/** Says hello to an upgrade and sends everything back: a WebSocket server as far as a proxy can see. */
export function echoUpgrade(request: IncomingMessage, socket: Duplex): void {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nx-url: ${request.url}\r\n\r\n`)
  socket.on('error', () => undefined)
  socket.pipe(socket)
}

/** Upgrades a connection and sends `text` through it. @returns what came back, or the status that was not 101 */
export function upgrade(options: http.RequestOptions, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...options.headers,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    }
    const request = http.request({ agent: false, ...options, headers })
    request.on('error', reject)
    request.on('response', (response) => {
      response.resume()
      resolve(String(response.statusCode))
    })
    request.on('upgrade', (_response, socket) => {
      socket.on('error', reject)
      socket.once('data', (data: Buffer) => {
        resolve(data.toString())
        socket.destroy()
      })
      socket.write(text)
    })
    request.end()
  })
}

/** The same by HTTP/2, where a WebSocket is one stream of a connection (RFC 8441). `target`: as `http2.connect` reads it. */
export function upgrade2(
  target: string,
  { path, authority }: { readonly path: string; readonly authority: string },
  text: string,
  options: http2.SecureClientSessionOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(target, options)
    session.on('error', reject)
    session.on('remoteSettings', ({ enableConnectProtocol }) => {
      if (enableConnectProtocol !== true) reject(new Error('the server does not take extended CONNECT'))
      const headers = {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':scheme': 'http',
        ':path': path,
        ':authority': authority,
        'sec-websocket-version': '13',
      }
      const stream = session.request(headers)
      const finish = (outcome: string): void => {
        resolve(outcome)
        session.destroy()
      }
      stream.on('error', reject)
      stream.on('response', ({ ':status': status }) => (status === 200 ? stream.write(text) : finish(String(status))))
      stream.once('data', (data: Buffer) => finish(data.toString()))
    })
  })
}

/** Sends bytes as they are. @returns everything that came back until the other side closed, or `enough` was seen */
export function raw(to: net.NetConnectOpts, text: string, enough?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(to)
    let seen = ''
    socket.setEncoding('utf8').on('data', (data: string) => {
      seen += data
      if (enough?.test(seen)) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(seen))
    socket.write(text)
  })
}

/** Opens a tunnel by CONNECT. @returns the socket after a 200, or the status */
export function tunnel(socketPath: string, authority: string): Promise<net.Socket | number> {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, method: 'CONNECT', path: authority, headers: { host: authority }, agent: false })
    request.on('error', reject)
    request.on('connect', (response, socket, head) => {
      if (head.length > 0) socket.unshift(head)
      if (response.statusCode === 200) return resolve(socket)
      socket.destroy()
      resolve(response.statusCode ?? 0)
    })
    request.end()
  })
}

/** A mutual-TLS connection to a Unix socket, as a peer with `pem` (or none) that trusts `root`. Resolves when the other side has accepted it. */
export function mutualTls(path: string, root: string, pem?: Pem): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const identity = pem === undefined ? {} : { cert: pem.certificate, key: pem.key }
    const socket = tls.connect({ path, ca: root, ...identity, ALPNProtocols: ['http/1.1'], checkServerIdentity: () => undefined })
    socket.on('error', reject)
    socket.on('secureConnect', () => resolve(socket))
  })
}

/** What a runtime does with the proxy's CONNECT, with a program that greets first, and sends back in capitals what it gets. */
export function serveConnections(name: string): { readonly path: string; readonly server: http.Server } {
  const directory = mkdtempSync('/tmp/weft-tcp-')
  const path = join(directory, 's')
  const server = http.createServer((_request, response) => response.end('probe'))
  server.on('connect', (_request, socket: net.Socket) => {
    socket.write(`HTTP/1.1 200 OK\r\n\r\n${name}\n`)
    socket.on('data', (text: Buffer) => {
      socket.write(text.toString().toUpperCase())
      if (text.toString() === 'quit') socket.end('goodbye\n')
    })
    socket.on('end', () => socket.end())
    socket.on('error', () => undefined)
  })
  server.on('close', () => rmSync(directory, { recursive: true, force: true }))
  server.listen(path)
  return { path, server }
}
