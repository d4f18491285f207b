import { externalKeysOf, isVisible } from '../find-external.ts'
import type { Destination, ServiceEntryModel } from '../read/models.ts'
import type { RouteTarget } from '../snapshot.ts'
import type { Reading } from './endpoints.ts'

/** ServiceEntries that have a name, and that the namespace sees. */
export function registered({ world, dependencies }: Reading, name: string, namespace: string): readonly ServiceEntryModel[] {
  return externalKeysOf(name, namespace).flatMap((key) => {
    dependencies.add(`service-entries ${key}`)
    return [...world.serviceEntries.get(key)].filter(({ entry }) => isVisible(entry, namespace))
  })
}

/** Why a share does not go outside. */
export interface OutsideProblem {
  readonly reason: 'HostNotFound' | 'SubsetNotFound' | 'PortNotFound'
  readonly message: string
}

/** A share that goes outside: its host is registered, and has the port and the subset; else what is not there. */
export function outsideTarget(reading: Reading, namespace: string, share: Destination): RouteTarget | OutsideProblem {
  const { text, host, port, subset, weight } = share
  const entries = registered(reading, text, namespace)
  if (entries.length === 0) return { reason: 'HostNotFound', message: `there is no function or Service ${host ?? text}` }
  if (port !== undefined && !entries.some(({ entry }) => entry.ports.some(({ number }) => number === port)))
    return { reason: 'PortNotFound', message: `${text} does not answer on port ${port}` }
  if (subset !== undefined && !subsetsOf(reading, text, namespace).has(subset))
    return { reason: 'SubsetNotFound', message: `no DestinationRule of ${text} has a subset ${subset}` }
  const number = port ?? onlyPort(entries)
  const external = { host: text.toLowerCase(), ...(number === undefined ? {} : { port: number }), ...(subset === undefined ? {} : { subset }) }
  return { weight, workload: undefined, external }
}

function onlyPort(entries: readonly ServiceEntryModel[]): number | undefined {
  const ports = new Set(entries.flatMap(({ entry }) => entry.ports.map(({ number }) => number)))
  const [first] = ports
  return ports.size === 1 ? first : undefined
}

function subsetsOf({ world, dependencies }: Reading, name: string, namespace: string): ReadonlySet<string> {
  const rules = externalKeysOf(name, namespace).flatMap((key) => {
    dependencies.add(`destination-rules ${key}`)
    return [...world.destinationRules.get(key)].filter((rule) => isVisible(rule, namespace))
  })
  return new Set(rules.flatMap(({ subsets }) => subsets.map(({ name: subset }) => subset)))
}
