import { sourceRefused } from '../failures.ts'
import type { BuildLimits } from '../limits.ts'

const RATIO_COUNTS_FROM_BYTES = 2 ** 20
const RAISE = 'leave out what the function does not need (a .git, data, built files), or raise the limit in the configuration of the builder'

/** Counts what a source unpacks to and stops it at the limits, before anything more is written. */
export class Budget {
  readonly #limits: BuildLimits
  readonly #packedBytes: number | undefined
  #bytes = 0
  #entries = 0

  /** @param packedBytes size of the archive; absent for what is not packed */
  constructor(limits: BuildLimits, packedBytes?: number) {
    this.#limits = limits
    this.#packedBytes = packedBytes
  }

  /** One more file or directory. @throws WeftError `SOURCE_REFUSED` */
  addEntry(): void {
    this.#entries += 1
    if (this.#entries > this.#limits.files) throw sourceRefused(`it has more than ${this.#limits.files} files (limit files)`, RAISE)
  }

  /** More unpacked bytes. @throws WeftError `SOURCE_REFUSED` */
  addBytes(count: number): void {
    this.#bytes += count
    const { unpackedBytes, compressionRatio } = this.#limits
    if (this.#bytes > unpackedBytes) throw sourceRefused(`it unpacks to more than ${Math.floor(unpackedBytes / 2 ** 20)} MiB (limit unpackedBytes)`, RAISE)
    if (this.#packedBytes === undefined || this.#bytes < RATIO_COUNTS_FROM_BYTES) return
    if (this.#bytes > this.#packedBytes * compressionRatio) {
      throw sourceRefused(`it unpacks to more than ${compressionRatio} times its size (limit compressionRatio)`, 'pack it again without padding')
    }
  }
}
