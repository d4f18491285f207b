import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js'
import { ERRORS } from '@weft/core'
import type { WakeResult } from '@weft/mesh-model'
import { MESH_HEADERS } from '../encode/names.ts'
import { grpcMethod, type GrpcService } from '../xds/server.ts'
import type { Activator } from './activator.ts'

const PATH = '/envoy.service.auth.v3.Authorization/Check'
const RETRY_AFTER_SECONDS = '1'
const UNAVAILABLE = 14

interface CheckRequest {
  readonly attributes?: { readonly request?: { readonly http?: { readonly headers?: Readonly<Record<string, string>> } } }
}

/** The refusal of a held call in the project's error format. */
function denied(result: Extract<WakeResult, { ok: false }>): object {
  const code = 'NO_REPLICA'
  const error = { code, message: ERRORS[code].message.replaceAll('{details}', result.reason).replaceAll('{reason}', ''), help: ERRORS[code].help }
  const header = (key: string, value: string) => ({ header: { key, value } })
  return {
    status: { code: UNAVAILABLE },
    denied_response: {
      status: { code: result.status },
      headers: [header('content-type', 'application/json'), header('retry-after', RETRY_AFTER_SECONDS)],
      body: JSON.stringify({ error }),
    },
  }
}

/** The `ext_authz` service that the hold listener asks for every call that finds no replica (envoy.service.auth.v3). */
export function activatorService(activator: Activator): GrpcService {
  const check = (call: ServerUnaryCall<object, object>, reply: sendUnaryData<object>) => {
    const { attributes } = call.request as CheckRequest
    const workload = attributes?.request?.http?.headers?.[MESH_HEADERS.workload] ?? ''
    void activator.check(workload).then((result) => reply(null, result.ok ? { status: { code: 0 }, ok_response: {} } : denied(result)))
  }
  return {
    methods: { Check: grpcMethod(PATH, { stream: false, request: 'envoy.service.auth.v3.CheckRequest', response: 'envoy.service.auth.v3.CheckResponse' }) },
    handlers: { Check: check },
  }
}
