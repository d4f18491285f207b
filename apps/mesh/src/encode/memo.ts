import type { EnvoyResource } from './types.ts'

interface Entry {
  readonly parts: readonly unknown[]
  readonly value: EnvoyResource
  generation: number
}

/**
 * Keeps resources as long as what they are made of stays the same (by identity), and keeps the *object* when a resource is made anew with equal content,
 * so that whoever compares two sets by identity sends nothing twice. What was not asked for during a round is forgotten at its end.
 */
export class Memo {
  readonly #entries = new Map<string, Entry>()
  #generation = 0

  /** Begins a round. */
  begin(): void {
    this.#generation += 1
  }

  /** @returns the resource kept under `key` when its `parts` are the ones it was made of, else what `make` makes */
  get(key: string, parts: readonly unknown[], make: () => EnvoyResource): EnvoyResource {
    const known = this.#entries.get(key)
    if (known !== undefined && same(known.parts, parts)) {
      known.generation = this.#generation
      return known.value
    }
    const made = make()
    const value = known !== undefined && JSON.stringify(known.value) === JSON.stringify(made) ? known.value : made
    this.#entries.set(key, { parts, value, generation: this.#generation })
    return value
  }

  /** Ends a round. */
  end(): void {
    for (const [key, entry] of this.#entries) if (entry.generation !== this.#generation) this.#entries.delete(key)
  }
}

function same(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((part, index) => Object.is(part, right[index]))
}
