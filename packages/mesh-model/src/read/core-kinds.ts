import { isDnsLabel, NAMESPACE_ALIASES, parseDurationMs, SYSTEM_NAMESPACE, type Resource } from '@weft/core'
import {
  exportedTo,
  FunctionSpec,
  FunctionTemplate,
  protocolOf,
  readRateLimits,
  ingressRulesOf,
  isClusterLocal,
  revisionObjectName,
  ServiceSpec,
  checkStreams,
  watchesEveryCall,
} from '@weft/api'
import type { ResourceFinding } from '../snapshot.ts'
import { baseOf, field, refusals, selectorOf } from './base.ts'
import { checker } from './check.ts'
import { readDelivery } from './delivery.ts'
import { readExportTo } from './export-to.ts'
import { failure, warning } from './finding.ts'
import { declaredKind } from './port-protocol.ts'
import type { FunctionModel, Model, NamespaceModel, RevisionModel, RevisionPhase, ServiceAccountModel, ServiceModel } from './models.ts'

/** Longest time of a call when the template does not say (design §2: 60 s). */
const DEFAULT_TIMEOUT_MS = 60_000
/** Where a replica is asked whether it is ready when the template does not say. */
const DEFAULT_READINESS_PATH = '/_/ready'
/** Annotation of a ServiceAccount: names of the functions that may use it, separated by commas. */
export const GRANT_ANNOTATION = 'weft.dev/granted-to'

/** A resource that was read, or only what is wrong with it. */
export type Read<M> = { readonly model: M; readonly findings?: undefined } | { readonly model?: undefined; readonly findings: readonly ResourceFinding[] }

const checkFunction = checker(FunctionSpec)
const checkTemplate = checker(FunctionTemplate)
const checkService = checker(ServiceSpec)

