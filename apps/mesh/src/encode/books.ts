import type { HostKey, MeshHost, WorkloadKey } from '@weft/mesh-model'
import { parseVirtualHost } from './names.ts'

/** Which workloads of the node have which identity. */
export class Accounts {
  readonly #of = new Map<WorkloadKey, string>()
  readonly #members = new Map<string, Set<WorkloadKey>>()

  workloads(): readonly WorkloadKey[] {
    return [...this.#of.keys()]
  }

  /** @returns accounts of which the members changed */
  set(key: WorkloadKey, account: string | undefined): readonly string[] {
    const before = this.#of.get(key)
    if (before === account) return []
    if (before !== undefined && this.#members.get(before)?.delete(key) === true && this.#members.get(before)?.size === 0) this.#members.delete(before)
    if (account === undefined) this.#of.delete(key)
    else {
      this.#of.set(key, account)
      this.#members.set(account, (this.#members.get(account) ?? new Set()).add(key))
    }
    return [before, account].filter((each) => each !== undefined)
  }

  /** A workload with the identity. */
  one(account: string): WorkloadKey | undefined {
    return this.#members.get(account)?.values().next().value
  }
}

/** Names of virtual hosts that are asked for, by who asks. */
export class AskedNames {
  readonly #of = new Map<WorkloadKey, Set<string>>()

  names(): readonly string[] {
    return [...this.#of.values()].flatMap((names) => [...names])
  }

  set(name: string, asked: boolean): void {
    const workload = parseVirtualHost(name)?.workload
    if (workload === undefined) return
    const names = this.#of.get(workload) ?? new Set()
    if (asked) names.add(name)
    else names.delete(name)
    if (names.size === 0) this.#of.delete(workload)
    else this.#of.set(workload, names)
  }

  of(workload: WorkloadKey): Iterable<string> {
    return this.#of.get(workload) ?? []
  }
}

/** What callers look at who may connect to a port of raw TCP: all of them, since a connection cannot wait for its route as a call can. */
export const TCP_HOSTS = 'tcp-hosts'

/** Hosts that carry raw TCP. */
export class TcpHosts {
  readonly #hosts = new Map<HostKey, MeshHost>()

  keys(): Iterable<HostKey> {
    return this.#hosts.keys()
  }

  /** @returns whether there is something different in what is kept */
  set(key: HostKey, host: MeshHost | undefined): boolean {
    const kept = host?.tcp === undefined ? undefined : host
    if (this.#hosts.get(key) === kept) return false
    if (kept === undefined) this.#hosts.delete(key)
    else this.#hosts.set(key, kept)
    return true
  }

  values(): Iterable<MeshHost> {
    return this.#hosts.values()
  }
}
