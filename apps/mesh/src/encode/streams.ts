import type { MeshWorkload } from '@weft/mesh-model'
import { any, duration, extension } from './json.ts'
import { ACTIVATOR_CLUSTER, MESH_HEADERS } from './names.ts'
import { JWT_FILTER } from './matching.ts'
import type { Json } from './types.ts'

/** Name of the filter that keeps the control plane informed of an open stream. */
const STREAM_FILTER = 'weft.streams'
const EXT_PROC = 'envoy.extensions.filters.http.ext_proc.v3'
/** How long a stream may wait to be taken on before it is refused. */
const TAKE_ON_MS = 5_000

/**
 * Tells the control plane of a call that it begins, and stays connected to it until the call ends (`ext_proc`, which waits for trailers of the response that never
 * come): not a byte of a body goes there. The control plane ends the call when a policy forbids it from now on. It stands behind the policies and is switched on by
 * {@link watched} routes only; for all other calls it does not even exist. Fail-closed: a stream that nobody watches is refused, or ended.
 */
export function streamFilter(workload: MeshWorkload): Json {
  return {
    ...extension(STREAM_FILTER, `${EXT_PROC}.ExternalProcessor`, {
      grpc_service: {
        envoy_grpc: { cluster_name: ACTIVATOR_CLUSTER },
        initial_metadata: [{ key: MESH_HEADERS.workload, value: workload.key }],
      },
      failure_mode_allow: false,
      message_timeout: duration(TAKE_ON_MS),
      processing_mode: {
        request_header_mode: 'SEND',
        response_header_mode: 'SKIP',
        request_body_mode: 'NONE',
        response_body_mode: 'NONE',
        request_trailer_mode: 'SKIP',
        response_trailer_mode: 'SEND',
      },
      metadata_options: { forwarding_namespaces: { untyped: [JWT_FILTER] } },
    }),
    disabled: true,
  }
}

/** The `typed_per_filter_config` of a route for streams. */
export function watched(): Json {
  return { [STREAM_FILTER]: any('envoy.config.route.v3.FilterConfig', { config: any(`${EXT_PROC}.ExtProcPerRoute`, { overrides: {} }) }) }
}

/** Conditions of which one holds for every call that asks for a stream: an upgrade (WebSocket), and server-sent events. */
export const STREAM_REQUESTS: readonly Json[] = [
  { name: 'upgrade', present_match: true },
  { name: 'accept', string_match: { contains: 'text/event-stream', ignore_case: true } },
]
