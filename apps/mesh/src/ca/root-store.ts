import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, WeftError } from '@weft/core'
import { generateKey, keyIdentifier, makeRoot, rootName } from './certificate.ts'
import { BACKDATE_MS } from './decide/leaf.ts'
import { factsOf } from './certificate-facts.ts'
import { writeDurably } from './durable-file.ts'
import { signatureOf, type Signer } from './signer.ts'

const FILE = /^root-([0-9A-F]{32})\.pem$/

/** Keeps roots in a directory of their own (0700), one file each (0600) with key and certificate. The only keys of the mesh that touch a disk. */
export class RootStore {
  readonly #directory: string
  readonly #trustDomain: string

  constructor(directory: string, trustDomain: string) {
    this.#directory = directory
    this.#trustDomain = trustDomain
  }

  /** Reads all roots, after removing what a crash left half-written. @throws WeftError `CA_UNUSABLE` */
  async load(): Promise<readonly Signer[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await chmod(this.#directory, 0o700)
    const roots: Signer[] = []
    for (const name of await readdir(this.#directory)) {
      if (name.endsWith('.tmp')) await rm(join(this.#directory, name), { force: true })
      else if (FILE.test(name)) roots.push(await this.#read(join(this.#directory, name)))
    }
    return roots
  }

  /** Makes a root and writes it durably before anybody hears of it. */
  async create(now: number, lifetimeMs: number): Promise<Signer> {
    const key = await generateKey()
    const privateKey = createPrivateKey(key.privateKeyPem)
    const notBefore = Math.floor((now - BACKDATE_MS) / 1000) * 1000
    const parts = { uri: this.#uri(), publicKey: key.publicKey, notBefore, notAfter: Math.floor((now + lifetimeMs) / 1000) * 1000 }
    const { pem, serial } = await makeRoot(parts, privateKey)
    const path = join(this.#directory, `root-${serial}.pem`)
    await writeDurably(path, key.privateKeyPem + pem)
    return this.#read(path)
  }

  async remove(id: string): Promise<void> {
    await rm(join(this.#directory, `root-${id}.pem`), { force: true })
  }

  #uri(): string {
    return `spiffe://${this.#trustDomain}`
  }

  async #read(path: string): Promise<Signer> {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0) throw unusable(path, 'other users of this machine can read the key', `if none of them did: chmod 600 ${path}`)
    const help = 'restore it from a backup, or remove it: then a new root is made, and all certificates with it'
    const root = rootOf(await readFile(path, 'utf8'), this.#uri())
    if (typeof root === 'string') throw unusable(path, root, help)
    return root
  }
}

/** The root in a file, or why there is none. */
function rootOf(text: string, uri: string): Signer | string {
  let privateKey: KeyObject
  let certificate: X509Certificate
  try {
    privateKey = createPrivateKey(text)
    certificate = new X509Certificate(text.slice(text.indexOf('-----BEGIN CERTIFICATE-----')))
  } catch (error) {
    return messageOf(error)
  }
  if (!certificate.ca || !certificate.checkPrivateKey(privateKey)) return 'key and certificate do not belong together'
  if (certificate.subjectAltName !== `URI:${uri}`) return `it is of another trust domain (${certificate.subjectAltName})`
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const signature = signatureOf(privateKey)
  if (typeof signature === 'string') return signature
  const root = factsOf(certificate)
  return {
    id: root.serial,
    addedAt: root.notBefore + BACKDATE_MS,
    notAfter: root.notAfter,
    chain: [],
    root,
    roots: [root],
    privateKey,
    signature,
    subject: rootName(publicKey),
    keyId: keyIdentifier(publicKey),
  }
}

function unusable(path: string, reason: string, help: string): WeftError {
  return new WeftError('CA_UNUSABLE', { path, reason, help })
}
