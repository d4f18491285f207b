import type { Resource } from '@weft/core'
import {
  GATEWAY_CONTROLLER,
  RECONCILED,
  type ListenerStatus,
  type ParentStatus,
  type ResourceFinding,
  type ResourceStatus,
  type StatusCondition,
} from '@weft/mesh-model'

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const fieldsOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isFields) : [])

/**
 * The status that a resource is to have; `undefined` when it has it. Entries of other controllers stay. A condition that holds as before keeps the time at which it
 * came to hold. `wanted` is `undefined` when we have nothing to say (any more).
 */
export function nextStatus(resource: Resource, wanted: ResourceStatus | undefined, now: string): Fields | undefined {
  const status = isFields(resource.status) ? resource.status : {}
  const next = { ...status, ...routePart(status, wanted, now), ...wholePart(status, wanted, now), ...findingPart(status, wanted, now) }
  return sameJson(status, next) ? undefined : next
}

/** Of a Gateway or GatewayClass: we are the only one who writes it. */
function wholePart(status: Fields, wanted: ResourceStatus | undefined, now: string): Fields {
  if (wanted?.conditions === undefined) return {}
  const { conditions, listeners, addresses, generation } = wanted
  const moment = { generation, now }
  const known = fieldsOf(status['listeners'])
  const own = new Set(conditions.map(({ type }) => type))
  const others = fieldsOf(status['conditions']).filter(({ type }) => !own.has(String(type)))
  return {
    conditions: [...others, ...conditions.map((each) => withTime(each, fieldsOf(status['conditions']), moment))],
    ...(listeners === undefined ? {} : { listeners: listeners.map((listener) => listenerEntry(listener, known, moment)) }),
    ...(addresses === undefined ? {} : { addresses }),
  }
}

function listenerEntry({ conditions, ...listener }: ListenerStatus, before: readonly Fields[], moment: Moment): Fields {
  const known = before.find(({ name }) => name === listener.name)
  return { ...listener, conditions: conditions.map((each) => withTime(each, fieldsOf(known?.['conditions']), moment)) }
}

/** Of other kinds, as Istio has it (`meta.v1alpha1.IstioStatus`): a condition, and each finding by its name. */
function findingPart(status: Fields, wanted: ResourceStatus | undefined, now: string): Fields {
  if (wanted?.findings === undefined) return {}
  const { findings, generation } = wanted
  const known = fieldsOf(status['conditions'])
  return {
    conditions: [...known.filter(({ type }) => type !== RECONCILED), withTime(reconciled(findings), known, { generation, now })],
    validationMessages: findings.map(({ severity, reason }) => ({ type: { name: reason }, level: severity === 'error' ? 'ERROR' : 'WARNING' })),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  }
}

/** Longest message of a condition (Kubernetes, `metav1.Condition`). */
const MAX_MESSAGE = 32_768

function reconciled(findings: readonly ResourceFinding[]): StatusCondition {
  const [first] = findings
  if (first === undefined) return { type: RECONCILED, status: 'True', reason: RECONCILED, message: 'all of it is in force' }
  const message = findings.map((finding) => finding.message).join('; ')
  return { type: RECONCILED, status: 'False', reason: first.reason, message: message.slice(0, MAX_MESSAGE) }
}

/** Of a route. */
function routePart(status: Fields, wanted: ResourceStatus | undefined, now: string): Fields {
  const before = fieldsOf(status['parents'])
  const others = before.filter((entry) => entry['controllerName'] !== GATEWAY_CONTROLLER)
  const own = before.filter((entry) => entry['controllerName'] === GATEWAY_CONTROLLER)
  const parents = [...others, ...(wanted?.parents ?? []).map((parent) => parentEntry(parent, own, { generation: wanted?.generation, now }))]
  return wanted?.parents === undefined && before.length === 0 ? {} : { parents }
}

interface Moment {
  readonly generation: number | undefined
  readonly now: string
}

function parentEntry({ parent, conditions }: ParentStatus, before: readonly Fields[], moment: Moment): Fields {
  const known = before.find((entry) => sameJson(entry['parentRef'], parent))
  return {
    parentRef: parent,
    controllerName: GATEWAY_CONTROLLER,
    conditions: conditions.map((each) => withTime(each, fieldsOf(known?.['conditions']), moment)),
  }
}

function withTime({ type, status, reason, message }: StatusCondition, before: readonly Fields[], { generation, now }: Moment): Fields {
  const known = before.find((one) => one['type'] === type && one['status'] === status)
  const since = known?.['lastTransitionTime']
  return {
    type,
    status,
    reason,
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: typeof since === 'string' ? since : now,
  }
}

/** Whether two values are the same JSON, whatever the order of their fields. */
function sameJson(a: unknown, b: unknown): boolean {
  return ordered(a) === ordered(b)
}

function ordered(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isFields(inner) ? Object.fromEntries(Object.entries(inner).toSorted(([x], [y]) => (x < y ? -1 : 1))) : inner,
  )
}
