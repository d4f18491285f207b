import { EGRESS_CLUSTER } from '../encode/names.ts'
import { parseOutsideName } from '../encode/outside-names.ts'

/** A resource as Envoy has it. */
export interface NamedJson {
  readonly name: string
  readonly json: unknown
}

/** Whether a cluster, or the internal listener of one, leads out of the mesh. */
export function leadsOut(name: string): boolean {
  return name === EGRESS_CLUSTER || parseOutsideName(name) !== undefined
}

/** Names of clusters to the outside that resources lead to, also through `tunnels`: internal listeners of the same names. */
export function waysOut(from: readonly unknown[], tunnels: readonly NamedJson[]): ReadonlySet<string> {
  const found = new Set(from.flatMap((json) => [...textsIn(json)].filter(leadsOut)))
  for (const { name, json } of tunnels) if (found.has(name)) for (const text of textsIn(json)) if (leadsOut(text)) found.add(text)
  return found
}

function* textsIn(json: unknown): Generator<string> {
  if (typeof json === 'string') yield json
  else if (Array.isArray(json)) for (const each of json) yield* textsIn(each)
  else if (typeof json === 'object' && json !== null) for (const each of Object.values(json)) yield* textsIn(each)
}
