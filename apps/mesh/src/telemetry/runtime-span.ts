import type { RuntimeSpan } from '@weft/mesh-model'
import { serviceAttributes } from '../encode/tracing.ts'
import type { FinishedSpan } from './otlp.ts'

/** A span of a replica as it is sent: whose it is, the platform says, not the replica. */
export function runtimeSpan(span: RuntimeSpan): FinishedSpan {
  const { traceId, spanId, parentId, startUs, endUs, status, cut } = span
  return {
    resource: serviceAttributes({ name: span.function, namespace: span.workload.namespace, version: span.revision }),
    traceId,
    spanId,
    parentId,
    name: span.name === 'handler' ? `handler ${span.function}.${span.workload.namespace}` : span.name,
    kind: span.name === 'handler' ? 'server' : 'internal',
    startUs,
    endUs,
    attributes: { 'weft.replica': span.replica, ...(status === undefined ? {} : { 'http.response.status_code': status }) },
    failed: cut || (status ?? 0) >= 500,
  }
}
