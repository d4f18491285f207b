import { byAge } from '../read/base.ts'
import type { DestinationRuleModel } from '../read/models.ts'
import type { HostKey } from '../snapshot.ts'
import type { Reading } from './endpoints.ts'
import { namesOfHost } from './names.ts'

/** DestinationRules about a host of the mesh, oldest first: those with the most specific name for it. */
export function rulesAt({ world, dependencies }: Reading, key: HostKey): readonly DestinationRuleModel[] {
  for (const name of namesOfHost(key)) {
    dependencies.add(`destination-rules ${name}`)
    const rules = world.destinationRules.get(name)
    if (rules.size > 0) return [...rules].toSorted(byAge)
  }
  return []
}
