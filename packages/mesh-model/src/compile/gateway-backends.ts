import type { ResourceRef } from '@weft/core'
import type { FindingReason } from '../read/finding.ts'
import type { BackendModel } from '../read/gateway-api/models.ts'
import type { RouteTarget } from '../snapshot.ts'
import { isGranted } from '../world/api-gateways.ts'
import { endpointsOf, functionEndpoints, targetsOf, type Endpoints, type Reading } from './endpoints.ts'

/** A backend that calls can be sent to, or why they cannot. */
export type ResolvedBackend =
  | { readonly endpoints: Endpoints; readonly problem?: undefined }
  | { readonly endpoints?: undefined; readonly problem: BackendProblem }

/** Why a reference to a backend is not good. */
export interface BackendProblem {
  readonly reason: Extract<FindingReason, 'BackendNotFound' | 'InvalidKind' | 'RefNotPermitted'>
  readonly message: string
}

/** A route as the one who refers. */
export interface Referrer {
  readonly ref: ResourceRef
  readonly namespace: string
  /** Namespace of the host whose calls these are: its own names need no grant, since the callers call them anyway. */
  readonly parentNamespace?: string
}

/** Finds what a reference means. */
export function resolveBackend(reading: Reading, by: Referrer, backend: BackendModel): ResolvedBackend {
  const { group, kind, namespace, name, port } = backend
  const isFunction = group === 'weft.dev' && kind === 'Function'
  if (!isFunction && (group !== '' || kind !== 'Service'))
    return problem('InvalidKind', `${group === '' ? 'core' : group}/${kind} is no backend; use a Service or a Function of weft.dev`)
  const key = `${namespace}/${name}`
  if (!mayRefer(reading, by, backend))
    return problem('RefNotPermitted', `no ReferenceGrant in ${namespace} lets a ${by.ref.kind} of ${by.namespace} refer to ${name}`)
  const endpoints = isFunction ? functionEndpoints(reading, key) : endpointsOf(reading, key)
  if (endpoints === undefined) return problem('BackendNotFound', `there is no ${isFunction ? 'Function' : 'Service or Function'} ${key}`)
  if (port !== undefined && !endpoints.ports.includes(port)) return problem('BackendNotFound', `${key} does not answer on port ${port}`)
  return { endpoints }
}

function problem(reason: BackendProblem['reason'], message: string): ResolvedBackend {
  return { problem: { reason, message } }
}

function mayRefer({ world, dependencies }: Reading, by: Referrer, backend: BackendModel): boolean {
  const { namespace } = backend
  if (namespace === by.namespace || namespace === by.parentNamespace) return true
  dependencies.add(`grants ${namespace}`)
  return isGranted(world, { ...by.ref, namespace: by.namespace }, backend)
}

/** Shares of a backend's calls. */
export function backendTargets(reading: Reading, resolved: ResolvedBackend, { weight }: BackendModel, protocol: 'http' | 'grpc'): readonly RouteTarget[] {
  return resolved.endpoints === undefined ? [nowhere(weight, resolved.problem.message, protocol)] : targetsOf(reading, resolved.endpoints, undefined, weight)
}

/** A share that goes nowhere: 500, and for gRPC 503, which is its UNAVAILABLE (Gateway API, HTTPRouteRule.backendRefs and GRPCRouteRule.backendRefs). */
export function nowhere(weight: number, missing: string, protocol: 'http' | 'grpc'): RouteTarget {
  return { weight, workload: undefined, missing, ...(protocol === 'http' ? { missingStatus: 500 } : {}) }
}
