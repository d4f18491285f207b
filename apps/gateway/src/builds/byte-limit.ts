import { Transform, type TransformCallback } from 'node:stream'
import { WeftError } from '@weft/core'

/** Passes bytes on, up to a limit. Fails with `BODY_TOO_LARGE` beyond it. */
export class ByteLimit extends Transform {
  readonly #limit: number
  #seen = 0

  constructor(limit: number) {
    super()
    this.#limit = limit
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#seen += chunk.length
    if (this.#seen > this.#limit) callback(new WeftError('BODY_TOO_LARGE', { limit: this.#limit }))
    else callback(null, chunk)
  }
}
