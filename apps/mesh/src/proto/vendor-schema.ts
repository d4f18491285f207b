import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'

/**
 * Makes `vendor/schema.json` afresh: `node apps/mesh/src/proto/vendor-schema.ts`. It reads the .proto files that the development dependency `@grpc/grpc-js-xds` carries
 * and keeps the messages, enums and services that Weft sends or reads, without comments and options, so that nothing is parsed when the platform starts.
 */
const EXTENSIONS = [
  'access_loggers/file/v3/file',
  'bootstrap/internal_listener/v3/internal_listener',
  'clusters/aggregate/v3/cluster',
  'clusters/dynamic_forward_proxy/v3/cluster',
  'common/dynamic_forward_proxy/v3/dns_cache',
  'common/matching/v3/extension_matcher',
  'filters/http/buffer/v3/buffer',
  'filters/http/cors/v3/cors',
  'filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy',
  'filters/http/ext_authz/v3/ext_authz',
  'filters/http/ext_proc/v3/ext_proc',
  'filters/http/fault/v3/fault',
  'filters/http/grpc_stats/v3/config',
  'filters/http/grpc_web/v3/grpc_web',
  'filters/http/header_mutation/v3/header_mutation',
  'filters/http/header_to_metadata/v3/header_to_metadata',
  'filters/http/health_check/v3/health_check',
  'filters/http/jwt_authn/v3/config',
  'filters/http/local_ratelimit/v3/local_rate_limit',
  'filters/http/lua/v3/lua',
  'filters/http/on_demand/v3/on_demand',
  'filters/http/rbac/v3/rbac',
  'filters/http/router/v3/router',
  'filters/http/set_filter_state/v3/set_filter_state',
  'filters/http/set_metadata/v3/set_metadata',
  'filters/http/stateful_session/v3/stateful_session',
  'filters/http/upstream_codec/v3/upstream_codec',
  'filters/listener/http_inspector/v3/http_inspector',
  'filters/listener/original_dst/v3/original_dst',
  'filters/listener/tls_inspector/v3/tls_inspector',
  'filters/network/connection_limit/v3/connection_limit',
  'filters/network/direct_response/v3/config',
  'filters/network/http_connection_manager/v3/http_connection_manager',
  'filters/network/rbac/v3/rbac',
  'filters/network/set_filter_state/v3/set_filter_state',
  'filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy',
  'filters/network/tcp_proxy/v3/tcp_proxy',
  'formatter/metadata/v3/metadata',
  'formatter/req_without_query/v3/req_without_query',
  'http/early_header_mutation/header_mutation/v3/header_mutation',
  'http/header_formatters/preserve_case/v3/preserve_case',
  'http/original_ip_detection/custom_header/v3/custom_header',
  'http/original_ip_detection/xff/v3/xff',
  'http/stateful_session/cookie/v3/cookie',
  'http/stateful_session/header/v3/header',
  'load_balancing_policies/least_request/v3/least_request',
  'load_balancing_policies/maglev/v3/maglev',
  'load_balancing_policies/ring_hash/v3/ring_hash',
  'load_balancing_policies/round_robin/v3/round_robin',
  'matching/common_inputs/network/v3/network_inputs',
  'matching/common_inputs/ssl/v3/ssl_inputs',
  'network/dns_resolver/cares/v3/cares_dns_resolver',
  'network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver',
  'path/match/uri_template/v3/uri_template_match',
  'path/rewrite/uri_template/v3/uri_template_rewrite',
  'rbac/matchers/upstream_ip_port/v3/upstream_ip_port_matcher',
  'regex_engines/v3/google_re2',
  'request_id/uuid/v3/uuid',
  'resource_monitors/downstream_connections/v3/downstream_connections',
  'retry/host/previous_hosts/v3/previous_hosts',
  'retry/priority/previous_priorities/v3/previous_priorities_config',
  'transport_sockets/internal_upstream/v3/internal_upstream',
  'transport_sockets/raw_buffer/v3/raw_buffer',
  'transport_sockets/tls/v3/tls',
  'transport_sockets/tls/v3/tls_spiffe_validator_config',
  'upstreams/http/v3/http_protocol_options',
].map((path) => `envoy/extensions/${path}.proto`)

const SERVICES = ['discovery/v3/ads', 'load_stats/v3/lrs', 'auth/v3/external_auth', 'ext_proc/v3/external_processor'].map(
  (path) => `envoy/service/${path}.proto`,
)
const RESOURCES = ['listener/v3/listener', 'route/v3/route', 'route/v3/scoped_route', 'cluster/v3/cluster', 'endpoint/v3/endpoint', 'rbac/v3/rbac']
  .map((path) => `envoy/config/${path}.proto`)
  .concat(
    'envoy/type/matcher/v3/http_inputs.proto',
    'envoy/type/matcher/v3/status_code_input.proto',
    'xds/type/matcher/v3/matcher.proto',
    'xds/type/v3/typed_struct.proto',
  )

function includePaths(): readonly string[] {
  const directoryOf = (name: string) => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
  const deps = join(directoryOf('@grpc/grpc-js-xds'), 'deps')
  return [...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(deps, name)), directoryOf('protobufjs')]
}

type Node = { readonly [key: string]: unknown }

const mapValues = (value: unknown, change: (entry: Node) => Node): Node =>
  Object.fromEntries(Object.entries(value as Record<string, Node>).map(([name, entry]) => [name, change(entry)]))

/** Options matter to other languages; only those that change the wire stay. */
function slimField(field: Node): Node {
  const { options, comment: _comment, ...rest } = field
  const wire = Object.entries((options ?? {}) as Node).filter(([name]) => name === 'packed' || name === 'proto3_optional')
  return wire.length === 0 ? rest : { ...rest, options: Object.fromEntries(wire) }
}

/** A namespace, message, enum or service as protobufjs writes it: names of users' fields are never taken for its own keys. */
function slim(node: Node): Node {
  const result: Record<string, unknown> = {}
  for (const key of ['edition', 'fields', 'oneofs', 'values', 'methods', 'nested']) {
    const part = node[key]
    if (part === undefined) continue
    result[key] =
      key === 'nested'
        ? mapValues(part, (entry) => ('id' in entry && 'type' in entry ? slimField(entry) : slim(entry)))
        : key === 'fields' || key === 'methods'
          ? mapValues(part, slimField)
          : part
  }
  return result
}

function buildSchema(): unknown {
  const includes = includePaths()
  const root = new protobuf.Root()
  root.resolvePath = (_origin, target) => {
    for (const include of includes) {
      const path = join(include, target)
      try {
        readFileSync(path)
        return path
      } catch {
        continue
      }
    }
    return target
  }
  root.loadSync([...SERVICES, ...RESOURCES, ...EXTENSIONS], { keepCase: true })
  const whole = slim(root.toJSON({ keepComments: false }) as Node) as { nested: Record<string, { nested?: Record<string, unknown> }> }
  // What only annotates other files.
  delete whole.nested['validate']
  return whole
}

writeFileSync(join(dirname(fileURLToPath(import.meta.url)), 'vendor', 'schema.json'), `${JSON.stringify(buildSchema())}\n`)
