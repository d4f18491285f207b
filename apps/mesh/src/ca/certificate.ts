import { createHash, generateKeyPair, randomBytes, sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { bitString, explicit, implicit, NULL, octetString, oid, sequence, setOf, time, TRUE, tagged, unsignedInteger, utf8String, type Der } from './der.ts'

const generate = promisify(generateKeyPair)
const signAsync = promisify(sign)

/** A key and what a certificate says about it. */
export interface KeyPair {
  readonly privateKeyPem: string
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
}

/** Makes a P-256 key on Node's thread pool, so that the event loop goes on. */
export async function generateKey(): Promise<KeyPair> {
  const { publicKey, privateKey } = await generate('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return { privateKeyPem: privateKey, publicKey }
}

/** How a key signs: the hash, and the algorithm as certificates name it. */
export interface SignatureAlgorithm {
  readonly hash: 'sha256' | 'sha384'
  readonly identifier: Der
}

/** Who signs. */
export interface Issuer {
  readonly privateKey: KeyObject
  readonly signature: SignatureAlgorithm
  readonly subject: Der
  /** Absent when the issuer's certificate has none. */
  readonly keyId?: Uint8Array
}

/** What stands in a certificate; times in milliseconds since the epoch, cut to seconds. */
export interface CertificateParts {
  /** The one URI SAN: a SPIFFE ID, or the trust domain for a root. */
  readonly uri: string
  readonly publicKey: Uint8Array
  readonly notBefore: number
  readonly notAfter: number
}

/** A certificate and its serial number (32 hexadecimal digits, upper-case). */
export interface MadeCertificate {
  readonly pem: string
  readonly serial: string
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

/** The algorithms of the keys that an authority may have (RFC 5758 §3.2, RFC 4055 §5). */
export const SIGNATURES = {
  p256: { hash: 'sha256', identifier: sequence(oid(OID.ecdsaWithSha256)) },
  p384: { hash: 'sha384', identifier: sequence(oid(OID.ecdsaWithSha384)) },
  rsa: { hash: 'sha256', identifier: sequence(oid(OID.sha256WithRsa), NULL) },
} as const satisfies Record<string, SignatureAlgorithm>
const VERSION_3 = explicit(0, unsignedInteger(Uint8Array.of(2)))
/** Leaves have no name but their SAN (SPIFFE X.509-SVID §2: no fall-back to the subject). */
const NO_NAME = sequence()

const LEAF_EXTENSIONS: readonly Der[] = [
  extension(OID.basicConstraints, sequence(), true),
  extension(OID.keyUsage, bitString(Uint8Array.of(0x80), 7), true), // digitalSignature
  extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth), oid(OID.clientAuth)), false),
]
const ROOT_EXTENSIONS: readonly Der[] = [
  extension(OID.basicConstraints, sequence(TRUE, unsignedInteger(Uint8Array.of(0))), true), // no further authority below it
  extension(OID.keyUsage, bitString(Uint8Array.of(0x06), 1), true), // keyCertSign, cRLSign
]

/** A certificate of a workload (SPIFFE X.509-SVID): for servers and clients, one critical URI SAN, no authority. */
export function makeLeaf(parts: CertificateParts, issuer: Issuer): Promise<MadeCertificate> {
  const key = issuer.keyId === undefined ? [] : [authorityKey(issuer.keyId)]
  const extensions = [...LEAF_EXTENSIONS, ...key, extension(OID.subjectAltName, uriName(parts.uri), true)]
  return make(parts, NO_NAME, extensions, issuer)
}

/** A self-signed root (P-256). Its name has the beginning of its key's identifier, so that roots that overlap are told apart. */
export function makeRoot(parts: CertificateParts, privateKey: KeyObject): Promise<MadeCertificate> {
  const keyId = keyIdentifier(parts.publicKey)
  const subject = rootName(parts.publicKey)
  const extensions = [
    ...ROOT_EXTENSIONS,
    extension(OID.subjectKeyIdentifier, octetString(keyId), false),
    extension(OID.subjectAltName, uriName(parts.uri), false),
  ]
  return make(parts, subject, extensions, { privateKey, signature: SIGNATURES.p256, subject, keyId })
}

/** The name of the root that has this key. */
export function rootName(publicKey: Uint8Array): Der {
  const name = `Weft mesh root ${Buffer.from(keyIdentifier(publicKey)).toString('hex').slice(0, 8)}`
  return sequence(setOf(sequence(oid(OID.commonName), utf8String(name))))
}

/** SHA-256 of the key, cut to 20 bytes (RFC 7093 §2, method 1, over the whole SubjectPublicKeyInfo). */
export function keyIdentifier(publicKey: Uint8Array): Uint8Array {
  return createHash('sha256').update(publicKey).digest().subarray(0, 20)
}

async function make({ publicKey, notBefore, notAfter }: CertificateParts, subject: Der, extensions: readonly Der[], issuer: Issuer): Promise<MadeCertificate> {
  const serial = randomSerial()
  const validity = sequence(time(notBefore), time(notAfter))
  const { hash, identifier } = issuer.signature
  const signed = sequence(VERSION_3, unsignedInteger(serial), identifier, issuer.subject, validity, subject, publicKey, explicit(3, sequence(...extensions)))
  const signature = await signAsync(hash, signed, issuer.privateKey)
  return { pem: pemOf(sequence(signed, identifier, bitString(signature))), serial: serial.toString('hex').toUpperCase() }
}

/** 128 random bits. The first byte is not zero, so that all tools write the number with the same digits. */
function randomSerial(): Buffer {
  const serial = randomBytes(16)
  return serial[0] === 0 ? randomSerial() : serial
}

function extension(id: string, value: Der, critical: boolean): Der {
  return critical ? sequence(oid(id), TRUE, octetString(value)) : sequence(oid(id), octetString(value))
}

function authorityKey(keyId: Uint8Array): Der {
  return extension(OID.authorityKeyIdentifier, sequence(implicit(0, keyId)), false)
}

/** GeneralNames with one uniformResourceIdentifier ([6] IA5String). */
function uriName(uri: string): Der {
  return tagged(0x30, implicit(6, new TextEncoder().encode(uri)))
}

function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
