import type { MeshWorkload } from '@weft/mesh-model'
import { ads, any, wrap } from './json.ts'
import { identitySecret, TRUST_SECRET, workloadSpiffeId } from './names.ts'
import type { Json } from './types.ts'

/** Who speaks: the names of a service account. */
export interface Account {
  readonly namespace: string
  readonly serviceAccount: string
}

/** TLS 1.3 only, own certificate and roots by SDS, the peer's one URI SAN checked by `san`. */
function commonContext(own: Account, san: Json): Json {
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    alpn_protocols: ['h2'],
    tls_certificate_sds_secret_configs: [{ name: identitySecret(own.namespace, own.serviceAccount), sds_config: ads() }],
    combined_validation_context: {
      default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: san }] },
      validation_context_sds_secret_config: { name: TRUST_SECRET, sds_config: ads() },
    },
  }
}

/** The callee's side: a client certificate of the trust domain or no connection. No session is resumed, so that every handshake shows today's certificates. */
export function downstreamTls(workload: MeshWorkload, trustDomain: string): Json {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: any('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
      require_client_certificate: wrap(true),
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: commonContext(workload, { prefix: `spiffe://${trustDomain}/` }),
    }),
  }
}

/** The caller's side: speaks only to exactly the callee's identity. */
export function upstreamTls(caller: Account, callee: MeshWorkload, trustDomain: string): Json {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: any('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      max_session_keys: wrap(0),
      common_tls_context: commonContext(caller, { exact: workloadSpiffeId({ trustDomain }, callee) }),
    }),
  }
}
