import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Remembers which artifact an input became: one small file per input, put in place by a rename. Losing it costs a build, no more. */
export class InputCache {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** @returns digest of the artifact, `undefined` when the input is new */
  async get(inputDigest: string): Promise<string | undefined> {
    return readFile(this.#path(inputDigest), 'utf8').catch(() => undefined)
  }

  async set(inputDigest: string, artifactDigest: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    const temporary = join(this.#directory, `.${randomUUID()}`)
    await writeFile(temporary, artifactDigest)
    await rename(temporary, this.#path(inputDigest))
  }

  #path(inputDigest: string): string {
    return join(this.#directory, inputDigest.replace('sha256:', ''))
  }
}
