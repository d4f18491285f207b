import { messageOf } from '@weft/core'
import type { MeshSnapshot, WorkloadKey } from '@weft/mesh-model'
import { Accounts, AskedNames, TCP_HOSTS, TcpHosts } from './books.ts'
import { Dependencies } from './dependencies.ts'
import { CONNECTION_ROUTES, gatewayGroups } from './gateway-groups.ts'
import { parseVirtualHost } from './names.ts'
import type { EncodeInput, NodeLayout, ResourceChanges, Touched } from './types.ts'
import { UnitBook } from './units.ts'

import { accountOf, Round } from './round.ts'
/** Turns snapshots into the resources of one node. */
export interface Encoder {
  /**
   * What is different since the last call. With `touched`, only that is looked at, and what was made of it: the cost does not depend on how much there is.
   * Without, and the first time, everything is.
   * @throws RangeError when the node has no layout
   */
  update(input: EncodeInput, touched?: Touched): ResourceChanges
  /** Whether a resource in force refers to the secret. */
  refersTo(secret: string): boolean
}

/** Makes an encoder that has given nothing yet. */
export function createEncoder(): Encoder {
  return new IncrementalEncoder()
}

type Surroundings = Pick<MeshSnapshot, 'namespaces' | 'outbound' | 'ingressAuthentication'>

/**
 * Resources are made in groups, each for one thing: a host, a workload, a name that was asked for. A group says what it looked at, and is made again when that
 * changed. Names: `host/KEY`, `workload/KEY`, `virtual-host/NAME`, `cluster/NAME`; what groups look at has the same names, and `namespaces` and `everything`.
 */
class IncrementalEncoder implements Encoder {
  readonly #units = new UnitBook()
  readonly #groups = new Map<string, readonly string[]>()
  readonly #dependencies = new Dependencies()
  readonly #accounts = new Accounts()
  readonly #asked = new AskedNames()
  readonly #tcpHosts = new TcpHosts()
  #surroundings: Surroundings | undefined

  update(input: EncodeInput, touched?: Touched): ResourceChanges {
    const layout = layoutOf(input)
    const failures: { what: string; reason: string }[] = []
    const dirty = touched === undefined || this.#surroundings === undefined ? this.#all(input) : this.#dirty(input, touched)
    for (const group of dirty) {
      try {
        this.#make(group, input, layout)
      } catch (error) {
        failures.push({ what: group, reason: messageOf(error) })
      }
    }
    return { ...this.#units.take(), failures }
  }

  refersTo(secret: string): boolean {
    return this.#units.refersTo(secret)
  }

  /** Every group that there is or should be. */
  #all(input: EncodeInput): ReadonlySet<string> {
    const { snapshot, demand } = input
    this.#surroundings = snapshot
    for (const key of [...this.#accounts.workloads(), ...snapshot.workloads.keys()]) this.#accounts.set(key, ownAccount(input, key))
    for (const key of [...this.#tcpHosts.keys(), ...snapshot.hosts.keys()]) this.#tcpHosts.set(key, snapshot.hosts.get(key))
    for (const name of [...this.#asked.names(), ...demand.virtualHosts]) this.#asked.set(name, demand.virtualHosts.has(name))
    return new Set([
      'common',
      'ingress',
      ...gatewayGroups(layoutOf(input), snapshot),
      ...this.#groups.keys(),
      ...[...snapshot.hosts.keys()].map((key) => `host/${key}`),
      ...[...snapshot.workloads.keys()].map((key) => `workload/${key}`),
      ...[...demand.virtualHosts].map((name) => `virtual-host/${name}`),
      ...[...demand.clusters].map((name) => `cluster/${name}`),
    ])
  }

  #dirty(input: EncodeInput, touched: Touched): ReadonlySet<string> {
    const groups = new Set<string>()
    const add = (name: string) => {
      groups.add(name)
      for (const dependent of this.#dependencies.on(name)) groups.add(dependent)
    }
    for (const key of touched.workloads) {
      add(`workload/${key}`)
      for (const account of this.#accounts.set(key, ownAccount(input, key))) for (const group of this.#dependencies.on(account)) groups.add(group)
    }
    for (const key of touched.hosts) {
      add(`host/${key}`)
      if (this.#tcpHosts.set(key, input.snapshot.hosts.get(key))) add(TCP_HOSTS)
    }
    for (const key of touched.externals) add(`external/${key}`)
    for (const name of touched.clusters) add(`cluster/${name}`)
    for (const name of touched.keys ?? []) add(`keys/${name}`)
    for (const key of touched.listeners ?? []) add(`listener/${key}`)
    for (const key of touched.chainNames ?? []) add(`chain/${key}`)
    for (const key of touched.gatewayHosts ?? []) {
      add(`gateway-host/${key}`)
      add(CONNECTION_ROUTES)
    }
    // No groups of their own: whoever looked at them is made again.
    for (const key of touched.credentials ?? []) add(`credential/${key}`)
    for (const path of touched.files ?? []) add(`file/${path}`)
    for (const name of touched.virtualHosts) {
      this.#asked.set(name, input.demand.virtualHosts.has(name))
      add(`virtual-host/${name}`)
    }
    this.#addSurroundings(input.snapshot, groups)
    return groups
  }

  #addSurroundings(snapshot: Surroundings, groups: Set<string>): void {
    const before = this.#surroundings
    this.#surroundings = snapshot
    const same = before?.namespaces === snapshot.namespaces && before.outbound === snapshot.outbound
    if (!same) for (const group of this.#dependencies.on('namespaces')) groups.add(group)
    if (before?.ingressAuthentication !== snapshot.ingressAuthentication) groups.add('ingress')
    // A caller whose routes are sent as a whole; and how many unknown names it asked for depends on what exists.
    if (groups.size > 0) for (const group of this.#dependencies.on('everything')) groups.add(group)
    for (const group of groups) {
      const asked = group.startsWith('virtual-host/') ? parseVirtualHost(group.slice('virtual-host/'.length)) : undefined
      if (asked !== undefined) groups.add(`workload/${asked.workload}`)
    }
  }

  #make(group: string, input: EncodeInput, layout: NodeLayout): void {
    const round = new Round(input, layout, { units: this.#units, accounts: this.#accounts, asked: this.#asked, tcpHosts: this.#tcpHosts })
    round.run(group)
    const units = this.#units.exchange(this.#groups.get(group) ?? [], round.wanted)
    if (units.length === 0) this.#groups.delete(group)
    else this.#groups.set(group, units)
    this.#dependencies.set(group, [...round.lookedAt])
  }
}

/** @throws RangeError when the node has no layout */
function layoutOf({ layouts, node }: EncodeInput): NodeLayout {
  const layout = layouts.get(node)
  if (layout === undefined) throw new RangeError(`no layout for node ${node}`)
  return layout
}

function ownAccount({ snapshot, node }: EncodeInput, key: WorkloadKey): string | undefined {
  const workload = snapshot.workloads.get(key)
  return workload?.proxy === node ? accountOf(workload) : undefined
}
