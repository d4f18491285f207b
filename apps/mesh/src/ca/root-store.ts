import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, WeftError } from '@weft/core'
import { generateKey, keyIdentifier, makeRoot, rootName, type Issuer } from './certificate.ts'
import { BACKDATE_MS } from './decide/leaf.ts'
import type { RootFacts } from './decide/roots.ts'

/** A root with its key. */
export interface Root extends RootFacts, Issuer {
  readonly certificatePem: string
  readonly serial: string
  readonly notBefore: number
}

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
  async load(): Promise<readonly Root[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await chmod(this.#directory, 0o700)
    const roots: Root[] = []
    for (const name of await readdir(this.#directory)) {
      if (name.endsWith('.tmp')) await rm(join(this.#directory, name), { force: true })
      else if (FILE.test(name)) roots.push(await this.#read(join(this.#directory, name)))
    }
    return roots
  }

  /** Makes a root and writes it durably before anybody hears of it. */
  async create(now: number, lifetimeMs: number): Promise<Root> {
    const key = await generateKey()
    const privateKey = createPrivateKey(key.privateKeyPem)
    const notBefore = Math.floor((now - BACKDATE_MS) / 1000) * 1000
    const parts = { uri: this.#uri(), publicKey: key.publicKey, notBefore, notAfter: Math.floor((now + lifetimeMs) / 1000) * 1000 }
    const { pem, serial } = await makeRoot(parts, privateKey)
    const path = join(this.#directory, `root-${serial}.pem`)
    await this.#write(path, key.privateKeyPem + pem)
    return this.#read(path)
  }

  async remove(id: string): Promise<void> {
    await rm(join(this.#directory, `root-${id}.pem`), { force: true })
  }

  #uri(): string {
    return `spiffe://${this.#trustDomain}`
  }

  async #write(path: string, text: string): Promise<void> {
    const file = await open(`${path}.tmp`, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.tmp`, path)
    const directory = await open(this.#directory, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  async #read(path: string): Promise<Root> {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0) throw unusable(path, 'other users of this machine can read the key', `if none of them did: chmod 600 ${path}`)
    const help = 'restore it from a backup, or remove it: then a new root is made, and all certificates with it'
    const root = rootOf(await readFile(path, 'utf8'), this.#uri())
    if (typeof root === 'string') throw unusable(path, root, help)
    return root
  }
}

/** The root in a file, or why there is none. */
function rootOf(text: string, uri: string): Root | string {
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
  const notBefore = certificate.validFromDate.getTime()
  return {
    id: certificate.serialNumber,
    serial: certificate.serialNumber,
    createdAt: notBefore + BACKDATE_MS,
    notBefore,
    notAfter: certificate.validToDate.getTime(),
    certificatePem: certificate.toString(),
    privateKey,
    subject: rootName(publicKey),
    keyId: keyIdentifier(publicKey),
  }
}

function unusable(path: string, reason: string, help: string): WeftError {
  return new WeftError('CA_UNUSABLE', { path, reason, help })
}