/** Reads a Function: where its traffic goes now is in its status. */
export function readFunction(resource: Resource): Read<FunctionModel> {
  const base = baseOf(resource)
  const misplaced = placement(base)
  if (misplaced !== undefined) return { findings: [misplaced] }
  const checked = checkFunction(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const { traffic, matches = [], template } = checked.value
  const delivery = readDelivery(resource.status)
  const { limits, violations } = readRateLimits(resource)
  return {
    model: {
      ...base,
      findings: [...violations, ...checkStreams(resource)].map(({ field: at, reason }) => failure(base.ref, 'InvalidResource', `${at}: ${reason}`)),
      rates: limits,
      watchesEveryCall: watchesEveryCall(resource.metadata.annotations ?? {}),
      ...ingressRulesOf({ metadata: resource.metadata, spec: checked.value }),
      traffic: trafficOf(resource.status),
      matches: matches.map(({ headers, revision }) => ({
        headers: Object.entries(headers)
          .map(([name, value]): readonly [string, string] => [name.toLowerCase(), value])
          .toSorted(([a], [b]) => (a < b ? -1 : 1)),
        revision,
      })),
      ...(delivery === undefined ? {} : { delivery }),
      pinned: (traffic?.length ?? 0) > 0 || matches.length > 0,
      port: template.port,
      protocol: protocolOf(template),
    },
  }
}

function trafficOf(status: unknown): FunctionModel['traffic'] {
  const traffic = field(status, 'traffic')
  if (!Array.isArray(traffic)) return []
  return traffic.flatMap((share: unknown) => {
    const revision = field(share, 'revision')
    const weight = field(share, 'weight')
    return typeof revision === 'string' && typeof weight === 'number' && Number.isInteger(weight) && weight >= 0 ? [{ revision, weight }] : []
  })
}

/** Names and namespaces that the mesh does not serve: no user code has one of the platform's identities. */
function placement({ ref, namespace, name }: Model): ResourceFinding | undefined {
  if (!isDnsLabel(name) || !isDnsLabel(namespace)) return failure(ref, 'InvalidName', `${namespace}/${name} is not made of DNS-1123 labels`)
  if (namespace === SYSTEM_NAMESPACE) return failure(ref, 'ReservedNamespace', `the namespace ${SYSTEM_NAMESPACE} belongs to the platform`)
  return undefined
}

/** Reads a Revision. Its name must be the one that its function and short name make, so that nobody slips a workload under another's function. */
export function readRevision(resource: Resource): Read<RevisionModel> {
  const base = baseOf(resource)
  const misplaced = placement(base)
  if (misplaced !== undefined) return { findings: [misplaced] }
  const spec = revisionFields(resource.spec)
  if (spec === undefined || revisionObjectName(spec.functionName, spec.revision) !== base.name) {
    return { findings: [failure(base.ref, 'InvalidResource', 'its name is not FUNCTION-REVISION of the function and the revision in its spec')] }
  }
  const checked = checkTemplate(field(resource.spec, 'template'))
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const template = checked.value
  return {
    model: {
      ...base,
      ...spec,
      function: `${base.namespace}/${spec.functionName}`,
      phase: phaseOf(resource.status),
      labels: {
        app: spec.functionName,
        version: spec.revision,
        ...template.labels,
        'weft.dev/function': spec.functionName,
        'weft.dev/revision': spec.revision,
      },
      serviceAccount: template.serviceAccount ?? spec.functionName,
      timeoutMs: template.timeout === undefined ? DEFAULT_TIMEOUT_MS : (durationMs(template.timeout) ?? DEFAULT_TIMEOUT_MS),
      readinessPath: template.readinessPath ?? DEFAULT_READINESS_PATH,
      port: template.port,
      protocol: protocolOf(template),
    },
  }
}

function revisionFields(spec: unknown): { readonly functionName: string; readonly revision: string; readonly number: number } | undefined {
  const functionName = field(spec, 'function')
  const revision = field(spec, 'revision')
  const number = field(spec, 'number')
  if (typeof functionName !== 'string' || typeof revision !== 'string' || typeof number !== 'number') return undefined
  return isDnsLabel(functionName) && isDnsLabel(revision) ? { functionName, revision, number } : undefined
}

function phaseOf(status: unknown): RevisionPhase {
  switch (field(status, 'phase')) {
    case 'Active':
      return 'active'
    case 'Retired':
      return 'retired'
    case 'Failed':
      return 'failed'
    default:
      return 'pending'
  }
}

/** Milliseconds of a duration, or `undefined` for what is none. */
export function durationMs(text: string): number | undefined {
  try {
    return parseDurationMs(text, 'duration')
  } catch {
    return undefined
  }
}

/** Reads a Service. What its ports carry is decided with what it selects. */
export function readService(resource: Resource): Read<ServiceModel> {
  const base = baseOf(resource)
  const misplaced = placement(base)
  if (misplaced !== undefined) return { findings: [misplaced] }
  const checked = checkService(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const { selector, ports } = checked.value
  const read = ports.map((port) => ({ port: port.port, kind: declaredKind(port), text: port.appProtocol ?? port.name ?? 'without a name' }))
  const portNames = Object.fromEntries(ports.flatMap(({ name, port }) => (name === undefined ? [] : [[name, port]])))
  return {
    model: {
      ...base,
      visibleIn: readExportTo(exportedTo(resource.metadata.annotations), base.namespace),
      selector: selectorOf(selector),
      isPrivate: isClusterLocal(resource.metadata.labels),
      ports: read,
      portNames,
    },
  }
}

/** Reads a ServiceAccount. */
export function readServiceAccount(resource: Resource): Read<ServiceAccountModel> {
  const granted = resource.metadata.annotations?.[GRANT_ANNOTATION]
  const names = typeof granted === 'string' ? granted.split(',').map((name) => name.trim()) : []
  return { model: { ...baseOf(resource), grantedTo: names.filter((name) => name !== '') } }
}

/** Reads a Namespace. */
export function readNamespace(resource: Resource): Read<NamespaceModel> {
  const base = baseOf(resource)
  const { name } = resource.metadata
  if (!isDnsLabel(name)) return { findings: [failure(base.ref, 'InvalidName', `${name} is not a DNS-1123 label`)] }
  const real = NAMESPACE_ALIASES.get(name)
  const findings = real === undefined ? [] : [warning(base.ref, 'ReservedNamespace', `${name} is another name of the namespace ${real}`)]
  return { model: { ...base, key: name, findings, labels: resource.metadata.labels ?? {} } }
}
