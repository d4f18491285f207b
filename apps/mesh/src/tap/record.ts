import type { TapCall, WorkloadKey } from '@weft/mesh-model'
import { connectName } from '../encode/names.ts'
import { parseTapListener, type TapAttribute } from '../encode/tap.ts'
import { decodeAny } from '../proto/codec.ts'
import { UNKNOWN, type Ends } from '../statistics/ends.ts'

/** Texts of a record by attribute; Envoy writes `-` for what there is not. */
export type TapRecord = Partial<Record<TapAttribute, string>>

/** A call and whose tap told of it. */
export interface ToldCall {
  readonly workload: WorkloadKey
  readonly call: TapCall
}

/** Headers may be long: nobody reads more than this of one. */
const MOST_CHARACTERS = 1024

interface LogRecord {
  readonly attributes?: readonly { readonly key?: string; readonly value?: { readonly string_value?: string } | null }[]
}

/** Reads an OTLP log record. @throws when it is none */
export function readRecord(bytes: Uint8Array): TapRecord {
  const { attributes = [] } = decodeAny('opentelemetry.proto.logs.v1.LogRecord', bytes) as LogRecord
  return Object.fromEntries(attributes.map(({ key, value }) => [key ?? '', value?.string_value ?? '']))
}

const known = (text: string | undefined): text is string => text !== undefined && text !== '' && text !== '-'
const cut = (text: string): string => (text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text)
const textOf = (text: string | undefined): string => (known(text) ? cut(text) : '')
const numberOf = (text: string | undefined): number => (text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0)
/** What a host says of a user may be a password. */
const hostOf = (text: string | undefined): string => textOf(text).replace(/^.*@/s, '')

/**
 * The call of a record; `undefined` for what is no call of anybody: the prober's, questions of the proxy to itself, and the way
 * on which a first call waits for its clusters, which tells of it once more.
 */
export function callOf(record: TapRecord, ends: Ends): ToldCall | undefined {
  const from = parseTapListener(record.listener ?? '')
  if (from === undefined || known(record.question) || record.cluster === connectName(from.workload)) return undefined
  const own = ends.ofWorkload(from.workload)
  const peer = known(record.peer) ? record.peer : ''
  const inbound = from.hop === 'inbound'
  const other = inbound ? ends.ofPrincipal(peer) : (ends.ofCallee(record.cluster ?? '', peer) ?? UNKNOWN)
  if (other === undefined) return undefined
  const call: TapCall = {
    kind: 'call',
    at: new Date(numberOf(record.start)).toISOString(),
    direction: from.hop,
    source: inbound ? other : own,
    destination: inbound ? own : other,
    method: textOf(record.method),
    host: hostOf(record.authority),
    path: textOf(record.path),
    status: numberOf(record.code),
    flags: textOf(record.flags) || '-',
    details: textOf(record.details),
    durationMs: numberOf(record.durationMs),
    requestBytes: numberOf(record.bytesReceived),
    responseBytes: numberOf(record.bytesSent),
    mtls: known(record.tls) && peer !== '',
    ...(known(record.grpc) ? { grpcStatus: cut(record.grpc) } : {}),
    ...(known(record.held) ? { held: true } : {}),
    ...(known(record.callId) ? { callId: cut(record.callId) } : {}),
    ...(known(record.traceId) ? { traceId: cut(record.traceId) } : {}),
  }
  return { workload: from.workload, call }
}
