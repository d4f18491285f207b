/**
 * Who looked at what: after a change only those are asked again who looked at what changed. Entries are names; what a name stands for is the users' business.
 */
export class Dependencies {
  readonly #of = new Map<string, readonly string[]>()
  readonly #dependents = new Map<string, Set<string>>()

  /** Says what `who` looked at, in place of what was said before; nothing: it is forgotten. */
  set(who: string, lookedAt: readonly string[]): void {
    for (const each of this.#of.get(who) ?? []) this.#forget(each, who)
    if (lookedAt.length === 0) {
      this.#of.delete(who)
      return
    }
    this.#of.set(who, lookedAt)
    for (const each of lookedAt) {
      const dependents = this.#dependents.get(each)
      if (dependents === undefined) this.#dependents.set(each, new Set([who]))
      else dependents.add(who)
    }
  }

  #forget(what: string, who: string): void {
    const dependents = this.#dependents.get(what)
    dependents?.delete(who)
    if (dependents?.size === 0) this.#dependents.delete(what)
  }

  /** Who looked at it. */
  on(what: string): Iterable<string> {
    return this.#dependents.get(what) ?? []
  }
}
