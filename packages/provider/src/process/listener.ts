import { renameSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { WeftError } from '@weft/core'

/** Longest path of a Unix socket (Linux `sun_path` without its terminating zero; Envoy has the same limit). */
const SOCKET_PATH_LIMIT = 107

/** A listening socket that nobody accepts on in this process. */
export interface ListeningSocket {
  readonly fd: number
  /** Closes our copy of the descriptor; the file at `path` stays. */
  release(): void
}

/** @throws WeftError `SOCKET_PATH_TOO_LONG` */
export function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) > SOCKET_PATH_LIMIT) throw new WeftError('SOCKET_PATH_TOO_LONG', { path, limit: SOCKET_PATH_LIMIT })
}

function descriptorOf(server: Server): number {
  const handle = (server as unknown as Record<string, { readonly fd?: unknown } | undefined>)['_handle']
  if (typeof handle?.fd !== 'number' || handle.fd < 0) throw new Error('Node.js gave the listening socket no descriptor')
  return handle.fd
}

/**
 * Makes a listening Unix socket at `path`, to be inherited by a child. Synchronous from listen to release, so that the event loop of this
 * process never gets to accept a connection. It listens at a temporary name first: Node.js unlinks the name that it bound when it closes.
 */
export function listeningSocket(path: string): ListeningSocket {
  checkSocketPath(path)
  const temporary = `${path}~`
  checkSocketPath(temporary)
  rmSync(temporary, { force: true })
  const server = createServer()
  server.on('error', () => {})
  server.listen({ path: temporary, backlog: 1024 })
  const fd = descriptorOf(server)
  renameSync(temporary, path)
  return { fd, release: () => void server.close() }
}
