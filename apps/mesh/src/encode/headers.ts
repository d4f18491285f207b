import { any } from './json.ts'
import { MESH_HEADERS } from './names.ts'
import type { Json } from './types.ts'

/** Header by which mutual TLS' verified peer is told to the callee (Envoy's `x-forwarded-client-cert`). */
export const XFCC = 'x-forwarded-client-cert'

/** Headers that steer Envoy or say who calls; a stranger's are removed before anything reads them (hazards: spoofing, override headers). */
const PRIVATE_HEADERS: readonly string[] = [
  ...Object.values(MESH_HEADERS),
  'x-envoy-attempt-count',
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-external-address',
  'x-envoy-force-trace',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-internal',
  'x-envoy-ip-tags',
  'x-envoy-is-timeout-retry',
  'x-envoy-max-retries',
  'x-envoy-original-dst-host',
  'x-envoy-original-host',
  'x-envoy-original-path',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-retriable-header-names',
  'x-envoy-retriable-status-codes',
  'x-envoy-retry-grpc-on',
  'x-envoy-retry-on',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-stream-duration-ms',
  'x-client-cert',
  'client-cert',
  'client-cert-chain',
]

/** How a header that is there already is treated: kept, replaced, or joined by another value. */
type Append = 'ADD_IF_ABSENT' | 'OVERWRITE_IF_EXISTS_OR_ADD' | 'APPEND_IF_EXISTS_OR_ADD'

/** A header to add, with Envoy's command operators in `value`. */
export function addHeader(key: string, value: string, append: Append, keepEmpty = false): Json {
  return { header: { key, value }, append_action: append, keep_empty_value: keepEmpty }
}

/** A user's text as a header value: percent signs doubled, so that no command operator of Envoy is made of it. */
export function literal(value: string): string {
  return value.replaceAll('%', '%%')
}

/**
 * Changes headers before Envoy looks at them: removes what strangers may not say, and sets `set` (computed by Envoy from the request).
 * Runs before route selection and before all filters.
 */
export function earlyMutation(remove: readonly string[], set: Readonly<Record<string, string>> = {}): Json {
  return mutation([
    ...remove.map((name) => ({ remove: name })),
    ...Object.entries(set).map(([key, value]) => ({ append: addHeader(key, value, 'OVERWRITE_IF_EXISTS_OR_ADD') })),
  ])
}

/** The same for steps of any kind, one after the other. */
export function mutation(mutations: readonly Json[]): Json {
  return {
    name: 'envoy.http.early_header_mutation.header_mutation',
    typed_config: any('envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation', { mutations }),
  }
}

/** What clients outside and functions may not send. */
export const STRANGERS_HEADERS: readonly string[] = [...PRIVATE_HEADERS, XFCC]

/** What a verified peer's proxy may not send either: all of the above but what proxies tell each other. XFCC is replaced by the connection manager. */
export const PEERS_HEADERS: readonly string[] = PRIVATE_HEADERS.filter((name) => name !== MESH_HEADERS.retry && name !== MESH_HEADERS.client)
