import { parseIdentitySecret, TRUST_SECRET, TYPE_URLS } from '../encode/names.ts'
import type { EnvoyResource } from '../encode/types.ts'
import { readAny } from '../proto/codec.ts'
import type { WireResource } from '../xds/resource.ts'

/** A certificate and its key, PEM. */
export interface Certificate {
  readonly certificateChain: string
  readonly privateKey: string
}

/** The secret of an identity as Envoy reads it. */
export function identityResource(name: string, certificate: Certificate): EnvoyResource {
  const text = (inline_string: string) => ({ inline_string })
  return {
    typeUrl: TYPE_URLS.secret,
    name,
    json: { name, tls_certificate: { certificate_chain: text(certificate.certificateChain), private_key: text(certificate.privateKey) } },
  }
}

/** The secret with the roots. */
export function trustResource(roots: string): EnvoyResource {
  return { typeUrl: TYPE_URLS.secret, name: TRUST_SECRET, json: { name: TRUST_SECRET, validation_context: { trusted_ca: { inline_string: roots } } } }
}

/** What a secret may be shown as: never a key, whatever its name is. */
export function shownSecret(resource: WireResource): unknown {
  const account = parseIdentitySecret(resource.name)
  if (account !== undefined) return { name: resource.name, identity: account, private_key: '[not shown]' }
  const content = readAny(resource.typeUrl, resource.bytes)
  return 'validation_context' in content ? content : { name: resource.name, private_key: '[not shown]' }
}
