import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js'
import { ERRORS } from '@weft/core'
import type { WakeResult } from '@weft/mesh-model'
import { MESH_HEADERS, TIMING_HEADER } from '../encode/names.ts'
import { grpcMethod, type GrpcService } from '../xds/server.ts'
import type { Activator } from './activator.ts'
import { activationOf, serverTiming, type Activation, type HeldCall } from './held-call.ts'

const PATH = '/envoy.service.auth.v3.Authorization/Check'
const header = (key: string, value: string): object => ({ header: { key, value } })
const RETRY_AFTER_SECONDS = '1'
const UNAVAILABLE = 14

interface CheckRequest {
  readonly attributes?: { readonly request?: { readonly http?: { readonly headers?: Readonly<Record<string, string>> } } }
}

/** The refusal of a held call in the project's error format. */
function denied(result: Extract<WakeResult, { ok: false }>, more: readonly object[]): object {
  const code = 'NO_REPLICA'
  const error = { code, message: ERRORS[code].message.replaceAll('{details}', result.reason).replaceAll('{reason}', ''), help: ERRORS[code].help }
  return {
    status: { code: UNAVAILABLE },
    denied_response: {
      status: { code: result.status },
      headers: [header('content-type', 'application/json'), header('retry-after', RETRY_AFTER_SECONDS), ...more],
      body: JSON.stringify({ error }),
    },
  }
}

function answer(result: WakeResult, headers: readonly object[]): object {
  return result.ok ? { status: { code: 0 }, ok_response: { response_headers_to_add: headers } } : denied(result, headers)
}

const SAMPLED = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/

/** Only a call that our own proxy marked as traced counts: a caller's header says nothing while tracing is off. */
function heldCall(headers: Readonly<Record<string, string>>): HeldCall {
  const mark = headers[MESH_HEADERS.trace]
  const [, traceId, parentId] = (mark === undefined ? null : SAMPLED.exec(headers['traceparent'] ?? '')) ?? []
  return {
    workload: headers[MESH_HEADERS.workload] ?? '',
    timing: headers[TIMING_HEADER] === '1',
    ...(mark === undefined ? {} : { takenUs: Number(mark) }),
    ...(traceId === undefined || parentId === undefined ? {} : { trace: { traceId, parentId } }),
  }
}

/** Who hears of activations, and the time. */
export interface ActivatorSurroundings {
  now(): number
  activated(activation: Activation): void
}

/** The `ext_authz` service that the hold listener asks for every call that finds no replica (envoy.service.auth.v3). */
export function activatorService(activator: Activator, { now, activated }: ActivatorSurroundings): GrpcService {
  const check = (call: ServerUnaryCall<object, object>, reply: sendUnaryData<object>) => {
    const { attributes } = call.request as CheckRequest
    const held = heldCall(attributes?.request?.http?.headers ?? {})
    const heldAt = now()
    void activator.check(held.workload).then((result) => {
      const activation = activationOf(held, result, { heldAt, now: now() })
      activated(activation)
      reply(null, answer(result, held.timing ? [header('server-timing', serverTiming(activation))] : []))
    })
  }
  return {
    methods: { Check: grpcMethod(PATH, { stream: false, request: 'envoy.service.auth.v3.CheckRequest', response: 'envoy.service.auth.v3.CheckResponse' }) },
    handlers: { Check: check },
  }
}
