import { isAddress } from '@weft/mesh-model'
import type { CertificateSource, ExternalTls, RootsSource } from '@weft/mesh-model'
import { ads, any, resource, wrap } from './json.ts'
import { credentialSecret, identitySecret, TRUST_SECRET, TYPE_URLS } from './names.ts'
import type { OutsideWay } from './outside-way.ts'
import { certificateOf, rootsOf, trustedBy, type Credentials } from './server-tls.ts'
import type { EnvoyResource, Json, NodeLayout } from './types.ts'

/** TLS to a place outside: the socket (absent: plain), the secrets in it, and whether server name and certificate go by the host of each call. */
export interface OutsideTls {
  readonly socket?: Json
  /** Names of secrets of the mesh's own. */
  readonly secrets: readonly string[]
  /** Secrets (SDS) that come from Secrets and files. */
  readonly resources: readonly EnvoyResource[]
  readonly byAuthority: boolean
}

/** TLS, or why there is none. */
export type MaybeTls = OutsideTls | { readonly missing: string }

/** No TLS. */
export const PLAIN: OutsideTls = { secrets: [], resources: [], byAuthority: false }

/** What a DestinationRule asks for. A certificate is always checked, by roots and by name, unless the rule says that any is taken. */
export function outsideTls(way: OutsideWay, layout: NodeLayout, credentials: Credentials): MaybeTls {
  const { tls } = way.settings
  if (tls === undefined) return PLAIN
  switch (tls.mode) {
    case 'disable':
      return PLAIN
    case 'simple':
    case 'mutual':
      return origination(way, tls, layout, credentials)
    case 'mesh':
      return meshTls(way, tls)
    default:
      return tls.mode satisfies never
  }
}

/** Secrets and files that a rule's TLS names. */
export function sourcesOf(tls: ExternalTls | undefined): readonly (CertificateSource | RootsSource)[] {
  if (tls?.credential !== undefined) return [{ kind: 'secret', key: tls.credential }]
  return tls?.roots === undefined ? [] : [{ kind: 'file', path: tls.roots }]
}

interface Checked {
  readonly json: Json
  readonly resources: readonly EnvoyResource[]
}

function origination(way: OutsideWay, tls: ExternalTls, layout: NodeLayout, credentials: Credentials): MaybeTls {
  const named = tls.sni ?? (way.entry.host.startsWith('*') ? undefined : way.entry.host)
  const roots = tls.unverified === true ? NOTHING_CHECKED : rootsFor(tls, layout, credentials)
  const own = tls.mode === 'mutual' && tls.credential !== undefined ? ownCertificate(tls.credential, credentials) : NOTHING_CHECKED
  if ('missing' in roots) return roots
  if ('missing' in own) return own
  return {
    secrets: [],
    resources: [...roots.resources, ...own.resources],
    byAuthority: named === undefined && tls.unverified !== true,
    socket: socket({
      ...(named === undefined ? {} : { sni: named }),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: [way.port.protocol === 'http2' ? 'h2' : 'http/1.1'],
        ...own.json,
        ...(tls.unverified === true ? {} : validation(names(namesOf(way, tls, named)), roots.json)),
      },
    }),
  }
}

/** With the caller's certificate; the other side has one of the mesh, with one of the names where any are said. */
function meshTls(way: OutsideWay, tls: ExternalTls): MaybeTls {
  if (way.account === undefined) return { missing: 'who calls is not known' }
  const secret = identitySecret(way.account.namespace, way.account.serviceAccount)
  const said = tls.subjectAltNames ?? way.entry.subjectAltNames
  return {
    secrets: [secret, TRUST_SECRET],
    resources: [],
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

const NOTHING_CHECKED: Checked = { json: {}, resources: [] }

/** Roots by SDS where they come from a Secret or a file of the user's; the system's by their file. */
function rootsFor(tls: ExternalTls, layout: NodeLayout, credentials: Credentials): Checked | { readonly missing: string } {
  const [source] = sourcesOf(tls)
  const roots = source === undefined || source.kind === 'files' ? undefined : rootsOf(source, credentials)
  const hasOwn = tls.credential === undefined || roots?.ok === true || credentials.snapshot.credentials.get(tls.credential)?.roots !== undefined
  if (source === undefined || (tls.mode === 'mutual' && !hasOwn)) {
    const { systemRoots } = layout
    return systemRoots === undefined
      ? { missing: 'the system has no roots that are trusted; name some by caCertificates' }
      : { json: { trusted_ca: { filename: systemRoots } }, resources: [] }
  }
  if (roots === undefined) return { missing: 'roots stand in one file' }
  if (!roots.ok) return { missing: roots.reason }
  const name = credentialSecret('roots', source)
  const content = { name, validation_context: trustedBy(roots.value) }
  return { json: { sds: { name, sds_config: ads() } }, resources: [resource(TYPE_URLS.secret, name, content)] }
}

function validation(own: Json, { sds, ...fixed }: Json): Json {
  if (sds === undefined) return { validation_context: { ...own, ...fixed } }
  return { combined_validation_context: { default_validation_context: own, validation_context_sds_secret_config: sds } }
}

function ownCertificate(key: string, credentials: Credentials): Checked | { readonly missing: string } {
  const source = { kind: 'secret', key } as const
  const pair = certificateOf(source, credentials)
  if (!pair.ok) return { missing: pair.reason }
  const name = credentialSecret('certificate', source)
  const { chain, privateKey } = pair.value
  const content = { name, tls_certificate: { certificate_chain: { inline_string: chain }, private_key: { inline_string: privateKey } } }
  return { json: { tls_certificate_sds_secret_configs: [{ name, sds_config: ads() }] }, resources: [resource(TYPE_URLS.secret, name, content)] }
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
