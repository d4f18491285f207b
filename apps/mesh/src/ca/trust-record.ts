import { readFile } from 'node:fs/promises'
import { messageOf, WeftError } from '@weft/core'
import { readCertificates, type CertificateFacts } from './certificate-facts.ts'
import type { Generation } from './decide/roots.ts'
import { writeDurably } from './durable-file.ts'

/** An authority and what is trusted for it. No key is in here. */
export interface TrustedGeneration extends Omit<Generation, 'canSign'> {
  readonly roots: readonly CertificateFacts[]
}

interface Written extends Omit<TrustedGeneration, 'roots'> {
  readonly roots: readonly string[]
}

/** Remembers which authorities are trusted, in which order they came and which of them has begun to sign: a rotation goes on where a crash left it. */
export class TrustRecord {
  readonly #path: string
  #written = ''

  constructor(path: string) {
    this.#path = path
  }

  /** @returns the generations, oldest first; `undefined` when none were ever written. @throws WeftError `CA_UNUSABLE` */
  async load(): Promise<readonly TrustedGeneration[] | undefined> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw this.#unusable(error.message)
    })
    if (text === undefined) return undefined
    try {
      const { generations } = JSON.parse(text) as { readonly generations: readonly Written[] }
      return generations.map((each) => ({ ...each, roots: each.roots.flatMap((pem) => readCertificates(pem)) }))
    } catch (error) {
      throw this.#unusable(messageOf(error))
    }
  }

  /** Writes them, when they are different from what was written last. */
  async save(generations: readonly TrustedGeneration[]): Promise<void> {
    const text = JSON.stringify({ generations: generations.map((each) => ({ ...each, roots: each.roots.map(({ pem }) => pem) })) }, undefined, 1)
    if (text === this.#written) return
    await writeDurably(this.#path, text)
    this.#written = text
  }

  #unusable(reason: string): WeftError {
    return new WeftError('CA_UNUSABLE', { path: this.#path, reason, help: 'remove it: then only the authority that signs now is trusted' })
  }
}
