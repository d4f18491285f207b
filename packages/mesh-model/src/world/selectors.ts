import type { Selector } from '../read/models.ts'
import { Multimap } from './multimap.ts'

/** A label as a key of an index. Two labels that give the same key cost time only: what is found is checked against the whole selector. */
export function labelKey(namespace: string, key: string, value: string): string {
  return `${namespace} ${key} ${value}`
}

/** Whether the labels have everything that the selector asks for. */
export function selects(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  return selector.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
}

interface Selecting {
  readonly key: string
  readonly namespace: string
  readonly selector: Selector
}

/**
 * Finds the policies that select given labels without looking at all policies: each is kept under one label of its selector, those without a selector
 * under their namespace.
 */
export class SelectorIndex<T extends Selecting> {
  readonly #byLabel = new Multimap<T>()
  readonly #wide = new Multimap<T>()

  add(item: T): void {
    const [first] = item.selector
    if (first === undefined) this.#wide.add(item.namespace, item)
    else this.#byLabel.add(labelKey(item.namespace, ...first), item)
  }

  delete(item: T): void {
    const [first] = item.selector
    if (first === undefined) this.#wide.delete(item.namespace, item)
    else this.#byLabel.delete(labelKey(item.namespace, ...first), item)
  }

  /** Those of the namespace without a selector. */
  wide(namespace: string): ReadonlySet<T> {
    return this.#wide.get(namespace)
  }

  /** Those of the namespace whose selector holds for the labels. */
  narrow(namespace: string, labels: Readonly<Record<string, string>>): readonly T[] {
    const found: T[] = []
    for (const [key, value] of Object.entries(labels)) {
      for (const item of this.#byLabel.get(labelKey(namespace, key, value))) if (selects(item.selector, labels)) found.push(item)
    }
    return found
  }
}
