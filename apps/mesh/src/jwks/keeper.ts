import { messageOf, type ResourceRef } from '@weft/core'
import type { Log } from '@weft/kit'
import { keySourceName, type JwtRule, type KeySource, type ResourceFinding } from '@weft/mesh-model'
import { nextFetchMs } from './decide.ts'

/** What a keeper works with. */
export interface KeeperParts {
  /** @throws Error with a message for a person */
  readonly fetch: (source: KeySource) => Promise<string>
  /** Told when keys of a source came, changed, or are not needed any more. */
  readonly changed: (name: string) => void
  readonly log: Log
  readonly refreshMs: number
}

interface Kept {
  readonly source: KeySource
  /** Who needs it: rules of resources, by workload. */
  readonly users: Map<string, readonly ResourceRef[]>
  failures: number
  problem: string | undefined
  timer: NodeJS.Timeout | undefined
}

/**
 * Keeps the public keys of the issuers that rules name: fetched when the first rule needs them, again from time to time, forgotten with the last. An outage
 * keeps the last good keys; before the first good fetch there are none, and tokens of that issuer are refused. Fail-closed, and never waited for.
 */
export class KeyKeeper {
  readonly #parts: KeeperParts
  readonly #kept = new Map<string, Kept>()
  readonly #wanted = new Map<string, readonly string[]>()
  readonly #keys = new Map<string, string>()
  #stopped = false

  constructor(parts: KeeperParts) {
    this.#parts = parts
  }

  /** Keys by the name of their source. */
  get keys(): ReadonlyMap<string, string> {
    return this.#keys
  }

  /** Says which rules `user` (a workload, the ingress) has now; none: it has gone. */
  want(user: string, rules: readonly JwtRule[]): void {
    const origins = new Map<string, { readonly source: KeySource; readonly refs: ResourceRef[] }>()
    for (const { keys, origin } of rules) {
      if (keys.kind !== 'fetched') continue
      const name = keySourceName(keys.source)
      const entry = origins.get(name) ?? { source: keys.source, refs: [] }
      entry.refs.push(origin)
      origins.set(name, entry)
    }
    for (const name of this.#wanted.get(user) ?? []) if (!origins.has(name)) this.#release(name, user)
    if (origins.size === 0) this.#wanted.delete(user)
    else this.#wanted.set(user, [...origins.keys()])
    for (const [name, { source, refs }] of origins) this.#need(name, source).users.set(user, refs)
  }

  #need(name: string, source: KeySource): Kept {
    const known = this.#kept.get(name)
    if (known !== undefined) return known
    const kept: Kept = { source, users: new Map(), failures: 0, problem: undefined, timer: undefined }
    this.#kept.set(name, kept)
    void this.#fetch(name, kept)
    return kept
  }

  #release(name: string, user: string): void {
    const kept = this.#kept.get(name)
    kept?.users.delete(user)
    if (kept === undefined || kept.users.size > 0) return
    clearTimeout(kept.timer)
    this.#kept.delete(name)
    this.#keys.delete(name)
  }

  async #fetch(name: string, kept: Kept): Promise<void> {
    const outcome = await this.#parts.fetch(kept.source).then(
      (jwks) => ({ jwks }),
      (error: unknown) => ({ problem: messageOf(error) }),
    )
    if (this.#stopped || this.#kept.get(name) !== kept) return
    if ('jwks' in outcome) this.#succeeded(name, kept, outcome.jwks)
    else this.#failed(kept, outcome.problem)
    const wait = nextFetchMs({ failures: kept.failures, refreshMs: this.#parts.refreshMs, random: Math.random() })
    kept.timer = setTimeout(() => void this.#fetch(name, kept), wait).unref()
  }

  #succeeded(name: string, kept: Kept, jwks: string): void {
    if (kept.failures > 0) this.#parts.log.info({ url: shownUrl(kept.source) }, 'the keys of an issuer can be fetched again')
    kept.failures = 0
    kept.problem = undefined
    if (this.#keys.get(name) === jwks) return
    this.#keys.set(name, jwks)
    this.#parts.changed(name)
  }

  #failed(kept: Kept, problem: string): void {
    kept.failures += 1
    // Once for an outage, not for every try.
    if (kept.problem !== problem) this.#parts.log.warn({ url: shownUrl(kept.source), reason: problem }, 'the keys of an issuer cannot be fetched')
    kept.problem = problem
  }

  /** What is to be said about resources whose keys cannot be fetched now. */
  findings(): readonly ResourceFinding[] {
    return [...this.#kept].flatMap(([name, { source, users, problem }]) => {
      if (problem === undefined) return []
      const effect = this.#keys.has(name) ? 'the last good ones stay in force' : 'until they are, its tokens are refused'
      const message = `the keys of ${shownUrl(source)} cannot be fetched (${problem}); ${effect}`
      const refs = new Map([...users.values()].flat().map((ref) => [`${ref.namespace}/${ref.name}`, ref]))
      return [...refs.values()].map((resource): ResourceFinding => ({ resource, severity: 'warning', reason: 'KeysNotFetched', message }))
    })
  }

  /** Fetches nothing any more. Idempotent. */
  stop(): void {
    this.#stopped = true
    for (const { timer } of this.#kept.values()) clearTimeout(timer)
  }
}

/** Without a query, which may carry a secret. */
function shownUrl({ url }: KeySource): string {
  return url.split('?')[0] ?? url
}
