import { isIP, isIPv4 } from 'node:net'
import type { ServiceEntryEndpoint, ServiceEntrySpec, WorkloadEntrySpec } from '../istio/service-entry.ts'
import { child, shown, type Violation } from '../violation.ts'
import { duplicates } from './function.ts'
import { checkHost, checkHostPattern, checkLabels } from './metadata.ts'

type Resolution = NonNullable<ServiceEntrySpec['resolution']>

/** What the schema of a ServiceEntry cannot say (the rules of Istio's own validation, and that nothing is dialled that user code can write). */
export function checkServiceEntry(spec: ServiceEntrySpec): readonly Violation[] {
  const { hosts, addresses = [], ports = [], resolution = 'NONE', workloadSelector } = spec
  const endpoints = spec.endpoints ?? []
  return [
    ...hosts.flatMap((host, index) => checkOutsideHost(host, child('spec.hosts', index), resolution, endpoints.length)),
    ...duplicates(hosts, 'spec.hosts'),
    ...addresses.flatMap((address, index) => checkBlock(address, child('spec.addresses', index), resolution)),
    ...checkPorts(spec, resolution),
    ...checkPlaces(spec, resolution),
    ...endpoints.flatMap((endpoint, index) =>
      checkEndpoint(
        endpoint,
        child('spec.endpoints', index),
        resolution,
        ports.map(({ name }) => name),
      ),
    ),
    ...checkLabels(workloadSelector?.labels ?? {}, 'spec.workloadSelector.labels'),
  ]
}

/** What the schema of a WorkloadEntry cannot say. */
export function checkWorkloadEntry(spec: WorkloadEntrySpec): readonly Violation[] {
  return checkEndpoint(spec, 'spec', isIP(spec.address) === 0 ? 'DNS' : 'STATIC', undefined)
}

function checkOutsideHost(host: string, field: string, resolution: Resolution, endpoints: number): readonly Violation[] {
  if (isIP(host) !== 0) return [{ field, reason: `${shown(host)} is an address; hosts are names, addresses stand in spec.addresses` }]
  if (host === '*') return [{ field, reason: '"*" would mean every name; write *.NAME, or use the outbound policy ALLOW_ANY' }]
  const nameless = host.includes('*') && resolution.startsWith('DNS') && endpoints === 0
  return [
    ...checkHostPattern(host, field),
    ...(nameless ? [{ field, reason: `${shown(host)}: with resolution ${resolution} and without endpoints there is no name to resolve; use NONE` }] : []),
  ]
}

function checkBlock(text: string, field: string, resolution: Resolution): readonly Violation[] {
  const [address = '', length, ...rest] = text.split('/')
  const most = isIPv4(address) ? 32 : 128
  const fits = addressProblem(address) === undefined && rest.length === 0 && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= most))
  if (!fits) return [{ field, reason: `${shown(text)} is not an address such as 203.0.113.7 or a block such as 203.0.113.0/24` }]
  const wide = length !== undefined && Number(length) < most
  if (wide && resolution.startsWith('DNS')) return [{ field, reason: `a block of addresses cannot stand for a name with resolution ${resolution}` }]
  const floor = isIPv4(address) ? 8 : 16
  return wide && Number(length) < floor ? [{ field, reason: `${shown(text)} is more than a block of /${floor}` }] : []
}

function checkPorts({ ports = [] }: ServiceEntrySpec, resolution: Resolution): readonly Violation[] {
  return [
    ...duplicates(
      ports.map(({ number }) => String(number)),
      'spec.ports',
    ),
    ...duplicates(
      ports.map(({ name }) => name),
      'spec.ports',
    ),
    ...ports.flatMap(({ targetPort }, index) =>
      targetPort !== undefined && resolution === 'NONE'
        ? [{ field: `spec.ports[${index}].targetPort`, reason: 'has no effect with resolution NONE: calls go to the port that was called' }]
        : [],
    ),
  ]
}

/** Which resolution goes with what. */
function checkPlaces({ endpoints, workloadSelector }: ServiceEntrySpec, resolution: Resolution): readonly Violation[] {
  const both = endpoints !== undefined && endpoints.length > 0 && workloadSelector !== undefined
  const count = endpoints?.length ?? 0
  return [
    ...(both ? [{ field: 'spec.workloadSelector', reason: 'stands beside endpoints; only one can hold' }] : []),
    ...(resolution === 'NONE' && (count > 0 || workloadSelector !== undefined)
      ? [{ field: 'spec.resolution', reason: 'NONE sends calls where they were meant to go; endpoints need STATIC or DNS' }]
      : []),
    ...(resolution === 'STATIC' && count === 0 && workloadSelector === undefined
      ? [{ field: 'spec.endpoints', reason: 'is missing; resolution STATIC needs endpoints or a workloadSelector' }]
      : []),
    ...(resolution === 'DNS_ROUND_ROBIN' && count > 1 ? [{ field: 'spec.endpoints', reason: 'resolution DNS_ROUND_ROBIN takes one endpoint' }] : []),
  ]
}

function checkEndpoint(endpoint: ServiceEntryEndpoint, path: string, resolution: Resolution, ports: readonly string[] | undefined): readonly Violation[] {
  const { address, labels = {} } = endpoint
  const unknown = ports === undefined ? [] : Object.keys(endpoint.ports ?? {}).filter((name) => !ports.includes(name))
  return [
    ...checkAddress(address, `${path}.address`, resolution),
    ...unknown.map((name) => ({ field: child(`${path}.ports`, name), reason: `no port of the ServiceEntry has the name ${shown(name)}` })),
    ...checkLabels(labels, `${path}.labels`),
  ]
}

function checkAddress(address: string, field: string, resolution: Resolution): readonly Violation[] {
  if (/^unix:/i.test(address) || address.includes('/')) return [{ field, reason: 'Unix sockets are not reached: what can write a file could take its place' }]
  const problem = addressProblem(address)
  if (problem === undefined) return []
  if (isIP(address) !== 0) return [{ field, reason: problem }]
  return resolution === 'STATIC' ? [{ field, reason: `${shown(address)} is not an address; names need resolution DNS` }] : checkHost(address, field)
}

/** Why something is no address of one other place. */
function addressProblem(address: string): string | undefined {
  if (isIP(address) === 0 || address.includes('%')) return `${shown(address)} is not an address`
  if (/^(0\.|22[4-9]\.|23\d\.|24\d\.|25\d\.)/.test(address)) return `${shown(address)} is not the address of one machine`
  if (isIPv4(address)) return undefined
  const lower = address.toLowerCase()
  if (/^(::|0+(:0+)*::?0*)$/.test(lower) || lower.startsWith('ff')) return `${shown(address)} is not the address of one machine`
  return /^(0*:)*:?(0*:)*ffff:|^64:ff9b:|\./.test(lower) ? `${shown(address)} stands for an IPv4 address; write that` : undefined
}
