import { any, duration, extension, wrap } from './json.ts'
import { accessLog } from './access-log.ts'
import { tracedMutations, tracing, type TracedService } from './tracing.ts'
import { grpcStatsFilter } from './grpc-stats.ts'
import { mutation } from './headers.ts'
import { LOCAL_REPLIES } from './local-reply.ts'
import { AT_THE_END, connectionLogs, trafficLogs, type TrafficSide } from './traffic-log.ts'
import { tapLog } from './tap.ts'
import type { Json, NodeLayout } from './types.ts'

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

/** What differs between our HTTP listeners. */
export interface ManagerParts {
  readonly layout: NodeLayout
  readonly hop: 'ingress' | 'inbound' | 'outbound' | 'hold'
  /** Written to the access log; hops without an entry of their own are not logged. */
  readonly logged?: { readonly workload?: string }
  /** `rds`, `scoped_routes` or `route_config`. */
  readonly routes: Json
  readonly filters: readonly Json[]
  readonly earlyMutations?: readonly Json[]
  /** Whose calls it takes or makes, for their spans; none without. */
  readonly service?: TracedService
  /** Calls may be gRPC: their statuses and messages are counted. */
  readonly grpc?: boolean
  /** Calls may be connections of raw TCP: these are counted too. */
  readonly connections?: boolean
  /** Calls go on from here as those of the same workload: they are counted on both sides. */
  readonly forwards?: boolean
  /** Upgrades beside WebSocket. */
  readonly upgrades?: readonly string[]
  readonly rejectUnderscores: boolean
  readonly more?: Json
}

/** A client chooses its request id, so that it decides nothing about sampling. */
function traced({ layout, hop, service }: ManagerParts): Json {
  const settings = service === undefined || hop === 'hold' ? undefined : tracing(layout, hop, service)
  const requestId = any('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', {
    pack_trace_reason: wrap(false),
    ...(settings === undefined ? {} : { use_request_id_for_trace_sampling: wrap(false) }),
  })
  return { request_id_extension: { typed_config: requestId }, ...(settings === undefined ? {} : { tracing: settings }) }
}

function earlyMutations({ layout, hop, earlyMutations: own = [] }: ManagerParts): readonly Json[] {
  const context = hop === 'ingress' || hop === 'outbound' ? tracedMutations(layout) : []
  return context.length === 0 ? own : [...own, mutation(context)]
}

/** What is told when a call has ended is not told when its tunnel is there. */
function onlyAtTheEnd(log: Json): Json {
  const { filter } = log
  return { ...log, filter: filter === undefined ? AT_THE_END : { and_filter: { filters: [filter, AT_THE_END] } } }
}

/**
 * The HTTP connection manager of a listener: one canonical form of paths before anything is decided (dot segments and doubled slashes resolved, escaped
 * slashes refused), bounded headers, streams and idle times, WebSocket on HTTP/1.1 and HTTP/2, answers of its own in the project's error format.
 */
export function httpManager(parts: ManagerParts): Json {
  const { layout, hop } = parts
  const { limits } = layout
  const sides: readonly TrafficSide[] = [hop === 'inbound' ? 'destination' : 'source', ...(parts.forwards === true ? (['source'] as const) : [])]
  const workload = parts.logged?.workload ?? 'ingress'
  const log =
    parts.logged !== undefined && hop !== 'hold'
      ? [
          ...accessLog(layout, { hop, ...parts.logged, ...(parts.service === undefined ? {} : { service: parts.service }) }),
          ...sides.flatMap((each) => trafficLogs(each, workload, { grpc: parts.grpc ?? false })),
          ...(hop === 'ingress' || parts.logged.workload === undefined ? [] : [tapLog(hop, parts.logged.workload)]),
        ].map((each) => (parts.connections === true ? onlyAtTheEnd(each) : each))
      : []
  const connections = parts.connections === true ? sides.flatMap((each) => connectionLogs(each, workload)) : []
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: any(HCM, {
      stat_prefix: hop,
      codec_type: 'AUTO',
      ...parts.routes,
      normalize_path: wrap(true),
      merge_slashes: true,
      strip_trailing_host_dot: true,
      path_with_escaped_slashes_action: 'REJECT_REQUEST',
      max_request_headers_kb: wrap(limits.maxHeadersKiB),
      request_headers_timeout: duration(limits.requestHeadersTimeoutMs),
      stream_idle_timeout: duration(limits.streamIdleTimeoutMs),
      common_http_protocol_options: {
        idle_timeout: duration(limits.connectionIdleTimeoutMs),
        max_headers_count: wrap(limits.maxHeadersCount),
        headers_with_underscores_action: parts.rejectUnderscores ? 'REJECT_REQUEST' : 'ALLOW',
        ...(hop === 'inbound' ? { max_connection_duration: duration(limits.maxConnectionDurationMs) } : {}),
        // Waiting is rare: a connection kept for the next time would cost two descriptors for minutes, times all calls that ever waited at once.
        ...(hop === 'hold' ? { max_requests_per_connection: wrap(1) } : {}),
      },
      http2_protocol_options: {
        max_concurrent_streams: wrap(hop === 'inbound' ? 2 ** 31 - 1 : limits.maxConcurrentStreams),
        initial_stream_window_size: wrap(1024 * 1024),
        initial_connection_window_size: wrap(hop === 'inbound' ? 16 * 1024 * 1024 : 1024 * 1024),
        allow_connect: true,
        override_stream_error_on_invalid_http_message: wrap(true),
        max_outbound_frames: wrap(10_000),
        max_outbound_control_frames: wrap(1000),
        max_consecutive_inbound_frames_with_empty_payload: wrap(1),
        max_inbound_priority_frames_per_stream: wrap(100),
        max_inbound_window_update_frames_per_data_frame_sent: wrap(10),
      },
      upgrade_configs: ['websocket', ...(parts.upgrades ?? [])].map((upgrade_type) => ({ upgrade_type })),
      ...traced(parts),
      preserve_external_request_id: true,
      server_name: 'weft',
      early_header_mutation_extensions: earlyMutations(parts),
      local_reply_config: LOCAL_REPLIES,
      access_log: [...log, ...connections],
      ...(connections.length === 0 ? {} : { access_log_options: { flush_log_on_tunnel_successfully_established: true } }),
      ...parts.more,
      http_filters: [
        ...parts.filters,
        ...(parts.grpc === true ? [grpcStatsFilter()] : []),
        extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }),
      ],
    }),
  }
}
