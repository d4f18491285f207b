import type { Resource } from '@weft/core'
import { ServiceEntrySpec, WorkloadEntrySpec } from '@weft/api'
import type { ExternalEndpoint, ExternalEntry, ExternalPort, ExternalProtocol } from '../external.ts'
import { blockKey, readAddressBlock } from '../policy/address.ts'
import { baseOf, refusals, selectorOf, versionProblem } from './base.ts'
import { checker } from './check.ts'
import type { Read } from './core-kinds.ts'
import { readExportTo } from './export-to.ts'
import { failure } from './finding.ts'
import type { ServiceEntryModel, WorkloadEntryModel } from './models.ts'
import { nameKeyOf } from './names.ts'

const checkServiceEntry = checker(ServiceEntrySpec)
const checkWorkloadEntry = checker(WorkloadEntrySpec)

/** Reads a ServiceEntry. */
export function readServiceEntry(resource: Resource): Read<ServiceEntryModel> {
  const base = baseOf(resource)
  const problem = versionProblem(resource)
  const checked = checkServiceEntry(resource.spec)
  if (problem !== undefined) return { findings: [failure(base.ref, 'InvalidResource', problem)] }
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const { hosts, addresses = [], ports = [], location, resolution = 'NONE', endpoints = [], workloadSelector, exportTo, subjectAltNames = [] } = checked.value
  const blocks = addresses.flatMap((text) => {
    const block = readAddressBlock(text)
    return block === undefined ? [] : (blockKey(block.address, block.bits) ?? [])
  })
  const entry: Omit<ExternalEntry, 'host'> = {
    resource: base.ref,
    namespace: base.namespace,
    visibleIn: readExportTo(exportTo, base.namespace),
    internal: location === 'MESH_INTERNAL',
    resolution: RESOLUTIONS[resolution],
    ports: ports.map(readPort),
    endpoints: endpoints.map(readEndpoint),
    blocks,
    subjectAltNames,
  }
  const named = hosts.map((host) => ({ key: nameKeyOf(host, base.namespace), host: host.toLowerCase() }))
  return {
    model: {
      ...base,
      entry,
      names: [...named, ...blocks.map((key) => ({ key, host: named[0]?.host ?? key }))],
      ...(workloadSelector === undefined ? {} : { selector: selectorOf(workloadSelector.labels) }),
    },
  }
}

const RESOLUTIONS = { NONE: 'none', STATIC: 'static', DNS: 'dns', DNS_ROUND_ROBIN: 'dns-round-robin' } as const

const PROTOCOLS: ReadonlyMap<string, ExternalProtocol> = new Map([
  ['HTTP', 'http'],
  ['HTTP2', 'http2'],
  ['GRPC', 'http2'],
  ['HTTPS', 'https'],
  ['TLS', 'tls'],
])

function readPort({ number, name, protocol, targetPort }: NonNullable<ServiceEntrySpec['ports']>[number]): ExternalPort {
  return { number, name, protocol: PROTOCOLS.get(protocol?.toUpperCase() ?? '') ?? 'tcp', targetPort: targetPort ?? number }
}

function readEndpoint({ address, ports = {}, labels = {}, weight = 1 }: WorkloadEntrySpec): ExternalEndpoint {
  return { address: address.toLowerCase(), ports, labels, weight }
}

/** Reads a WorkloadEntry. */
export function readWorkloadEntry(resource: Resource): Read<WorkloadEntryModel> {
  const base = baseOf(resource)
  const problem = versionProblem(resource)
  const checked = checkWorkloadEntry(resource.spec)
  if (problem !== undefined) return { findings: [failure(base.ref, 'InvalidResource', problem)] }
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  return { model: { ...base, endpoint: readEndpoint(checked.value) } }
}
