import type { Log } from '@weft/kit'
import type { CredentialKey } from '@weft/mesh-model'

/** PEM that can be used, or why it cannot. `note`: what its owner should know although it is in use. */
export type Material<T> = { readonly ok: true; readonly value: T; readonly note?: Note } | { readonly ok: false; readonly reason: string }

/** `CredentialKept`: something newer cannot be used, so this stays; `CredentialExpired`: there is nothing better. */
export interface Note {
  readonly reason: 'CredentialKept' | 'CredentialExpired'
  readonly message: string
}

/** When a certificate is good, milliseconds since the epoch; roots are told apart by the proxy itself. */
export interface Validity {
  readonly from: number
  readonly until: number
}

/** Where something comes from: what it is known by, and what is looked at again for it. */
export interface Origin {
  readonly id: string
  /** The Secret or the files, as people write them. */
  readonly text: string
  readonly credentials: readonly CredentialKey[]
  readonly files: readonly string[]
  /** Where it came from before, when it is looked for in several places and is in none of them now. */
  readonly others: readonly string[]
}

interface Kept {
  readonly value: unknown
  readonly validity: Validity
}

interface Held {
  readonly origin: Origin
  readonly reason: string
  /** When what is newer becomes good, or what is kept ends. */
  readonly againAt: number
}

const ALWAYS: Validity = { from: -Infinity, until: Infinity }

/**
 * The last certificates and roots that could be used, as long as somebody refers to them: who writes a Secret that is broken, has ended, or is not good yet, or
 * removes it, takes no server down. Istio's gateways do the same, since Envoy keeps a secret that it has. In memory alone: a platform that starts anew knows none.
 */
export class LastGood {
  readonly #kept = new Map<string, Kept>()
  readonly #held = new Map<string, Held>()
  readonly #now: () => number
  readonly #log: Log

  constructor({ now, log }: { readonly now: () => number; readonly log: Log }) {
    this.#now = now
    this.#log = log
  }

  /** What is used: the newest, unless it cannot be, or has ended where what was used before has not. */
  choose<T extends object | string>(origin: Origin, newest: Material<T>, validityOf: (value: T) => Validity = () => ALWAYS): Material<T> {
    const now = this.#now()
    const last = this.#lastOf(origin)
    const validity = newest.ok ? validityOf(newest.value) : undefined
    if (newest.ok && validity !== undefined && (last === undefined || isGood(validity, now) || !isGood(last.validity, now))) {
      this.#kept.set(origin.id, { value: newest.value, validity })
      this.#release(origin)
      return isGood(validity, now) ? newest : { ...newest, note: { reason: 'CredentialExpired', message: `${origin.text}: ${endText(validity, now)}` } }
    }
    if (last === undefined) return newest
    const reason = newest.ok ? `${origin.text}: ${endText(validity ?? ALWAYS, now)}` : newest.reason
    this.#hold({ origin, reason, againAt: nextChoice(validity, last.validity, now) })
    return { ok: true, value: last.value as T, note: { reason: 'CredentialKept', message: reason } }
  }

  #lastOf({ id, others }: Origin): Kept | undefined {
    return [id, ...others].map((one) => this.#kept.get(one)).find((kept) => kept !== undefined)
  }

  #hold(held: Held): void {
    const { id, text } = held.origin
    if (this.#held.get(id)?.reason !== held.reason)
      this.#log.warn({ credential: text, reason: held.reason }, 'the certificate of a server cannot be used; the last good one stays in force')
    this.#held.set(id, held)
  }

  #release({ id, text }: Origin): void {
    if (this.#held.delete(id)) this.#log.info({ credential: text }, 'the certificate of a server can be used again')
  }

  /** What time has changed since the last look: another choice is made for it. */
  due(): { readonly credentials: readonly CredentialKey[]; readonly files: readonly string[] } | undefined {
    const now = this.#now()
    const due = [...this.#held.values()].filter(({ againAt }) => againAt <= now)
    if (due.length === 0) return undefined
    return { credentials: due.flatMap(({ origin }) => origin.credentials), files: due.flatMap(({ origin }) => origin.files) }
  }

  /** Forgets what nobody refers to any more. */
  retain(ids: ReadonlySet<string>): void {
    for (const map of [this.#kept, this.#held]) for (const id of map.keys()) if (!ids.has(id)) map.delete(id)
  }
}

function isGood({ from, until }: Validity, now: number): boolean {
  return from <= now && now < until
}

function endText({ from, until }: Validity, now: number): string {
  return now < from ? `the certificate is not good before ${new Date(from).toISOString()}` : `the certificate ended on ${new Date(until).toISOString()}`
}

/** Infinity: time changes nothing. */
function nextChoice(newest: Validity | undefined, last: Validity, now: number): number {
  if (newest === undefined) return Infinity
  return now < newest.from ? Math.min(newest.from, last.until) : last.until
}
