import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WeftError } from '@weft/core'
import { artifactDigest } from '../digest.ts'
import type { ArtifactInput, ArtifactManifest, ArtifactStore } from '../port.ts'
import { canonicalReference, isDigest, pinnedDigest } from '../reference.ts'
import { copyTree, flushDirectory } from './tree.ts'

/** How a directory store is set up. */
export interface DirectoryArtifactOptions {
  /** Made when missing. Its parents must let every user through (`x`), or replicas with their own uid cannot read artifacts. */
  readonly directory: string
}

/** What an interrupted `put` left behind is removed after this long. */
const STALE_AFTER_MS = 3_600_000

const hasCode = (error: unknown, ...codes: string[]) => codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '')

/**
 * Artifacts as directories: `objects/HEX/{manifest.json,files/}`, references as one small file each, everything put in place by one `rename`, so that a
 * reader sees all or nothing, writers need no lock, and a crash leaves only something in `tmp/` that a later start removes.
 */
export class DirectoryArtifactStore implements ArtifactStore {
  readonly #root: string

  constructor(options: DirectoryArtifactOptions) {
    this.#root = options.directory
  }

  /** Makes the directories and removes what crashed writers left. */
  async prepare(now: number = Date.now()): Promise<void> {
    for (const name of ['', 'objects', 'refs', 'tmp']) {
      await mkdir(join(this.#root, name), { recursive: true })
      await chmod(join(this.#root, name), name === 'tmp' ? 0o700 : 0o755)
    }
    for (const name of await readdir(join(this.#root, 'tmp'))) {
      const path = join(this.#root, 'tmp', name)
      const found = await stat(path).catch(() => undefined)
      if (found !== undefined && now - found.mtimeMs > STALE_AFTER_MS) await rm(path, { recursive: true, force: true })
    }
  }

  async put(input: ArtifactInput, reference?: string): Promise<ArtifactManifest> {
    const staging = this.#temporary()
    try {
      await mkdir(staging, { mode: 0o755 })
      const manifest = await this.#stage(input, staging)
      await this.#publish(staging, manifest.digest)
      if (reference !== undefined) await this.tag(reference, manifest.digest)
      return manifest
    } finally {
      await rm(staging, { recursive: true, force: true })
    }
  }

  async get(digestOrReference: string): Promise<ArtifactManifest | undefined> {
    const digest = await this.#resolve(digestOrReference)
    if (digest === undefined) return undefined
    const text = await readOptional(join(this.#object(digest), 'manifest.json'))
    return text === undefined ? undefined : (JSON.parse(text) as ArtifactManifest)
  }

  async has(digestOrReference: string): Promise<boolean> {
    return (await this.get(digestOrReference)) !== undefined
  }

  async open(digest: string): Promise<string> {
    if (!isDigest(digest) || !(await this.has(digest))) throw new WeftError('ARTIFACT_NOT_FOUND', { reference: digest })
    return join(this.#object(digest), 'files')
  }

  async tag(reference: string, digest: string): Promise<void> {
    if (!isDigest(digest) || !(await this.has(digest))) throw new WeftError('ARTIFACT_NOT_FOUND', { reference: digest })
    const staging = this.#temporary()
    await writeFlushed(staging, JSON.stringify({ reference, digest }))
    await rename(staging, this.#reference(reference))
    await flushDirectory(join(this.#root, 'refs'))
  }

  async references(): Promise<readonly { readonly reference: string; readonly digest: string }[]> {
    const names = await readdir(join(this.#root, 'refs'))
    const texts = await Promise.all(names.map((name) => readOptional(join(this.#root, 'refs', name))))
    const found = texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as { reference: string; digest: string }]))
    return found.toSorted((a, b) => (a.reference < b.reference ? -1 : 1))
  }

  async #stage(input: ArtifactInput, staging: string): Promise<ArtifactManifest> {
    const { run, env = {}, labels = {} } = input
    const files = await copyTree(input.directory, join(staging, 'files'))
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
    const manifest: ArtifactManifest = { digest: artifactDigest(files, run, env, labels), run, env, labels, sizeBytes, fileCount: files.length }
    await writeFlushed(join(staging, 'manifest.json'), JSON.stringify(manifest))
    await chmod(staging, 0o755)
    await flushDirectory(staging)
    return manifest
  }

  async #publish(staging: string, digest: string): Promise<void> {
    try {
      await rename(staging, this.#object(digest))
      await flushDirectory(join(this.#root, 'objects'))
    } catch (error) {
      // Somebody stored the same content first: its bytes are ours.
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error
    }
  }

  async #resolve(digestOrReference: string): Promise<string | undefined> {
    if (isDigest(digestOrReference)) return digestOrReference
    const text = await readOptional(this.#reference(digestOrReference))
    if (text !== undefined) return (JSON.parse(text) as { digest: string }).digest
    return pinnedDigest(digestOrReference)
  }

  #object(digest: string): string {
    return join(this.#root, 'objects', digest.slice('sha256:'.length))
  }

  /** A hash as file name: any reference is safe, also on a file system that ignores case. */
  #reference(reference: string): string {
    return join(this.#root, 'refs', `${createHash('sha256').update(canonicalReference(reference)).digest('hex')}.json`)
  }

  #temporary(): string {
    return join(this.#root, 'tmp', randomUUID())
  }
}

/** Opens (and makes, when missing) the store in a directory. */
export async function openDirectoryArtifactStore(options: DirectoryArtifactOptions): Promise<DirectoryArtifactStore> {
  const store = new DirectoryArtifactStore(options)
  await store.prepare()
  return store
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

async function writeFlushed(path: string, text: string): Promise<void> {
  await using file = await open(path, 'wx', 0o644)
  await file.writeFile(text)
  await file.sync()
}
