import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g
const MIN_RSA_BITS = 2048
/** What the proxy's TLS library takes of ECDSA. */
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

function certificatesIn(pem: string): readonly X509Certificate[] {
  return [...pem.matchAll(BLOCK)].filter(([, kind]) => kind === 'CERTIFICATE').map(([block]) => new X509Certificate(block))
}

/** PEM as a Secret has it. */
export function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8')
}

/** Why a chain and a key cannot be used; `undefined` when they can. Nothing of their content is told. */
export function certificateProblem(chain: string, privateKey: string): string | undefined {
  const certificates = read(() => certificatesIn(chain))
  const [leaf] = certificates ?? []
  if (leaf === undefined) return 'the certificate is not PEM'
  const key = read(() => createPrivateKey(privateKey))
  if (key === undefined) return 'the key is not PEM, or needs a passphrase'
  if (read(() => leaf.checkPrivateKey(key)) !== true) return 'the key is not the one of the certificate'
  return keyProblem(key)
}

/** When a chain is good: while all of its certificates are. */
export function chainValidity(chain: string): { readonly from: number; readonly until: number } {
  const certificates = certificatesIn(chain)
  return {
    from: Math.max(...certificates.map(({ validFromDate }) => validFromDate.getTime())),
    until: Math.min(...certificates.map(({ validToDate }) => validToDate.getTime())),
  }
}

function keyProblem(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return modulusLength < MIN_RSA_BITS ? `the key has ${modulusLength} bits, and needs at least ${MIN_RSA_BITS}` : undefined
  if (key.asymmetricKeyType === 'ec') return CURVES.has(namedCurve) ? undefined : `the curve ${namedCurve} is not P-256, P-384 or P-521`
  return `keys of type ${key.asymmetricKeyType ?? 'unknown'} are not supported; use RSA or ECDSA`
}

/** Why roots, and a list of what is revoked, cannot be used; `undefined` when they can. */
export function rootsProblem(roots: string, revoked: string | undefined): string | undefined {
  const certificates = read(() => certificatesIn(roots))
  if (certificates === undefined || certificates.length === 0) return 'the roots of client certificates are not PEM'
  return revoked === undefined || isRevocationList(revoked) ? undefined : 'the list of revoked certificates (ca.crl) is not PEM'
}

function isRevocationList(pem: string): boolean {
  const blocks = [...pem.matchAll(BLOCK)].filter(([, kind]) => kind === 'X509 CRL').map(([block]) => block)
  return blocks.length > 0 && read(() => createSecureContext({ crl: blocks })) !== undefined
}

function read<T>(it: () => T): T | undefined {
  try {
    return it()
  } catch {
    return undefined
  }
}
