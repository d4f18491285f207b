/** Key → set of values, without empty sets. */
export class Multimap<V> {
  readonly #sets = new Map<string, Set<V>>()

  add(key: string, value: V): void {
    const set = this.#sets.get(key)
    if (set === undefined) this.#sets.set(key, new Set([value]))
    else set.add(value)
  }

  delete(key: string, value: V): void {
    const set = this.#sets.get(key)
    if (set?.delete(value) === true && set.size === 0) this.#sets.delete(key)
  }

  keys(): Iterable<string> {
    return this.#sets.keys()
  }

  get(key: string): ReadonlySet<V> {
    return this.#sets.get(key) ?? EMPTY
  }
}

const EMPTY: ReadonlySet<never> = new Set()
