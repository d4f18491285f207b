import { X509Certificate } from 'node:crypto'
import { elements, inside, type Element } from './der-read.ts'
import type { Der } from './der.ts'

/** What is known of the certificate of an authority. Times in milliseconds since the epoch. */
export interface CertificateFacts {
  readonly certificate: X509Certificate
  readonly pem: string
  readonly serial: string
  readonly notBefore: number
  readonly notAfter: number
  /** The name as it is encoded: an issuer is found by equal bytes. */
  readonly subject: Der
  readonly ca: boolean
  /** How many authorities may stand below it; absent: any number. */
  readonly pathLength?: number
  /** Absent: no key usage is named, so every one is allowed. */
  readonly signsCertificates?: boolean
  /** Absent: no extended key usage is named. */
  readonly forServersAndClients?: boolean
  readonly keyId?: Uint8Array
  /** Name constraints on hosts of URIs; empty lists constrain nothing. */
  readonly permittedHosts: readonly string[]
  readonly excludedHosts: readonly string[]
}

/** Object identifiers of extensions (2.5.29.x), by their last byte. */
const EXTENSION = { subjectKeyIdentifier: 14, keyUsage: 15, basicConstraints: 19, nameConstraints: 30, extendedKeyUsage: 37 } as const
const EXTENSION_ARC = [0x55, 0x1d]
/** 1.3.6.1.5.5.7.3.1 and .2 */
const PURPOSES = ['2b06010505070301', '2b06010505070302']
const TAG = { boolean: 0x01, integer: 0x02, octetString: 0x04, explicit0: 0xa0, explicit1: 0xa1, explicit3: 0xa3, uri: 0x86 } as const
const CERT_SIGN = 0x04
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** All certificates of a PEM text. @throws Error of Node or RangeError when one of them cannot be read */
export function readCertificates(text: string): readonly CertificateFacts[] {
  return (text.match(PEM) ?? []).map((pem) => factsOf(new X509Certificate(pem)))
}

/** Reads one certificate. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  const parts = inside(inside(elements(certificate.raw)[0])[0])
  const [version] = parts
  // version is optional; then serial, algorithm, issuer, validity, subject.
  const subject = parts[version?.tag === TAG.explicit0 ? 5 : 4]?.whole ?? new Uint8Array()
  const extensions = extensionsOf(parts.find(({ tag }) => tag === TAG.explicit3))
  return {
    certificate,
    pem: certificate.toString(),
    serial: certificate.serialNumber,
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    subject,
    ca: certificate.ca,
    ...basicConstraints(extensions.get(EXTENSION.basicConstraints)),
    ...usage(extensions.get(EXTENSION.keyUsage), extensions.get(EXTENSION.extendedKeyUsage)),
    ...keyIdOf(extensions.get(EXTENSION.subjectKeyIdentifier)),
    ...constraints(extensions.get(EXTENSION.nameConstraints)),
  }
}

function extensionsOf(holder: Element | undefined): ReadonlyMap<number, Element> {
  const list = inside(inside(holder)[0])
  return new Map(
    list.flatMap((entry) => {
      const [id, ...rest] = inside(entry)
      const value = rest.find(({ tag }) => tag === TAG.octetString)
      const [first, second, last] = id?.content ?? []
      if (value === undefined || first !== EXTENSION_ARC[0] || second !== EXTENSION_ARC[1] || last === undefined || id?.content.length !== 3) return []
      const [element] = elements(value.content)
      return element === undefined ? [] : [[last, element] as const]
    }),
  )
}

function basicConstraints(value: Element | undefined): Pick<CertificateFacts, 'pathLength'> {
  const length = inside(value).find(({ tag }) => tag === TAG.integer)
  return length === undefined ? {} : { pathLength: length.content.reduce((sum, byte) => sum * 256 + byte, 0) }
}

function usage(key: Element | undefined, extended: Element | undefined): Pick<CertificateFacts, 'signsCertificates' | 'forServersAndClients'> {
  const purposes = inside(extended).map(({ content }) => Buffer.from(content).toString('hex'))
  return {
    ...(key === undefined ? {} : { signsCertificates: ((key.content[1] ?? 0) & CERT_SIGN) !== 0 }),
    ...(extended === undefined ? {} : { forServersAndClients: PURPOSES.every((purpose) => purposes.includes(purpose)) }),
  }
}

function keyIdOf(value: Element | undefined): Pick<CertificateFacts, 'keyId'> {
  return value === undefined ? {} : { keyId: Uint8Array.from(value.content) }
}

/** RFC 5280 §4.2.1.10: [0] permitted, [1] excluded, each a list of subtrees that begin with a GeneralName. */
function constraints(value: Element | undefined): Pick<CertificateFacts, 'permittedHosts' | 'excludedHosts'> {
  const hosts = (tag: number) =>
    inside(inside(value).find((each) => each.tag === tag)).flatMap((subtree) => {
      const [name] = inside(subtree)
      return name?.tag === TAG.uri ? [Buffer.from(name.content).toString('latin1')] : []
    })
  return { permittedHosts: hosts(TAG.explicit0), excludedHosts: hosts(TAG.explicit1) }
}
