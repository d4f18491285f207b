import { refKey } from '@weft/core'
import { equal } from './equal.ts'
import type { ResourceFinding } from './snapshot.ts'
import { Multimap } from './world/multimap.ts'

/** Keeps what is to be said by where it came from, and gives it as one list: sorted, each thing once, and the same list while nothing changed. */
export class FindingBook {
  readonly #pages = new Map<string, readonly ResourceFinding[]>()
  /** Resource → sources that have something to say of it. */
  readonly #sources = new Multimap<string>()
  #touched = new Set<string>()
  #list: readonly ResourceFinding[] = []
  #stale = false

  /** Replaces what one source has to say. */
  put(source: string, findings: readonly ResourceFinding[]): void {
    if (equal(this.#pages.get(source) ?? [], findings)) return
    for (const { resource } of this.#pages.get(source) ?? []) this.#note(refKey(resource), source, false)
    for (const { resource } of findings) this.#note(refKey(resource), source, true)
    if (findings.length === 0) this.#pages.delete(source)
    else this.#pages.set(source, findings)
    this.#stale = true
  }

  #note(resource: string, source: string, says: boolean): void {
    this.#touched.add(resource)
    if (says) this.#sources.add(resource, source)
    else this.#sources.delete(resource, source)
  }

  /** Keys of resources of which something else is said since this was asked the last time. */
  takeTouched(): ReadonlySet<string> {
    const touched = this.#touched
    this.#touched = new Set()
    return touched
  }

  /** What is said of one resource, errors first; each thing once. */
  of(resource: string): readonly ResourceFinding[] {
    const all = [...this.#sources.get(resource)].flatMap((source) => (this.#pages.get(source) ?? []).filter((finding) => refKey(finding.resource) === resource))
    const byText = new Map(all.map((finding) => [`${finding.severity} ${finding.reason} ${finding.message}`, finding]))
    return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, finding]) => finding)
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
