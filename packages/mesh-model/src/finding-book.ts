import { refKey } from '@weft/core'
import { equal } from './equal.ts'
import type { ResourceFinding } from './snapshot.ts'

/** Keeps what is to be said by where it came from, and gives it as one list: sorted, each thing once, and the same list while nothing changed. */
export class FindingBook {
  readonly #pages = new Map<string, readonly ResourceFinding[]>()
  #list: readonly ResourceFinding[] = []
  #stale = false

  /** Replaces what one source has to say. */
  put(source: string, findings: readonly ResourceFinding[]): void {
    if (equal(this.#pages.get(source) ?? [], findings)) return
    if (findings.length === 0) this.#pages.delete(source)
    else this.#pages.set(source, findings)
    this.#stale = true
  }

  list(): readonly ResourceFinding[] {
    if (!this.#stale) return this.#list
    this.#stale = false
    const byText = new Map<string, ResourceFinding>()
    for (const page of this.#pages.values()) for (const finding of page) byText.set(`${refKey(finding.resource)} ${finding.reason} ${finding.message}`, finding)
    const list = [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, finding]) => finding)
    if (!equal(this.#list, list)) this.#list = list
    return this.#list
  }
}
