import type { EnvoyResource } from './types.ts'

/** Resources that are made of the same things, and the secrets that they refer to. */
export interface Bundle {
  readonly resources: readonly EnvoyResource[]
  readonly secrets: readonly string[]
}

interface Entry {
  readonly parts: readonly unknown[]
  readonly bundle: Bundle
  generation: number
}

/**
 * Keeps bundles as long as what they are made of stays the same (by identity), and keeps the *object* of a resource that is made anew with equal content,
 * so that whoever compares two sets by identity sends nothing twice. What was not asked for during a round is forgotten at its end.
 */
export class Memo {
  readonly #entries = new Map<string, Entry>()
  #generation = 0

  /** Begins a round. */
  begin(): void {
    this.#generation += 1
  }

  /** @returns the bundle kept under `key` when its `parts` are the ones it was made of, else what `make` makes */
  get(key: string, parts: readonly unknown[], make: () => Bundle): Bundle {
    const known = this.#entries.get(key)
    if (known !== undefined && same(known.parts, parts)) {
      known.generation = this.#generation
      return known.bundle
    }
    const bundle = known === undefined ? make() : keepEqual(make(), known.bundle)
    this.#entries.set(key, { parts, bundle, generation: this.#generation })
    return bundle
  }

  /** Ends a round. */
  end(): void {
    for (const [key, entry] of this.#entries) if (entry.generation !== this.#generation) this.#entries.delete(key)
  }
}

function same(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((part, index) => Object.is(part, right[index]))
}

/** The new bundle, with the old objects where they say the same. */
function keepEqual(made: Bundle, old: Bundle): Bundle {
  const before = new Map(old.resources.map((each) => [`${each.typeUrl} ${each.name}`, each]))
  const kept = made.resources.map((each) => {
    const known = before.get(`${each.typeUrl} ${each.name}`)
    return known !== undefined && JSON.stringify(known.json) === JSON.stringify(each.json) ? known : each
  })
  return { resources: kept, secrets: made.secrets }
}
