import { pipe } from './clusters.ts'
import { addHeader, earlyMutation } from './headers.ts'
import { httpManager } from './http-manager.ts'
import { any, duration, extension, resource, wrap } from './json.ts'
import { directError } from './local-reply.ts'
import { headerMatcher } from './matching.ts'
import { ACTIVATOR_CLUSTER, HOLD_LISTENER, holdSocket, MESH_HEADERS, TIMING_HEADER, TYPE_URLS } from './names.ts'
import { retryPolicy, retryVariants } from './routes.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

const EXT_AUTHZ = 'envoy.filters.http.ext_authz'
/** A call comes back here when its replica went away between the wake-up and the call; after this many times it is answered 503. */
const MAX_PASSES = 3

/**
 * Where calls wait for a replica: behind mutual TLS and policy, as the last priority of every workload's cluster. The activator is asked without a byte of
 * the body; when it says yes, the call goes to the workload's cluster again, now to a replica. What the inbound listener said about the peer is kept.
 */
export function encodeHoldListener(layout: NodeLayout): EnvoyResource {
  const manager = httpManager({
    layout,
    hop: 'hold',
    routes: { route_config: holdRoutes() },
    filters: [askActivator(layout)],
    earlyMutations: [earlyMutation([], { [MESH_HEADERS.cluster]: `local/%REQ(${MESH_HEADERS.workload})%` })],
    upgrades: ['CONNECT'],
    rejectUnderscores: false,
    more: { forward_client_cert_details: 'ALWAYS_FORWARD_ONLY', skip_xff_append: true },
  })
  return resource(TYPE_URLS.listener, HOLD_LISTENER, {
    name: HOLD_LISTENER,
    address: pipe(holdSocket(layout), 0o600),
    per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
    ignore_global_conn_limit: true,
    filter_chains: [{ filters: [manager] }],
  })
}

function askActivator(layout: NodeLayout): Json {
  return extension(EXT_AUTHZ, 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
    grpc_service: { envoy_grpc: { cluster_name: ACTIVATOR_CLUSTER }, timeout: duration(layout.activationTimeoutMs) },
    transport_api_version: 'V3',
    failure_mode_allow: false,
    status_on_error: { code: 'ServiceUnavailable' },
    allowed_headers: {
      patterns: [MESH_HEADERS.workload, MESH_HEADERS.held, MESH_HEADERS.trace, TIMING_HEADER, 'x-request-id', 'traceparent'].map((exact) => ({ exact })),
    },
  })
}

function holdRoutes(): Json {
  const passes = Array.from({ length: MAX_PASSES }, (_, index) => index)
  return {
    name: HOLD_LISTENER,
    virtual_hosts: [{ name: HOLD_LISTENER, domains: ['*'], routes: [...KINDS.map(tooOften), ...passes.toReversed().flatMap(passRoutes)] }],
    request_headers_to_remove: [MESH_HEADERS.cluster],
  }
}

/** What waits here: calls, and connections of raw TCP. */
const KINDS: readonly { readonly match: Json; readonly more: Json }[] = [
  { match: { prefix: '/' }, more: {} },
  { match: { connect_matcher: {} }, more: { upgrade_configs: [{ upgrade_type: 'CONNECT' }] } },
]

function tooOften({ match }: (typeof KINDS)[number]): Json {
  return {
    name: 'too-often',
    match: { ...match, headers: [headerMatcher(MESH_HEADERS.held, { kind: 'exact', value: String(MAX_PASSES) })] },
    ...directError('NO_REPLICA', { details: 'its replicas went away as soon as they were ready' }),
    typed_per_filter_config: { [EXT_AUTHZ]: any('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', { disabled: true }) },
  }
}

function passRoutes(passed: number): readonly Json[] {
  const held = passed === 0 ? [] : [headerMatcher(MESH_HEADERS.held, { kind: 'exact', value: String(passed) })]
  const variants = KINDS.flatMap((kind, index) => (index === 0 ? retryVariants() : retryVariants().slice(-1)).map((variant) => ({ ...kind, ...variant })))
  return variants.map(({ match, more, headers, idempotent }) => ({
    name: `pass-${passed + 1}`,
    match: { ...match, headers: [...held, ...headers] },
    route: {
      cluster_header: MESH_HEADERS.cluster,
      priority: 'HIGH',
      timeout: duration(0),
      idle_timeout: duration(0),
      retry_policy: retryPolicy(idempotent, true),
      ...more,
    },
    request_headers_to_add: [addHeader(MESH_HEADERS.held, String(passed + 1), 'OVERWRITE_IF_EXISTS_OR_ADD')],
  }))
}
