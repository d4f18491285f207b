import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Budget } from './budget.ts'
import { PathRegister, safeSegments } from './safe-path.ts'

/** Files that archivers add and nobody wants. */
const JUNK = /(?:^|\/)(?:__MACOSX(?:\/|$)|\.DS_Store$|\._[^/]*$|Thumbs\.db$)/

/** Writes the files of one source below a new directory: the only place where names from outside become paths. */
export class SourceWriter {
  readonly #root: string
  readonly #budget: Budget
  readonly #register = new PathRegister()

  constructor(root: string, budget: Budget) {
    this.#root = root
    this.#budget = budget
  }

  /** @throws WeftError `SOURCE_REFUSED` */
  async directory(rawPath: string): Promise<void> {
    if (JUNK.test(rawPath)) return
    const segments = safeSegments(rawPath)
    this.#budget.addEntry()
    this.#register.add(segments, 'directory')
    await mkdir(join(this.#root, ...segments), { recursive: true })
  }

  /** @throws WeftError `SOURCE_REFUSED` */
  async file(rawPath: string, executable: boolean, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    const segments = safeSegments(rawPath)
    const junk = JUNK.test(rawPath)
    this.#budget.addEntry()
    if (!junk) this.#register.add(segments, 'file')
    const path = join(this.#root, ...segments)
    if (!junk) await mkdir(dirname(path), { recursive: true })
    await using target = junk ? undefined : await open(path, 'wx', executable ? 0o755 : 0o644)
    for await (const chunk of content) {
      this.#budget.addBytes(chunk.length)
      await target?.writeFile(chunk)
    }
  }
}
