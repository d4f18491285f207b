import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, WeftError } from '@weft/core'
import { readCertificates, type CertificateFacts } from './certificate-facts.ts'
import { chainProblem } from './decide/chain.ts'
import { signatureOf, type Signer } from './signer.ts'

/** The files of an authority that somebody brings, under the names that Istio's `cacerts` have. Chain and roots may be missing where they say nothing new. */
export const BROUGHT_FILES = { certificate: 'ca-cert.pem', key: 'ca-key.pem', chain: 'cert-chain.pem', roots: 'root-cert.pem' } as const
type BroughtFile = keyof typeof BROUGHT_FILES

const HELP = 'see docs/guide/trust.md for what the files must be'
/** Anything for others; writing for the group. */
const REFUSED_MODE = 0o027
const MAX_CHAIN = 10

/** What an authority is read for. */
export interface BroughtOptions {
  readonly directory: string
  readonly trustDomain: string
}

/**
 * Reads an authority from its files and checks that leaves of the trust domain can be signed by it and will be trusted.
 * @throws WeftError `CA_UNUSABLE` with the file and the reason
 */
export async function readBrought({ directory, trustDomain }: BroughtOptions, now: number): Promise<Signer> {
  const path = (file: BroughtFile) => join(directory, BROUGHT_FILES[file])
  const certificates = async (file: BroughtFile) => parsed(path(file), await optional(path(file)))
  const [own] = parsed(path('certificate'), await required(path('certificate')))
  if (own === undefined) throw unusable(path('certificate'), 'there is no certificate in it')
  const privateKey = await keyOf(path('key'))
  if (!own.certificate.checkPrivateKey(privateKey)) throw unusable(path('key'), `it is not the key of ${BROUGHT_FILES.certificate}`)
  const signature = signatureOf(privateKey)
  if (typeof signature === 'string') throw unusable(path('key'), signature)
  const named = await certificates('roots')
  const roots = named.length === 0 && isSelfSigned(own) ? [own] : named
  if (roots.length === 0) throw unusable(path('roots'), `it is missing or empty, and ${BROUGHT_FILES.certificate} is not a root itself`)
  for (const root of roots) if (!isSelfSigned(root)) throw unusable(path('roots'), `the certificate ${root.serial} is not a root: it is not signed by itself`)
  const chain = pathToRoot(own, roots, await certificates('chain'))
  if (typeof chain === 'string') throw unusable(path('chain'), chain)
  checkChain(chain, { directory, trustDomain }, now)
  return {
    id: fingerprint([...chain, ...roots]),
    addedAt: now,
    notAfter: Math.min(...chain.map(({ notAfter }) => notAfter)),
    chain: chain.slice(0, -1),
    root: chain.at(-1) ?? own,
    roots,
    privateKey,
    signature,
    subject: own.subject,
    ...(own.keyId === undefined ? {} : { keyId: own.keyId }),
  }
}

function checkChain(chain: readonly CertificateFacts[], { directory, trustDomain }: BroughtOptions, now: number): void {
  const fileOf = (index: number) => (index === 0 ? BROUGHT_FILES.certificate : index === chain.length - 1 ? BROUGHT_FILES.roots : BROUGHT_FILES.chain)
  const problem = chainProblem({ path: chain.map((facts, index) => ({ ...facts, file: fileOf(index) })), trustDomain, now })
  if (problem !== undefined) throw unusable(join(directory, problem.file), problem.reason)
}

/** From the authority to its root, both included; or why there is no way. */
function pathToRoot(own: CertificateFacts, roots: readonly CertificateFacts[], between: readonly CertificateFacts[]): readonly CertificateFacts[] | string {
  const path = [own]
  for (let last = own; !contains(roots, last); path.push(last)) {
    const above = [...roots, ...between].find((each) => signs(each, last) && !contains(path, each))
    if (above === undefined || path.length > MAX_CHAIN) {
      return `no certificate here or in ${BROUGHT_FILES.roots} has signed ${last.serial} (issuer: ${last.certificate.issuer.replaceAll('\n', ', ')})`
    }
    last = above
  }
  return path
}

const contains = (list: readonly CertificateFacts[], one: CertificateFacts) =>
  list.some(({ certificate }) => certificate.fingerprint256 === one.certificate.fingerprint256)
const signs = (issuer: CertificateFacts, { certificate }: CertificateFacts) =>
  certificate.checkIssued(issuer.certificate) && certificate.verify(issuer.certificate.publicKey)
const isSelfSigned = (facts: CertificateFacts) => signs(facts, facts)

async function keyOf(path: string): Promise<KeyObject> {
  const text = await required(path)
  const { mode } = await stat(path)
  if ((mode & REFUSED_MODE) !== 0)
    throw unusable(path, `its mode is ${(mode & 0o777).toString(8)}: other users of this machine can read or replace the key`, `chmod 600 ${path}`)
  if (/ENCRYPTED/.test(text)) throw unusable(path, 'the key is encrypted', `write it without a passphrase: openssl pkey -in ${path}`)
  try {
    return createPrivateKey(text)
  } catch (error) {
    throw unusable(path, `there is no private key in it (${messageOf(error)})`)
  }
}

function parsed(path: string, text: string | undefined): readonly CertificateFacts[] {
  try {
    return text === undefined ? [] : readCertificates(text)
  } catch (error) {
    throw unusable(path, `a certificate in it cannot be read (${messageOf(error)})`)
  }
}

async function optional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(path, messageOf(error))
  }
}

async function required(path: string): Promise<string> {
  const text = await optional(path)
  if (text === undefined) throw unusable(path, 'there is no such file')
  return text
}

function unusable(path: string, reason: string, help = HELP): WeftError {
  return new WeftError('CA_UNUSABLE', { path, reason, help })
}

/** Tells one set of files from another; the key follows from the certificate. */
function fingerprint(certificates: readonly CertificateFacts[]): string {
  const hash = createHash('sha256')
  for (const { certificate } of certificates) hash.update(certificate.raw)
  return hash.digest('hex').slice(0, 32).toUpperCase()
}

/** What the files are like from outside, to notice that they were replaced. */
export async function broughtState(directory: string): Promise<string> {
  const states = await Promise.all(
    Object.values(BROUGHT_FILES).map((name) =>
      stat(join(directory, name)).then(
        ({ ino, size, mtimeMs }) => `${name} ${ino} ${size} ${mtimeMs}`,
        () => `${name} -`,
      ),
    ),
  )
  return states.join('\n')
}
