import type { CertificateSource, GatewayCredential, GatewayTls, RootsSource, TlsVersion } from '@weft/mesh-model'
import { certificateProblem, chainValidity, decoded, rootsProblem } from '../credentials/check.ts'
import type { Material, Origin, Validity } from '../credentials/last-good.ts'
import { ads, any, resource, wrap } from './json.ts'
import { credentialSecret, TYPE_URLS } from './names.ts'
import type { EncodeInput, EnvoyResource, Json } from './types.ts'

/** A certificate chain and its key, PEM, and when it is good. */
export interface CertificatePair extends Validity {
  readonly chain: string
  readonly privateKey: string
}

/** Roots, and certificates that are revoked, PEM. */
interface Roots {
  readonly certificates: string
  readonly revoked?: string
}

/** Where credentials are looked up. */
export type Credentials = Pick<EncodeInput, 'files' | 'lastGood'> & { readonly snapshot: Pick<EncodeInput['snapshot'], 'credentials'> }

/** What Secrets say, read once for each state of them. */
const checked = new WeakMap<GatewayCredential, CheckedCredential>()

interface CheckedCredential {
  readonly pair: Material<CertificatePair>
  readonly roots: Material<Roots>
}

function readCredential(credential: GatewayCredential): CheckedCredential {
  const known = checked.get(credential)
  if (known !== undefined) return known
  const { certificate, roots } = credential
  const made = {
    pair: certificate === undefined ? missing('has no tls.crt and tls.key') : checkedPair(decoded(certificate.chain), decoded(certificate.privateKey)),
    roots:
      roots === undefined
        ? missing('has no ca.crt')
        : checkedRoots(decoded(roots.certificates), roots.revoked === undefined ? undefined : decoded(roots.revoked)),
  }
  checked.set(credential, made)
  return made
}

function missing(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason }
}

function checkedPair(chain: string, privateKey: string): Material<CertificatePair> {
  const reason = certificateProblem(chain, privateKey)
  return reason === undefined ? { ok: true, value: { chain, privateKey, ...chainValidity(chain) } } : missing(reason)
}

function checkedRoots(certificates: string, revoked?: string): Material<Roots> {
  const reason = rootsProblem(certificates, revoked)
  return reason === undefined ? { ok: true, value: { certificates, ...(revoked === undefined ? {} : { revoked }) } } : missing(reason)
}

/** Envoy's validation by roots. */
export function trustedBy({ certificates, revoked }: Roots): Json {
  return { trusted_ca: { inline_string: certificates }, ...(revoked === undefined ? {} : { crl: { inline_string: revoked } }) }
}

/** The certificate of a server: the newest, or else the last one that could be used. */
export function certificateOf(source: CertificateSource, credentials: Credentials): Material<CertificatePair> {
  const newest = newestCertificate(source, credentials)
  return credentials.lastGood?.choose(originOf('certificate', source), newest, (pair) => pair) ?? newest
}

function newestCertificate(source: CertificateSource, { snapshot, files }: Credentials): Material<CertificatePair> {
  if (source.kind === 'secret') {
    const credential = snapshot.credentials.get(source.key)
    return credential === undefined ? missing(`there is no Secret ${source.key}`) : named(`the Secret ${source.key}`, readCredential(credential).pair)
  }
  const chain = files?.get(source.certificate)
  const privateKey = files?.get(source.key)
  if (chain === undefined || privateKey === undefined) return missing(`the file ${chain === undefined ? source.certificate : source.key} cannot be read`)
  return named(`the files ${source.certificate} and ${source.key}`, checkedPair(chain, privateKey))
}

/** The roots of client certificates: the newest, or else the last ones that could be used. */
export function rootsOf(source: RootsSource, credentials: Credentials): Material<Roots> {
  const newest = newestRoots(source, credentials)
  return credentials.lastGood?.choose(originOf('roots', source), newest) ?? newest
}

function newestRoots(source: RootsSource, { snapshot, files }: Credentials): Material<Roots> {
  if (source.kind === 'secret') {
    const credential = snapshot.credentials.get(source.key)
    return credential === undefined ? missing(`there is no Secret ${source.key}`) : named(`the Secret ${source.key}`, readCredential(credential).roots)
  }
  const roots = files?.get(source.path)
  return roots === undefined ? missing(`the file ${source.path} cannot be read`) : named(`the file ${source.path}`, checkedRoots(roots))
}

