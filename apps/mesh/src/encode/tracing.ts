import type { MeshWorkload } from '@weft/mesh-model'
import { SYSTEM_NAMESPACE } from '@weft/core'
import { exportService } from './collector.ts'
import { pathOf, type ToldHop } from './path-word.ts'
import { addHeader } from './headers.ts'
import { any, extension, wrap } from './json.ts'
import { MESH_HEADERS, SYSTEM_ACCOUNTS } from './names.ts'
import { traceContext } from './trace-context.ts'
import type { Json, NodeLayout } from './types.ts'

/** Whose spans a listener makes: OpenTelemetry's `service.…` attributes. */
export interface TracedService {
  readonly name: string
  readonly namespace: string
  readonly version?: string
}

/** The ingress as a service. */
export const INGRESS_SERVICE: TracedService = { name: SYSTEM_ACCOUNTS.ingress, namespace: SYSTEM_NAMESPACE }

/** A revision of a function as a service. */
export function serviceOf(workload: MeshWorkload): TracedService {
  return { name: workload.function, namespace: workload.namespace, version: workload.revision }
}

/** Resource attributes of a service, after OpenTelemetry's conventions. */
export function serviceAttributes({ name, namespace, version }: TracedService): Readonly<Record<string, string>> {
  return { 'service.name': name, 'service.namespace': namespace, ...(version === undefined ? {} : { 'service.version': version }) }
}

/**
 * Beside Envoy's own tags (`node_id`, `response_flags`, `upstream_cluster`, …). `http.url` is Envoy's too and would have the query, which may carry tokens:
 * a tag of the same name takes its place.
 */
const TAGS: Readonly<Record<string, string>> = {
  'http.request.method': '%REQ(:METHOD)%',
  'http.response.status_code': '%RESPONSE_CODE%',
  'weft.call_id': '%REQ(X-CALL-ID)%',
  'weft.peer': '%DOWNSTREAM_PEER_URI_SAN%',
}

/** Calls are sampled where they begin; the callee's side keeps the decision that comes with them. */
const begins = (hop: ToldHop) => hop !== 'inbound'

/** The `tracing` of a listener; `undefined` when nothing is traced. */
export function tracing({ telemetry }: NodeLayout, hop: ToldHop, service: TracedService): Json | undefined {
  const settings = telemetry.tracing
  if (settings === undefined) return undefined
  const percent = (value: number): Json => ({ value })
  return {
    client_sampling: percent(0),
    random_sampling: percent(begins(hop) ? settings.samplingPercent : 0),
    max_path_tag_length: wrap(256),
    custom_tags: Object.entries({ ...TAGS, 'http.url': pathOf(hop), 'url.path': pathOf(hop) }).map(([tag, value]) => ({ tag, value })),
    ...operation(hop, service),
    provider: {
      name: 'envoy.tracers.opentelemetry',
      typed_config: any('envoy.config.trace.v3.OpenTelemetryConfig', {
        service_name: service.name,
        ...exportService(settings.collector, 'traces'),
        resource_detectors: [
          extension(
            'envoy.tracers.opentelemetry.resource_detectors.static_config',
            'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig',
            { attributes: serviceAttributes(service) },
          ),
        ],
      }),
    },
  }
}

/** Names of spans: a method and whom it goes to. At the ingress the route has it. */
function operation(hop: ToldHop, { name, namespace }: TracedService): Json {
  if (hop === 'ingress') return {}
  return { operation: hop === 'inbound' ? `%REQ(:METHOD)% ${name}.${namespace}` : '%REQ(:METHOD)% %REQ(:AUTHORITY)%' }
}

/** What the listeners where calls come from strangers do with their trace headers before anything else. */
export function tracedMutations({ telemetry }: NodeLayout): readonly Json[] {
  return telemetry.tracing === undefined ? [] : traceContext(telemetry.tracing.samplingPercent)
}

/** Name of the ingress' spans, on each route of a host. */
export function decorated({ telemetry }: NodeLayout, name: string): Json {
  return telemetry.tracing === undefined ? {} : { decorator: { operation: name, propagate: wrap(false) } }
}

/** The tracer writes a `tracestate` with nothing in it where there is none, which says something to who only asks whether it is there. */
export function withoutEmptyState({ telemetry }: NodeLayout): readonly Json[] {
  if (telemetry.tracing === undefined) return []
  const kept = MESH_HEADERS.traceKept
  // What is empty is not set, by the default of Envoy's mutations.
  const copy = (to: string, from: string): Json => ({ append: addHeader(to, `%REQ(${from})%`, 'OVERWRITE_IF_EXISTS_OR_ADD') })
  return [{ remove: kept }, copy(kept, 'tracestate'), { remove: 'tracestate' }, copy('tracestate', kept), { remove: kept }]
}

/** Tells a replica's runtime that the call is traced and when (microseconds since the epoch) the callee's side took it. */
export function traceMark({ telemetry }: NodeLayout): readonly Json[] {
  if (telemetry.tracing === undefined) return []
  return [{ append: { header: { key: MESH_HEADERS.trace, value: '%START_TIME(%s%6f)%' }, append_action: 'ADD_IF_ABSENT' } }]
}
