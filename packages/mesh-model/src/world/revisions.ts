import type { RevisionModel, Selector } from '../read/models.ts'
import { Multimap } from './multimap.ts'
import { labelKey, selects } from './selectors.ts'

/** The revisions, and the ways in which they are looked up. */
export class RevisionIndex {
  readonly #byKey = new Map<string, RevisionModel>()
  readonly #byFunction = new Multimap<RevisionModel>()
  readonly #byLabel = new Multimap<RevisionModel>()
  readonly #byNamespace = new Multimap<RevisionModel>()
  readonly #byAccount = new Multimap<RevisionModel>()

  get(key: string): RevisionModel | undefined {
    return this.#byKey.get(key)
  }

  add(revision: RevisionModel): void {
    this.#byKey.set(revision.key, revision)
    this.#byFunction.add(revision.function, revision)
    this.#byNamespace.add(revision.namespace, revision)
    this.#byAccount.add(`${revision.namespace}/${revision.serviceAccount}`, revision)
    for (const [key, value] of Object.entries(revision.labels)) this.#byLabel.add(labelKey(revision.namespace, key, value), revision)
  }

  delete(revision: RevisionModel): void {
    this.#byKey.delete(revision.key)
    this.#byFunction.delete(revision.function, revision)
    this.#byNamespace.delete(revision.namespace, revision)
    this.#byAccount.delete(`${revision.namespace}/${revision.serviceAccount}`, revision)
    for (const [key, value] of Object.entries(revision.labels)) this.#byLabel.delete(labelKey(revision.namespace, key, value), revision)
  }

  /** In the order of their keys, so that what is made of them does not depend on the order in which they came. */
  ofFunction(key: string): readonly RevisionModel[] {
    return inOrder(this.#byFunction.get(key))
  }

  usingAccount(key: string): ReadonlySet<RevisionModel> {
    return this.#byAccount.get(key)
  }

  /** The label of the selector that the fewest revisions have: the one to look them up, and to depend on, by. */
  rarest(namespace: string, selector: Selector): string | undefined {
    let rarest: { readonly key: string; readonly size: number } | undefined
    for (const [label, value] of selector) {
      const key = labelKey(namespace, label, value)
      const { size } = this.#byLabel.get(key)
      if (rarest === undefined || size < rarest.size) rarest = { key, size }
    }
    return rarest?.key
  }

  /** Those of the namespace (`undefined`: of all) that a selector selects; an empty selector selects all. */
  selected(namespace: string | undefined, selector: Selector): readonly RevisionModel[] {
    if (namespace === undefined) return [...this.#byKey.values()].filter((revision) => selects(selector, revision.labels))
    const key = this.rarest(namespace, selector)
    if (key === undefined) return inOrder(this.#byNamespace.get(namespace))
    return inOrder(this.#byLabel.get(key)).filter((revision) => selects(selector, revision.labels))
  }
}

function inOrder(revisions: ReadonlySet<RevisionModel>): readonly RevisionModel[] {
  return [...revisions].toSorted((a, b) => (a.key < b.key ? -1 : 1))
}
