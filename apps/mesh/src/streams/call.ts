import type { PolicyCall } from '@weft/mesh-model'
import { XFCC } from '../encode/headers.ts'
import { MESH_HEADERS } from '../encode/names.ts'
import { JWT_FILTER, JWT_PAYLOAD } from '../encode/matching.ts'
import { WORKLOAD_PORT } from '../encode/rbac.ts'

/** What of envoy.service.ext_proc.v3.ProcessingRequest is read, as protobufjs gives it. */
export interface ProcessingRequest {
  readonly request_headers?: { readonly headers?: { readonly headers?: readonly HeaderValue[] } | null } | null
  /** What a callee that speaks HTTP/2 may end its answer with. */
  readonly response_trailers?: object | null
  readonly metadata_context?: { readonly filter_metadata?: Readonly<Record<string, Struct>> } | null
}

interface HeaderValue {
  readonly key?: string
  readonly value?: string
  readonly raw_value?: Uint8Array
}

/** google.protobuf.Struct and Value. */
export interface Struct {
  readonly fields?: Readonly<Record<string, StructValue>>
}
interface StructValue {
  readonly stringValue?: string
  readonly numberValue?: number
  readonly boolValue?: boolean
  readonly structValue?: Struct
  readonly listValue?: { readonly values?: readonly StructValue[] }
}

/** The call that the proxy tells of, as policies see it; `undefined` when it is not the beginning of one. */
export function callOf({ request_headers: told, metadata_context: metadata }: ProcessingRequest, port: number = WORKLOAD_PORT): PolicyCall | undefined {
  if (told === undefined || told === null) return undefined
  const headers = headersOf(told.headers?.headers ?? [])
  const one = (name: string) => headers.get(name)?.[0]
  const principal = peerOf(one(XFCC))
  const address = one(MESH_HEADERS.client)
  const claims = claimsOf(metadata?.filter_metadata?.[JWT_FILTER])
  return {
    method: one(':method') ?? '',
    ...(one(':method') === 'CONNECT' ? {} : { path: one(':path') ?? '' }),
    host: one(':authority') ?? '',
    port,
    headers: Object.fromEntries([...headers].filter(([name]) => !name.startsWith(':'))),
    ...(principal === undefined ? {} : { principal }),
    ...(address === undefined ? {} : { address }),
    ...(claims === undefined ? {} : { claims }),
  }
}

function headersOf(sent: readonly HeaderValue[]): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>()
  for (const { key = '', value, raw_value: raw } of sent) {
    const text = raw !== undefined && raw.length > 0 ? Buffer.from(raw).toString() : (value ?? '')
    const name = key.toLowerCase()
    const known = headers.get(name)
    if (known === undefined) headers.set(name, [text])
    else known.push(text)
  }
  return headers
}

/** The SPIFFE ID in what the listener itself wrote about its verified peer; identities have no characters that are escaped there. */
function peerOf(xfcc: string | undefined): string | undefined {
  return /(?:^|;)URI=(spiffe:[^;,"]+)/.exec(xfcc ?? '')?.[1]
}

function claimsOf(verified: Struct | undefined): Readonly<Record<string, unknown>> | undefined {
  const payload = verified?.fields?.[JWT_PAYLOAD]?.structValue
  return payload === undefined ? undefined : plainStruct(payload)
}

function plainStruct({ fields = {} }: Struct): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]))
}

function plainValue(value: StructValue): unknown {
  if (value.structValue !== undefined) return plainStruct(value.structValue)
  if (value.listValue !== undefined) return (value.listValue.values ?? []).map(plainValue)
  return value.stringValue ?? value.numberValue ?? value.boolValue
}
