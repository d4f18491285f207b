import net from 'node:net'
import { logLine } from '../boot/report.ts'
import { type Bridge, OutboundError, startBridge } from './bridge.ts'
import { installLookup, NameBook } from './lookup.ts'
import { authorityOf, wayOf } from './mesh-name.ts'

/** Where outgoing connections go. */
export interface OutboundOptions {
  /** Unix socket of the proxy's outbound listener. */
  readonly socketPath: string
  readonly meshNamespaces: readonly string[]
}

type Options = Record<string, unknown>
type Normalized = [Options, ((...args: unknown[]) => void) | null]
type Connect = (this: net.Socket, ...args: unknown[]) => net.Socket

/** `net._normalizeArgs` is what Node's own http and tls call; its result carries a private mark and must be passed on as it is. */
// oxlint-disable-next-line no-underscore-dangle -- private, and what everybody who replaces connect uses
const normalizeArgs = (net as unknown as { readonly _normalizeArgs: (args: unknown[]) => Normalized })._normalizeArgs

/** Properties that speak of a TCP connection, which the new one is not. */
const TCP_ONLY = ['port', 'host', 'lookup', 'family', 'hints', 'localAddress', 'localPort', 'autoSelectFamily', 'autoSelectFamilyAttemptTimeout'] as const

function redirected(options: Options, to: Options): Normalized {
  const changed: Options = { ...options }
  for (const key of TCP_ONLY) delete changed[key]
  return normalizeArgs([{ ...changed, ...to }])
}

/** Told by its mark, so that a function without TLS does not load `node:tls`. */
const isSecure = (socket: net.Socket): boolean => 'encrypted' in socket && socket.encrypted === true

function failSoon(socket: net.Socket, error: Error): net.Socket {
  process.nextTick(() => socket.destroy(error))
  return socket
}

/**
 * Replaces `net.Socket.prototype.connect`, through which every client of Node.js connects (http, https, fetch, undici, axios, got, request, tls,
 * database drivers). Plain connections to mesh names go to the proxy's Unix socket before any DNS look-up, the rest by CONNECT through a
 * bridge on the loopback. Convenience, not enforcement: that is the sandbox.
 */
export async function installOutboundHook(options: OutboundOptions): Promise<void> {
  const namespaces = new Set(options.meshNamespaces)
  // oxlint-disable-next-line unbound-method -- called with the socket as `this`
  const original = net.Socket.prototype.connect as unknown as Connect
  const bridge = await startBridge(options.socketPath).catch((error: unknown) => {
    logLine(`no loopback for the outbound bridge (${String(error)}): only mesh names can be reached`)
    return undefined
  })
  const names = new NameBook()
  installLookup(process.getBuiltinModule('node:dns'), names, namespaces)
  const patched: Connect = function (...args) {
    const given = args[0]
    const normalized = Array.isArray(given) ? (given as unknown as Normalized) : normalizeArgs(args)
    const wanted = normalized[0]
    const port = Number(wanted['port'])
    if (wanted['path'] != null || wanted['handle'] != null || !Number.isInteger(port) || port < 1 || port > 65_535) return original.call(this, ...args)
    const host = names.nameOf(typeof wanted['host'] === 'string' && wanted['host'] !== '' ? wanted['host'] : 'localhost')
    const way = wayOf(host, isSecure(this), namespaces, port)
    if (way === 'local') return original.call(this, ...args)
    if (normalized[1] !== null) this.once('connect', normalized[1])
    if (way === 'mesh') return original.call(this, redirected(wanted, { path: options.socketPath }))
    return throughBridge(this, { host, port, wanted }, bridge, original)
  }
  net.Socket.prototype.connect = patched
}

function throughBridge(
  socket: net.Socket,
  target: { readonly host: string; readonly port: number; readonly wanted: Options },
  bridge: Bridge | undefined,
  original: Connect,
): net.Socket {
  const authority = authorityOf(target.host, target.port)
  if (authority === undefined) return failSoon(socket, new OutboundError(JSON.stringify(target.host), 400, 'cannot be made: this is no host name'))
  if (bridge === undefined) return failSoon(socket, new OutboundError(authority, 0, 'cannot be made: the outbound bridge could not be started'))
  socket.prependOnceListener('connect', () => {
    if (socket.localPort !== undefined) bridge.assign(socket.localPort, { authority, client: socket })
  })
  return original.call(socket, redirected(target.wanted, { port: bridge.port, host: '127.0.0.1' }))
}
