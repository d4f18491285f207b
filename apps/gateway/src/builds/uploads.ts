import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { isWeftError, WeftError } from '@weft/core'

/** A file that came in, until it is removed. */
export interface Upload {
  readonly path: string
  /** Name of the file, without a directory. */
  readonly name: string
  readonly remove: () => Promise<void>
}

/** Puts what comes in into files of their own directories, up to a limit. */
export class Uploads {
  readonly #parent: string
  readonly #limit: number

  /** `limit` in bytes. */
  constructor(parent: string, limit: number) {
    this.#parent = parent
    this.#limit = limit
  }

  /** Receives a body; `announced` is its length as far as it is known. @throws WeftError `BODY_TOO_LARGE`, `INVALID_VALUE`, `MALFORMED_BODY` when it ends early */
  async receive(body: Readable, file: string, announced: number): Promise<Upload> {
    if (announced > this.#limit) throw this.#tooLarge()
    const upload = await this.#place(file)
    try {
      await this.#write(body, upload.path)
      return upload
    } catch (error) {
      await upload.remove()
      throw isWeftError(error) || !body.destroyed ? error : new WeftError('MALFORMED_BODY', { reason: 'the upload ended early' })
    }
  }

  /** Keeps bytes that are there already. @throws WeftError `BODY_TOO_LARGE`, `INVALID_VALUE` */
  async keep(content: Uint8Array, file: string): Promise<Upload> {
    if (content.byteLength > this.#limit) throw this.#tooLarge()
    const upload = await this.#place(file)
    await writeFile(upload.path, content, { mode: 0o600 })
    return upload
  }

  async #place(file: string): Promise<Upload> {
    const name = basename(file)
    if (!/^[A-Za-z0-9_][-A-Za-z0-9_.]*$/.test(name)) throw new WeftError('INVALID_VALUE', { field: 'query.file', reason: 'it is not a plain file name' })
    const directory = await mkdtemp(join(this.#parent, 'weft-upload-'))
    return { path: join(directory, name), name, remove: () => rm(directory, { recursive: true, force: true }) }
  }

  /** The body is not destroyed when it is too large: the answer goes over the same connection. */
  async #write(body: Readable, path: string): Promise<void> {
    await using file = await open(path, 'wx', 0o600)
    let seen = 0
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      seen += chunk.length
      if (seen > this.#limit) throw this.#tooLarge()
      await file.writeFile(chunk)
    }
  }

  #tooLarge(): WeftError {
    return new WeftError('BODY_TOO_LARGE', { limit: this.#limit })
  }
}
