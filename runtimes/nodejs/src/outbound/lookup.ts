import type * as Dns from 'node:dns'
import { wayOf } from './mesh-name.ts'

const MAX_NAMES = 1024
/** 127.64.0.1 and on: far from the addresses that programs choose for themselves. */
const FIRST = 0x7f_40_00_01

/** Addresses of the loopback that stand for names of the mesh, for clients that look a name up and connect to its address (gRPC, some drivers). */
export class NameBook {
  readonly #addresses = new Map<string, string>()
  readonly #names = new Map<string, string>()
  #count = 0

  /** The address that stands for a name. The one that was asked for longest ago is forgotten when there are too many. */
  addressOf(name: string): string {
    const address = this.#addresses.get(name) ?? this.#next()
    this.#addresses.delete(name)
    this.#addresses.set(name, address)
    this.#names.set(address, name)
    const [oldest] = this.#addresses
    if (this.#addresses.size > MAX_NAMES && oldest !== undefined) {
      this.#addresses.delete(oldest[0])
      this.#names.delete(oldest[1])
    }
    return address
  }

  /** The name that an address stands for; any other text as it is. */
  nameOf(host: string): string {
    return this.#names.get(host) ?? host
  }

  #next(): string {
    const number = FIRST + (this.#count++ % 0x3f_fffe)
    return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
  }
}

interface LookupOptions {
  readonly all?: boolean
  readonly family?: number | string
}

/** `dns.lookup` takes a number or an object, or neither. */
function optionsOf(given: unknown): LookupOptions {
  if (typeof given === 'number') return { family: given }
  return typeof given === 'object' && given !== null ? given : {}
}

/**
 * Answers look-ups of mesh names, which no name server knows, with the addresses of `book`. IPv6 addresses are not given: who wants one alone gets what the
 * system says. Other names are looked up as ever.
 */
export function installLookup(dns: typeof Dns, book: NameBook, namespaces: ReadonlySet<string>): void {
  const answers = (name: unknown, options: LookupOptions): string | undefined => {
    const wanted = typeof name === 'string' && options.family !== 6 && options.family !== 'IPv6' && wayOf(name, false, namespaces) === 'mesh'
    return wanted ? book.addressOf(name.toLowerCase()) : undefined
  }
  const { lookup, promises } = dns
  const promised = promises.lookup
  const found = (address: string, { all }: LookupOptions): unknown => (all === true ? [{ address, family: 4 }] : { address, family: 4 })
  const asked = (name: string, ...rest: readonly unknown[]): unknown => {
    const callback = rest.at(-1)
    const options = optionsOf(rest.length > 1 ? rest[0] : undefined)
    const address = answers(name, options)
    if (address === undefined || typeof callback !== 'function') return Reflect.apply(lookup, dns, [name, ...rest])
    process.nextTick(() => void (options.all === true ? callback(null, found(address, options)) : callback(null, address, 4)))
    return {}
  }
  const promise = async (name: string, given?: unknown): Promise<unknown> => {
    const options = optionsOf(given)
    const address = answers(name, options)
    return address === undefined ? (Reflect.apply(promised, promises, [name, given]) as unknown) : found(address, options)
  }
  Object.assign(dns, { lookup: asked })
  Object.assign(promises, { lookup: promise })
}