/** A reason says whose it is. */
function named<T>(where: string, material: Material<T>): Material<T> {
  return material.ok ? material : missing(`${where}: ${material.reason}`)
}

/** What a source is known by among what was good before. */
export function originOf(kind: 'certificate' | 'roots', source: CertificateSource | RootsSource): Origin {
  const id = credentialSecret(kind, source)
  switch (source.kind) {
    case 'secret': {
      const others = (source.others ?? []).map((key) => credentialSecret(kind, { kind: 'secret', key }))
      return { id, text: `the Secret ${source.key}`, credentials: [source.key], files: [], others }
    }
    case 'files':
      return { id, text: `the files ${source.certificate} and ${source.key}`, credentials: [], files: [source.certificate, source.key], others: [] }
    case 'file':
      return { id, text: `the file ${source.path}`, credentials: [], files: [source.path], others: [] }
    default:
      return source satisfies never
  }
}

/** What a server's TLS is made of. */
export function tlsMaterial(tls: GatewayTls, credentials: Credentials): readonly Material<unknown>[] {
  return [certificateOf(tls.certificate, credentials), ...(tls.roots === undefined ? [] : [rootsOf(tls.roots, credentials)])]
}

/** Why connections to a server cannot be taken; `undefined` when they can. */
export function tlsProblem(tls: GatewayTls, credentials: Credentials): string | undefined {
  const bad = tlsMaterial(tls, credentials).find((material) => !material.ok)
  return bad?.ok === false ? bad.reason : undefined
}

/** SDS resources of what a server's TLS refers to, those that can be used. */
export function encodeCredentials(tls: GatewayTls, credentials: Credentials): readonly EnvoyResource[] {
  const pair = certificateOf(tls.certificate, credentials)
  const roots = tls.roots === undefined ? undefined : rootsOf(tls.roots, credentials)
  const inline = (inline_string: string) => ({ inline_string })
  const secret = (name: string, content: Json) => resource(TYPE_URLS.secret, name, { name, ...content })
  const certificate = pair.ok
    ? [
        secret(credentialSecret('certificate', tls.certificate), {
          tls_certificate: { certificate_chain: inline(pair.value.chain), private_key: inline(pair.value.privateKey) },
        }),
      ]
    : []
  const trusted =
    tls.roots !== undefined && roots?.ok === true ? [secret(credentialSecret('roots', tls.roots), { validation_context: trustedBy(roots.value) })] : []
  return [...certificate, ...trusted]
}

const VERSIONS: Readonly<Record<TlsVersion, string>> = { '1.0': 'TLSv1_0', '1.1': 'TLSv1_1', '1.2': 'TLSv1_2', '1.3': 'TLSv1_3' }
const NAME_TYPES = ['DNS', 'URI', 'EMAIL', 'IP_ADDRESS']

/** TLS as a gateway ends it: HTTP/2 and HTTP/1.1 by ALPN, certificates by SDS. */
export function serverTls(tls: GatewayTls): Json {
  const { clients, roots, minVersion, maxVersion, cipherSuites } = tls
  const sds = (name: string) => ({ name, sds_config: ads() })
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: any('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
      require_client_certificate: wrap(clients === 'mutual'),
      // A resumed session would keep what an older set of roots allowed.
      ...(clients === 'simple' ? {} : { disable_stateless_session_resumption: true, disable_stateful_session_resumption: true }),
      common_tls_context: {
        tls_params: {
          tls_minimum_protocol_version: VERSIONS[minVersion],
          tls_maximum_protocol_version: VERSIONS[maxVersion],
          ...(cipherSuites.length === 0 ? {} : { cipher_suites: cipherSuites }),
        },
        alpn_protocols: ['h2', 'http/1.1'],
        tls_certificate_sds_secret_configs: [sds(credentialSecret('certificate', tls.certificate))],
        ...(roots === undefined ? {} : clientValidation(tls, sds(credentialSecret('roots', roots)))),
      },
    }),
  }
}

function clientValidation({ subjectAltNames }: GatewayTls, secret: Json): Json {
  const names = subjectAltNames.flatMap((exact) => NAME_TYPES.map((san_type) => ({ san_type, matcher: { exact } })))
  return {
    combined_validation_context: { default_validation_context: { match_typed_subject_alt_names: names }, validation_context_sds_secret_config: secret },
  }
}
