import { Multimap } from './multimap.ts'

/** What a host was made of, so that a change finds the hosts that it touches. */
export type Dependency =
  | `function ${string}`
  | `revisions ${string}`
  | `service ${string}`
  | `virtual-services ${string}`
  /** One that others delegate to, by its key. */
  | `delegate ${string}`
  | `destination-rules ${string}`
  | `label ${string}`
  /** Routes of the Gateway API that are attached to a host. */
  | `gateway-routes ${string}`
  /** ReferenceGrants of a namespace. */
  | `grants ${string}`
  /** The ports of the egress gateway. */
  | 'egress'
  | `service-entries ${string}`
  /** Of a namespace. */
  | `workload-entries ${string}`

/** Remembers which hosts depend on what. */
export class Dependencies {
  readonly #hosts = new Multimap<string>()
  readonly #of = new Map<string, ReadonlySet<Dependency>>()

  /** Replaces what a host depends on. */
  set(host: string, dependencies: ReadonlySet<Dependency>): void {
    const before = this.#of.get(host)
    for (const dependency of before ?? []) if (!dependencies.has(dependency)) this.#hosts.delete(dependency, host)
    for (const dependency of dependencies) if (before?.has(dependency) !== true) this.#hosts.add(dependency, host)
    if (dependencies.size === 0) this.#of.delete(host)
    else this.#of.set(host, dependencies)
  }

  on(dependency: Dependency): ReadonlySet<string> {
    return this.#hosts.get(dependency)
  }
}
