import { isAddress } from '@weft/mesh-model'
import type { ExternalEndpoint } from '@weft/mesh-model'
import { dnsCache, httpOptions, strictDnsCache } from './clusters.ts'
import { duration, extension, resource, wrap } from './json.ts'
import { TYPE_URLS } from './names.ts'
import { bytesCluster, outsideCluster } from './outside-names.ts'
import { outsideTls, PLAIN, type OutsideTls } from './outside-tls.ts'
import { isForwarded } from './outside-way.ts'
import type { OutsideWay } from './outside-way.ts'
import { balancing, connectionLife, outlierDetection, replicaBreakers } from './traffic.ts'
import type { Credentials } from './server-tls.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

const CONNECT_MS = 10_000

/** A cluster, or why there is none. */
export type OutsideCluster = { readonly resource: EnvoyResource; readonly tls: OutsideTls } | { readonly missing: string }

/** Calls to a place outside, with TLS where a DestinationRule asks for it. */
export function encodeOutsideCluster(way: OutsideWay, layout: NodeLayout, credentials: Credentials): OutsideCluster {
  const tls = outsideTls(way, layout, credentials)
  if ('missing' in tls) return tls
  const { traffic: { pool = {} } = {} } = way.settings
  const http2 = way.port.protocol === 'http2'
  const explicit = http2 ? { http2_protocol_options: {} } : { http_protocol_options: {} }
  const options = httpOptions(explicit, {
    common_http_protocol_options: connectionLife(pool),
    ...(tls.byAuthority || (isForwarded(way) && !fixesNames(way)) ? { upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true } } : {}),
  })
  return cluster(outsideCluster(way), way, layout, { ...options, ...(tls.socket === undefined ? {} : { transport_socket: tls.socket }) }, tls)
}

/** What is passed on as it is: TLS of the caller's own, or any other bytes. A DestinationRule's TLS is not put around it, unless the port is plain TCP. */
export function encodeBytesCluster(way: OutsideWay, layout: NodeLayout, credentials: Credentials): OutsideCluster {
  const tls = way.port.protocol === 'tcp' ? outsideTls(way, layout, credentials) : PLAIN
  if ('missing' in tls) return tls
  return cluster(bytesCluster(way), way, layout, tls.socket === undefined ? {} : { transport_socket: tls.socket }, tls)
}

function cluster(name: string, way: OutsideWay, layout: NodeLayout, more: Json, tls: OutsideTls): OutsideCluster {
  const where = placeOf(name, way, layout)
  if (typeof where === 'string') return { missing: where }
  const { pool = {}, balancer, outliers } = way.settings.traffic ?? {}
  return {
    tls,
    resource: resource(TYPE_URLS.cluster, name, {
      name,
      connect_timeout: duration(pool.connectTimeoutMs ?? CONNECT_MS),
      per_connection_buffer_limit_bytes: wrap(layout.limits.bufferBytes),
      ...replicaBreakers(layout, pool),
      ...(outliers === undefined ? {} : { outlier_detection: outlierDetection(outliers) }),
      common_lb_config: { healthy_panic_threshold: { value: 0 } },
      ...balancing(balancer),
      ...where,
      ...more,
    }),
  }
}

/** How Envoy finds the addresses; a text: why it cannot. */
function placeOf(name: string, way: OutsideWay, layout: NodeLayout): Json | string {
  const { entry, called } = way
  if (called !== undefined) return { type: 'STATIC', load_assignment: assignment(name, way, [placeAt(called)]) }
  switch (entry.resolution) {
    case 'none':
      return isForwarded(way) ? forwarding(name, way, layout) : named(name, way, layout, 'STRICT_DNS')
    case 'static':
      return {
        type: 'STATIC',
        load_assignment: assignment(
          name,
          way,
          endpointsOf(way).filter(({ address }) => isAddress(address)),
        ),
      }
    case 'dns':
      return named(name, way, layout, 'STRICT_DNS')
    case 'dns-round-robin':
      return named(name, way, layout, 'LOGICAL_DNS')
    default:
      return entry.resolution satisfies never
  }
}

function endpointsOf({ entry, subset, rule }: OutsideWay): readonly ExternalEndpoint[] {
  const labels = rule?.subsets.find(({ name }) => name === subset)?.labels ?? []
  const all = entry.endpoints.length === 0 && entry.resolution !== 'static' ? [placeAt(entry.host)] : entry.endpoints
  return entry.endpoints.length === 0 ? all : all.filter((endpoint) => labels.every(([key, value]) => endpoint.labels[key] === value))
}

function placeAt(address: string): ExternalEndpoint {
  return { address, ports: {}, labels: {}, weight: 1 }
}

function assignment(name: string, { port }: OutsideWay, endpoints: readonly ExternalEndpoint[]): Json {
  const socket = ({ address, ports }: ExternalEndpoint): Json => ({ socket_address: { address, port_value: ports[port.name] ?? port.targetPort } })
  return {
    cluster_name: name,
    endpoints: [{ lb_endpoints: endpoints.map((one) => ({ endpoint: { address: socket(one) }, load_balancing_weight: wrap(one.weight) })) }],
  }
}

/** Names are asked of the strict name guard, which knows no name that stands for an address that must not be reached. */
function named(name: string, way: OutsideWay, layout: NodeLayout, type: 'STRICT_DNS' | 'LOGICAL_DNS'): Json | string {
  const endpoints = endpointsOf(way)
  if (layout.outsideNames === undefined) return 'this proxy has no name server for hosts outside'
  if (endpoints.length === 0) return `no endpoint of ${way.entry.host} is selected`
  return {
    type,
    dns_lookup_family: 'V4_PREFERRED',
    respect_dns_ttl: true,
    typed_dns_resolver_config: nameServer(layout.outsideNames.port),
    load_assignment: assignment(name, way, type === 'LOGICAL_DNS' ? endpoints.slice(0, 1) : endpoints),
  }
}

function nameServer(port: number): Json {
  return extension('envoy.network.dns_resolver.cares', 'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig', {
    resolvers: [{ socket_address: { address: '127.0.0.1', port_value: port } }],
  })
}

/** Whether server name and certificate do not go by the host of each call. */
function fixesNames({ settings: { tls } }: OutsideWay): boolean {
  return tls?.sni !== undefined || tls?.unverified === true
}

/** To whatever name is asked for; a filter before it has resolved it. Calls are checked by their addresses after that, bytes are not, so that theirs are asked for strictly. */
function forwarding(name: string, way: OutsideWay, layout: NodeLayout): Json | string {
  const strict = name === bytesCluster(way)
  if (strict && layout.outsideNames === undefined) return 'this proxy has no name server for hosts outside'
  return {
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: extension('envoy.clusters.dynamic_forward_proxy', 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', {
      allow_insecure_cluster_options: strict || fixesNames(way),
      dns_cache_config: strict && layout.outsideNames !== undefined ? strictDnsCache(layout.outsideNames.port) : dnsCache(layout),
    }),
  }
}
