import type { Server, Socket } from 'node:net'
import { MESH_HTTP_PORTS, wayOf } from '@weft/runtime-nodejs/mesh-name'
import { logLine } from '@weft/runtime-nodejs/report'
import { listen } from './listen.ts'
import { passThrough, tunnel } from './tunnel.ts'

/** Ports of plain HTTP, where an HTTP client waits for an HTTP answer. */
const HTTP_PORTS = new Set([80, 3000, 5000, 8000, 8080, 8081, 9000, 9090])
/** Databases and brokers, which may be functions that speak raw TCP. */
const MESH_PORTS = [...MESH_HTTP_PORTS, 1433, 1883, 3306, 4222, 5432, 5672, 6379, 9092, 27_017]
/** HTTP, mail, ssh and what databases and brokers usually have. */
const OUTSIDE_PORTS = [22, 25, 80, 443, 465, 587, 1433, 1883, 3306, 4222, 5432, 5672, 6379, 8080, 8443, 8883, 9092, 27_017]
const MAX_NAMES = 256
const TLS_HANDSHAKE = 0x16
const NAME = /^[a-z0-9_]([a-z0-9_-]{0,62}\.)*[a-z0-9_-]{1,63}$/

/** What names are made from. */
export interface NamesOptions {
  readonly outboundSocket: string
  readonly meshNamespaces: readonly string[]
  /** More ports to listen on. */
  readonly ports: readonly number[]
  /** A port that is the program's own. */
  readonly ownPort?: number
}

interface Entry {
  readonly address: string
  readonly servers: Promise<readonly Server[]>
}

/**
 * Gives each name that the program looks up an address of the loopback, and listens there: the address tells where a connection wants to go.
 * At most 256 names at a time; the one that was looked up longest ago gives way.
 */
export class Names {
  readonly #options: NamesOptions
  readonly #namespaces: ReadonlySet<string>
  readonly #entries = new Map<string, Entry>()
  #count = 0
  #warned = false

  constructor(options: NamesOptions) {
    this.#options = options
    this.#namespaces = new Set(options.meshNamespaces)
  }

  /** The address of a name, which is served from then on. @returns undefined for what is no name of a host */
  async addressOf(name: string): Promise<string | undefined> {
    if (!NAME.test(name) || name.length > 253) return undefined
    if (wayOf(name, false, this.#namespaces) === 'local') return '127.0.0.1'
    const known = this.#entries.get(name)
    const entry = known ?? this.#open(name)
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    this.#shrink()
    await entry.servers
    return entry.address
  }

  /** Stops listening. */
  close(): void {
    for (const entry of this.#entries.values()) closeAll(entry)
    this.#entries.clear()
  }

  #open(name: string): Entry {
    // 127.64.0.1 and on: far from the addresses that programs choose for themselves
    this.#count = (this.#count % 0x3f_fffe) + 1
    const number = 0x7f_40_00_00 + this.#count
    const address = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
    const mesh = wayOf(name, false, this.#namespaces) === 'mesh'
    const ports = new Set([...(mesh ? MESH_PORTS : OUTSIDE_PORTS), ...this.#options.ports])
    if (this.#options.ownPort !== undefined) ports.delete(this.#options.ownPort)
    const servers = Promise.all([...ports].map((port) => this.#listen({ name, mesh, address, port })))
    return { address, servers: servers.then((all) => all.filter((server) => server !== undefined)) }
  }

  async #listen(at: { readonly name: string; readonly mesh: boolean; readonly address: string; readonly port: number }): Promise<Server | undefined> {
    const { address: host, port } = at
    try {
      return await listen({ host, port }, (socket) => this.#route(at, socket))
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (taken && !this.#warned) {
        this.#warned = true
        logLine(
          `the program listens on port ${port} of all addresses, so that ${at.name}:${port} is the program itself unless it uses http_proxy: let it listen on 127.0.0.1`,
        )
      }
      return undefined
    }
  }

  #route({ name, mesh, port }: { readonly name: string; readonly mesh: boolean; readonly port: number }, socket: Socket): void {
    const { outboundSocket } = this.#options
    const destination = { authority: `${name}:${port}`, http: HTTP_PORTS.has(port) }
    // Of raw TCP the other side may speak first: there is nothing to wait for.
    if (!mesh || !MESH_HTTP_PORTS.has(port)) return tunnel(outboundSocket, destination, socket)
    // A client speaks first, of HTTP and of TLS: its first byte tells which
    socket.once('data', (first: Buffer) => {
      socket.pause()
      socket.unshift(first)
      if (first[0] === TLS_HANDSHAKE) tunnel(outboundSocket, { ...destination, http: false }, socket)
      else passThrough(outboundSocket, socket)
    })
    socket.once('end', () => (socket.bytesRead === 0 ? socket.destroy() : undefined))
    socket.resume()
  }

  #shrink(): void {
    const [oldest] = this.#entries
    if (oldest === undefined || this.#entries.size <= MAX_NAMES) return
    this.#entries.delete(oldest[0])
    closeAll(oldest[1])
  }
}

function closeAll(entry: Entry): void {
  void entry.servers.then((servers) => servers.forEach((server) => server.close()))
}
