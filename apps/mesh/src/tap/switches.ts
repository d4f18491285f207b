import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import { TAP_KEYS } from '../encode/tap.ts'
import type { AdminAnswer } from '../envoy/admin.ts'

/** A proxy in which taps are switched. */
export interface SwitchedProxy {
  readonly node: string
  readonly adminSocket: string
  /** Its process; another one has nothing switched on. `undefined` while none runs. */
  readonly pid: number | undefined
}

/** How the admin interface of a proxy is asked. */
export type AskAdmin = (socket: string, path: string, options?: { readonly method?: 'GET' | 'POST' }) => Promise<AdminAnswer>

interface Known {
  readonly pid: number
  readonly on: ReadonlySet<string>
}

/** Of all calls. */
const ALL = '100'

/** Knows which taps are on at each proxy and brings it to what is wanted. What it does not know, of another control plane or process, it finds out first. */
export class TapSwitches {
  readonly #ask: AskAdmin
  readonly #log: Log
  readonly #known = new Map<string, Known>()
  readonly #failing = new Set<string>()

  constructor(ask: AskAdmin, log: Log) {
    this.#ask = ask
    this.#log = log
  }

  /** Switches on what is wanted and off what is not. @returns whether it is so now */
  async bring(proxy: SwitchedProxy, wanted: ReadonlySet<string>): Promise<boolean> {
    const { node, pid } = proxy
    if (pid === undefined) return wanted.size === 0
    try {
      const before = this.#known.get(node)
      const on = before?.pid === pid ? before.on : await this.#switchedOn(proxy)
      this.#known.set(node, { pid, on })
      const changes = [
        ...[...wanted].filter((key) => !on.has(key)).map((key) => `${key}=${ALL}`),
        ...[...on].filter((key) => !wanted.has(key)).map((key) => `${key}=`),
      ]
      if (changes.length > 0) await this.#post(proxy, `/runtime_modify?${changes.join('&')}`)
      this.#known.set(node, { pid, on: new Set(wanted) })
      this.#failing.delete(node)
      return true
    } catch (error) {
      this.#known.delete(node)
      if (!this.#failing.has(node)) this.#log.warn({ proxy: node, reason: messageOf(error) }, 'taps could not be switched; it is tried again')
      this.#failing.add(node)
      return false
    }
  }

  async #switchedOn({ adminSocket }: SwitchedProxy): Promise<ReadonlySet<string>> {
    const { status, body } = await this.#ask(adminSocket, '/runtime')
    if (status !== 200) throw new Error(`the admin interface answered ${status}`)
    const { entries = {} } = JSON.parse(body) as { readonly entries?: Readonly<Record<string, unknown>> }
    return new Set(Object.keys(entries).filter((key) => key.startsWith(TAP_KEYS)))
  }

  async #post({ adminSocket }: SwitchedProxy, path: string): Promise<void> {
    const { status } = await this.#ask(adminSocket, path, { method: 'POST' })
    if (status !== 200) throw new Error(`the admin interface answered ${status}`)
  }
}
