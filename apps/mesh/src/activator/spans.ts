import { randomBytes } from 'node:crypto'
import { SYSTEM_NAMESPACE } from '@weft/core'
import type { FinishedSpan } from '../telemetry/otlp.ts'
import type { Activation } from './held-call.ts'

const RESOURCE = { 'service.name': 'activator', 'service.namespace': SYSTEM_NAMESPACE }
const newId = (): string => randomBytes(8).toString('hex')

/** The spans of an activation, in the trace of the call that it was done for; none for a call that is not traced. */
export function activationSpans(activation: Activation, makeId: () => string = newId): readonly FinishedSpan[] {
  const { call, ok, startedAt, ms, steps } = activation
  const { trace } = call
  if (trace === undefined) return []
  const own = makeId()
  const span = (name: string, spanId: string, parentId: string, at: { readonly startedAt: number; readonly ms: number }): FinishedSpan => ({
    resource: RESOURCE,
    traceId: trace.traceId,
    spanId,
    parentId,
    name,
    kind: 'internal',
    startUs: Math.round(at.startedAt * 1000),
    endUs: Math.round((at.startedAt + Math.max(0, at.ms)) * 1000),
    attributes: { 'weft.workload': call.workload },
    failed: !ok,
  })
  return [span('activation', own, trace.parentId, { startedAt, ms }), ...steps.map((step) => span(`activation ${step.name}`, makeId(), own, step))]
}
