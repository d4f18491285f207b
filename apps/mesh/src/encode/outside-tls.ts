import { isAddress } from '@weft/mesh-model'
import type { ExternalTls } from '@weft/mesh-model'
import { ads, any, wrap } from './json.ts'
import { identitySecret, TRUST_SECRET } from './names.ts'
import type { OutsideWay } from './outside-way.ts'
import type { Json, NodeLayout } from './types.ts'

/** TLS to a place outside: the socket (absent: plain), the secrets in it, and whether server name and certificate go by the host of each call. */
export interface OutsideTls {
  readonly socket?: Json
  readonly secrets: readonly string[]
  readonly byAuthority: boolean
}

const PLAIN: OutsideTls = { secrets: [], byAuthority: false }

/** What a DestinationRule asks for. A certificate is always checked, by roots and by name, unless the rule says that any is taken. */
export function outsideTls(way: OutsideWay, layout: NodeLayout): OutsideTls | { readonly missing: string } {
  const { tls } = way.settings
  if (tls === undefined) return PLAIN
  switch (tls.mode) {
    case 'disable':
      return PLAIN
    case 'simple':
    case 'mutual':
      return origination(way, tls, layout)
    case 'mesh':
      return meshTls(way, tls)
    default:
      return tls.mode satisfies never
  }
}

function origination(way: OutsideWay, tls: ExternalTls, layout: NodeLayout): OutsideTls | { readonly missing: string } {
  const named = tls.sni ?? (way.entry.host.startsWith('*') ? undefined : way.entry.host)
  const roots = tls.roots ?? layout.systemRoots
  if (tls.credential !== undefined) return { missing: 'credentialName is not read yet' }
  if (tls.credential === undefined && roots === undefined && tls.unverified !== true)
    return { missing: 'the system has no roots that are trusted; name some by caCertificates' }
  const validation = tls.unverified === true ? {} : { ...names(namesOf(way, tls, named)), trusted_ca: { filename: roots } }
  return {
    secrets: [],
    byAuthority: named === undefined && tls.unverified !== true,
    socket: socket({
      ...(named === undefined ? {} : { sni: named }),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: [way.port.protocol === 'http2' ? 'h2' : 'http/1.1'],
        validation_context: validation,
      },
    }),
  }
}

/** With the caller's certificate; the other side has one of the mesh, with one of the names where any are said. */
function meshTls(way: OutsideWay, tls: ExternalTls): OutsideTls | { readonly missing: string } {
  if (way.account === undefined) return { missing: 'who calls is not known' }
  const secret = identitySecret(way.account.namespace, way.account.serviceAccount)
  const said = tls.subjectAltNames ?? way.entry.subjectAltNames
  return {
    secrets: [secret, TRUST_SECRET],
    byAuthority: false,
    socket: socket({
      sni: tls.sni ?? way.entry.host,
      max_session_keys: wrap(0),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: ['h2', 'http/1.1'],
        tls_certificate_sds_secret_configs: [{ name: secret, sds_config: ads() }],
        combined_validation_context: {
          default_validation_context: names(said),
          validation_context_sds_secret_config: { name: TRUST_SECRET, sds_config: ads() },
        },
      },
    }),
  }
}

function namesOf(way: OutsideWay, tls: ExternalTls, named: string | undefined): readonly string[] {
  if (tls.subjectAltNames !== undefined) return tls.subjectAltNames
  if (way.entry.subjectAltNames.length > 0) return way.entry.subjectAltNames
  return named === undefined ? [] : [named]
}

/** One of these must be in the certificate; a DNS name in it may be a wildcard. */
function names(all: readonly string[]): Json {
  const matcher = (name: string): Json => ({
    san_type: /^[a-z][a-z0-9+.-]*:\/\//i.test(name) ? 'URI' : isAddress(name) ? 'IP_ADDRESS' : 'DNS',
    matcher: { exact: name },
  })
  return all.length === 0 ? {} : { match_typed_subject_alt_names: all.map(matcher) }
}

function socket(context: Json): Json {
  return { name: 'envoy.transport_sockets.tls', typed_config: any('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', context) }
}
