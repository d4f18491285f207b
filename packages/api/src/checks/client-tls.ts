import type { ClientTls } from '../istio/traffic-policy.ts'
import type { Violation } from '../violation.ts'

/** What the schema of TLS settings cannot say. */
export function checkClientTls(tls: ClientTls | undefined, path: string): readonly Violation[] {
  if (tls === undefined) return []
  const { mode = 'DISABLE', credentialName, caCertificates, insecureSkipVerify } = tls
  const own = (['credentialName', 'caCertificates', 'subjectAltNames', 'sni', 'insecureSkipVerify'] as const).filter((name) => tls[name] !== undefined)
  const origination = mode === 'SIMPLE' || mode === 'MUTUAL'
  return [
    ...(origination
      ? []
      : own
          .filter((name) => name !== 'sni' && name !== 'subjectAltNames')
          .map((name) => ({ field: `${path}.${name}`, reason: `has no effect with mode ${mode}` }))),
    ...(mode === 'MUTUAL' && credentialName === undefined
      ? [{ field: `${path}.credentialName`, reason: 'is missing; mode MUTUAL needs a Secret with tls.crt and tls.key' }]
      : []),
    ...(credentialName !== undefined && caCertificates !== undefined
      ? [{ field: `${path}.caCertificates`, reason: 'stands beside credentialName, whose ca.crt would be meant; leave one out' }]
      : []),
    ...(insecureSkipVerify === true && (caCertificates !== undefined || tls.subjectAltNames !== undefined)
      ? [{ field: `${path}.insecureSkipVerify`, reason: 'takes any certificate, so that caCertificates and subjectAltNames would mean nothing; leave it out' }]
      : []),
    ...(caCertificates?.split('/').includes('..') === true ? [{ field: `${path}.caCertificates`, reason: 'must be a path without ".."' }] : []),
  ]
}
