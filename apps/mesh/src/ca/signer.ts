import type { KeyObject } from 'node:crypto'
import { SIGNATURES, type Issuer, type SignatureAlgorithm } from './certificate.ts'
import type { CertificateFacts } from './certificate-facts.ts'

/** An authority with its key: a root that was made here, or what somebody brought. */
export interface Signer extends Issuer {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly addedAt: number
  /** When the first certificate of its chain ends; leaves end with it. */
  readonly notAfter: number
  /** What leaves are sent with: its own certificate and those above it without the root, nearest first. Empty for a root. */
  readonly chain: readonly CertificateFacts[]
  /** The root that its leaves chain to. */
  readonly root: CertificateFacts
  /** What is to be trusted for its leaves: its root, and others that were brought with it. */
  readonly roots: readonly CertificateFacts[]
}

const MIN_RSA_BITS = 2048

/** How a key signs certificates, or why it cannot. */
export function signatureOf({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): SignatureAlgorithm | string {
  if (type === 'rsa') {
    const { modulusLength = 0 } = details
    return modulusLength >= MIN_RSA_BITS ? SIGNATURES.rsa : `an RSA key of ${modulusLength} bits is too short; it needs at least ${MIN_RSA_BITS}`
  }
  if (type === 'ec' && details.namedCurve === 'prime256v1') return SIGNATURES.p256
  if (type === 'ec' && details.namedCurve === 'secp384r1') return SIGNATURES.p384
  return `a key of the type ${[type ?? 'unknown', details.namedCurve].filter((part) => part !== undefined).join(' ')} is not supported; use EC P-256, EC P-384 or RSA`
}
