import { refKey } from '@weft/core'
import { hasFindingStatus, type MeshSnapshot, type ResourceFinding, type ResourceStatus } from '@weft/mesh-model'
import { statusChange } from './changes.ts'
import type { StatusChange } from './writer.ts'

type Statuses = MeshSnapshot['statuses']

/** What statuses said last: those of the compiler, with what only shows at the proxies (certificates that cannot be used, ports that cannot be bound). */
export class SaidStatuses {
  #said: Statuses = new Map()
  #compiled: Statuses = new Map()
  #shown: readonly ResourceFinding[] = []

  /** What is different when this is to be said; `undefined`: nothing. Where nothing shows at the proxies, it costs nothing when the compiler said nothing new. */
  next(compiled: Statuses, shown: readonly ResourceFinding[]): StatusChange | undefined {
    const same = compiled === this.#compiled && sameTexts(shown, this.#shown)
    if (same) return undefined
    this.#compiled = compiled
    this.#shown = shown
    const before = this.#said
    this.#said = together(compiled, shown, before)
    return statusChange(before, this.#said)
  }
}

function together(compiled: Statuses, shown: readonly ResourceFinding[], before: Statuses): Statuses {
  const byResource = Map.groupBy(
    shown.filter(({ resource }) => hasFindingStatus(resource)),
    ({ resource }) => refKey(resource),
  )
  if (byResource.size === 0) return compiled
  const all = new Map(compiled)
  for (const [key, findings] of byResource) {
    const [first] = findings
    if (first === undefined) continue
    const own: ResourceStatus = compiled.get(key) ?? { resource: first.resource, generation: undefined }
    const status: ResourceStatus = { ...own, findings: [...(own.findings ?? []), ...findings].toSorted(bySeverity) }
    const known = before.get(key)
    all.set(key, known !== undefined && JSON.stringify(known) === JSON.stringify(status) ? known : status)
  }
  return all
}

/** Errors first. */
function bySeverity(a: ResourceFinding, b: ResourceFinding): number {
  return Number(a.severity === 'warning') - Number(b.severity === 'warning')
}

function sameTexts(a: readonly ResourceFinding[], b: readonly ResourceFinding[]): boolean {
  const textOf = (all: readonly ResourceFinding[]) => JSON.stringify(all.map(({ resource, reason, message }) => [refKey(resource), reason, message]))
  return a.length === b.length && textOf(a) === textOf(b)
}
