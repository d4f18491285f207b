import type { EnvoyResource, ResourceChanges, ResourceName } from './types.ts'

/** Resources that are made of the same things, and the secrets that they refer to. */
export interface Bundle {
  readonly resources: readonly EnvoyResource[]
  readonly secrets: readonly string[]
}

const NO_SECRETS: readonly string[] = []

/** Makes a bundle. */
export function bundle(resources: readonly EnvoyResource[], secrets: readonly string[] = NO_SECRETS): Bundle {
  return { resources, secrets }
}

/** A bundle that somebody needs, under a name, with what it is made of. */
export interface Wanted {
  readonly key: string
  readonly parts: readonly unknown[]
  /** Set when the parts are not those that the bundle in force was made of. */
  readonly made?: Bundle
}

interface Unit {
  readonly parts: readonly unknown[]
  readonly resources: readonly ResourceName[]
  readonly secrets: readonly string[]
  users: number
}

/**
 * Which bundles are in force, and who needs them. It keeps names and what a bundle was made of (by identity), never its content: content belongs to whoever
 * sends it. What is not needed by anybody any more goes.
 */
export class UnitBook {
  readonly #units = new Map<string, Unit>()
  readonly #secretUsers = new Map<string, number>()
  readonly #set = new Map<string, EnvoyResource>()
  readonly #removed = new Map<string, ResourceName>()
  readonly #secretsBefore = new Map<string, boolean>()

  /** Whether somebody needs what is kept under `key`. */
  has(key: string): boolean {
    return this.#units.has(key)
  }

  /** @returns what is wanted under `key`: as it is when its `parts` are the ones it was made of, else with what `make` makes */
  want(key: string, parts: readonly unknown[], make: () => Bundle): Wanted {
    const known = this.#units.get(key)
    return known !== undefined && same(known.parts, parts) ? { key, parts } : { key, parts, made: make() }
  }

  /** Puts what is wanted into force, for somebody who had `before` until now. @returns what he has now */
  exchange(before: readonly string[], wanted: readonly Wanted[]): readonly string[] {
    const had = new Set(before)
    const after = new Set<string>()
    for (const each of wanted) {
      const users = (this.#units.get(each.key)?.users ?? 0) + (had.has(each.key) || after.has(each.key) ? 0 : 1)
      after.add(each.key)
      this.#put(each, users)
    }
    for (const key of before) if (!after.has(key)) this.#release(key)
    return [...after]
  }

  #put({ key, parts, made }: Wanted, users: number): void {
    const known = this.#units.get(key)
    if (known !== undefined && (made === undefined || same(known.parts, parts))) {
      known.users = users
      return
    }
    const { resources = [], secrets = [] } = made ?? {}
    this.#units.set(key, { parts, resources: resources.map(({ typeUrl, name }) => ({ typeUrl, name })), secrets, users })
    this.#countSecrets(secrets, 1)
    if (known !== undefined) this.#drop(known)
    for (const each of resources) {
      this.#removed.delete(nameOf(each))
      this.#set.set(nameOf(each), each)
    }
  }

  #release(key: string): void {
    const unit = this.#units.get(key)
    if (unit === undefined) return
    unit.users -= 1
    if (unit.users > 0) return
    this.#units.delete(key)
    this.#drop(unit)
  }

  #drop({ resources, secrets }: Unit): void {
    for (const { typeUrl, name } of resources) {
      this.#set.delete(nameOf({ typeUrl, name }))
      this.#removed.set(nameOf({ typeUrl, name }), { typeUrl, name })
    }
    this.#countSecrets(secrets, -1)
  }

  #countSecrets(secrets: readonly string[], by: 1 | -1): void {
    for (const name of secrets) {
      const users = this.#secretUsers.get(name) ?? 0
      if (!this.#secretsBefore.has(name)) this.#secretsBefore.set(name, users > 0)
      if (users + by === 0) this.#secretUsers.delete(name)
      else this.#secretUsers.set(name, users + by)
    }
  }

  /** Whether a resource in force refers to the secret. */
  refersTo(secret: string): boolean {
    return this.#secretUsers.has(secret)
  }

  /** What changed since the last time that this was asked. */
  take(): Omit<ResourceChanges, 'failures'> {
    const changes = {
      set: [...this.#set.values()],
      removed: [...this.#removed.values()],
      secretsAdded: [...this.#secretsBefore].filter(([name, before]) => !before && this.refersTo(name)).map(([name]) => name),
      secretsRemoved: [...this.#secretsBefore].filter(([name, before]) => before && !this.refersTo(name)).map(([name]) => name),
    }
    for (const map of [this.#set, this.#removed, this.#secretsBefore]) map.clear()
    return changes
  }
}

const nameOf = ({ typeUrl, name }: ResourceName) => `${typeUrl} ${name}`

function same(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((part, index) => Object.is(part, right[index]))
}
