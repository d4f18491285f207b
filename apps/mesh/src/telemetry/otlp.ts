import { protoRoot } from '../proto/codec.ts'

/** A span that has ended. */
export interface FinishedSpan {
  /** OpenTelemetry resource of who measured it. */
  readonly resource: Readonly<Record<string, string>>
  /** Hexadecimal. */
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly name: string
  readonly kind: 'internal' | 'server'
  /** Microseconds since the epoch. */
  readonly startUs: number
  readonly endUs: number
  readonly attributes: Readonly<Record<string, string | number>>
  readonly failed: boolean
}

const REQUEST = 'opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest'
/** OTLP's numbers. */
const KINDS = { internal: 1, server: 2 } as const
const ERROR_STATUS = 2

function attributesOf(values: FinishedSpan['attributes']): readonly object[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: typeof value === 'number' ? { int_value: value } : { string_value: value } }))
}

function spanOf(span: FinishedSpan): object {
  return {
    trace_id: Buffer.from(span.traceId, 'hex'),
    span_id: Buffer.from(span.spanId, 'hex'),
    parent_span_id: Buffer.from(span.parentId, 'hex'),
    name: span.name,
    kind: KINDS[span.kind],
    start_time_unix_nano: span.startUs * 1000,
    end_time_unix_nano: span.endUs * 1000,
    attributes: attributesOf(span.attributes),
    ...(span.failed ? { status: { code: ERROR_STATUS } } : {}),
  }
}

/** The spans as an `ExportTraceServiceRequest` of OTLP, by resource. */
export function encodeSpans(spans: readonly FinishedSpan[]): Buffer {
  const byResource = Map.groupBy(spans, ({ resource }) => JSON.stringify(resource))
  const resource_spans = [...byResource.values()].map((group) => ({
    resource: { attributes: attributesOf(group[0]?.resource ?? {}) },
    scope_spans: [{ scope: { name: 'weft' }, spans: group.map(spanOf) }],
  }))
  return Buffer.from(protoRoot().lookupType(REQUEST).encode({ resource_spans }).finish())
}
