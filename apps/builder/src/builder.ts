import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ArtifactManifest, ArtifactStore } from '@weft/artifacts'
import type { BuildProgress, BuildRequest, SourceBuilder } from '@weft/artifacts/build'
import { WeftError } from '@weft/core'
import { runBuild } from './build-process.ts'
import { InputCache } from './input-cache.ts'
import { KeyedLock, Semaphore } from './locks.ts'
import { DEFAULT_BUILD_LIMITS, type BuildLimits } from './limits.ts'
import type { NpmSettings } from './node/npm.ts'
import { chooseRuntime } from './runtimes.ts'

/** What a builder is made of. */
export interface BuilderOptions {
  readonly artifacts: ArtifactStore
  /** For working copies, npm's cache and the memory of known inputs; made when missing. */
  readonly cacheDirectory: string
  readonly limits?: Partial<BuildLimits>
  /** npm configuration of the user (`~/.npmrc`); absent: only what the source brings. */
  readonly npmUserConfig?: string
  /** Environment for npm: proxies, registry. Nothing else of the platform's environment reaches a build. */
  readonly npmEnv?: Readonly<Record<string, string>>
  /** The sandbox for npm and the scripts of packages; `bwrap` of PATH when absent. */
  readonly bubblewrap?: string
  /** The bundled build process; absent: the one of the source tree. */
  readonly workerEntry?: string
}

const STALE_AFTER_MS = 3_600_000

/** Builds in child processes, a few at a time; the same input at the same time is built once. */
export class Builder implements SourceBuilder {
  readonly #artifacts: ArtifactStore
  readonly #cacheDirectory: string
  readonly #limits: BuildLimits
  readonly #npm: NpmSettings
  readonly #workerEntry: string
  readonly #known: InputCache
  readonly #slots: Semaphore
  readonly #inputs = new KeyedLock()
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<unknown>>()

  constructor(options: BuilderOptions) {
    this.#artifacts = options.artifacts
    this.#cacheDirectory = options.cacheDirectory
    this.#limits = { ...DEFAULT_BUILD_LIMITS, ...options.limits }
    this.#npm = {
      cacheDirectory: join(options.cacheDirectory, 'npm'),
      env: options.npmEnv ?? {},
      ...(options.bubblewrap === undefined ? {} : { bubblewrap: options.bubblewrap }),
      ...(options.npmUserConfig === undefined ? {} : { userConfig: options.npmUserConfig }),
    }
    this.#workerEntry = options.workerEntry ?? fileURLToPath(new URL('./worker/main.ts', import.meta.url))
    this.#known = new InputCache(join(options.cacheDirectory, 'inputs'))
    this.#slots = new Semaphore(this.#limits.concurrency)
  }

  /** Makes the directories and removes the working copies of builds that crashed. */
  async prepare(now: number = Date.now()): Promise<void> {
    const work = join(this.#cacheDirectory, 'work')
    await mkdir(work, { recursive: true })
    await chmod(work, 0o700)
    await mkdir(this.#npm.cacheDirectory, { recursive: true })
    for (const name of await readdir(work)) {
      const found = await stat(join(work, name)).catch(() => undefined)
      if (found !== undefined && now - found.mtimeMs > STALE_AFTER_MS) await rm(join(work, name), { recursive: true, force: true })
    }
  }

  async build(request: BuildRequest, progress: BuildProgress = () => undefined, signal?: AbortSignal): Promise<ArtifactManifest> {
    chooseRuntime(request.runtime, request.contract)
    const ended = this.#bounded(request, progress, signal)
    this.#running.add(ended)
    try {
      return await ended
    } finally {
      this.#running.delete(ended)
    }
  }

  /** Ends what runs and waits for it. */
  async close(): Promise<void> {
    this.#closing.abort(new WeftError('BUILD_CANCELLED'))
    await Promise.allSettled(this.#running)
  }

  async #bounded(request: BuildRequest, progress: BuildProgress, signal: AbortSignal | undefined): Promise<ArtifactManifest> {
    const stop = new AbortController()
    const cancel = () => stop.abort(new WeftError('BUILD_CANCELLED'))
    const outer = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])])
    if (outer.aborted) throw new WeftError('BUILD_CANCELLED')
    outer.addEventListener('abort', cancel, { once: true })
    try {
      await using held = new AsyncDisposableStack()
      held.use(await this.#slots.acquire(stop.signal))
      return await this.#timed(request, progress, stop)
    } finally {
      outer.removeEventListener('abort', cancel)
    }
  }

  async #timed(request: BuildRequest, progress: BuildProgress, stop: AbortController): Promise<ArtifactManifest> {
    let step = 'source'
    const seconds = Math.ceil(this.#limits.buildTimeoutMs / 1000)
    const timer = setTimeout(() => stop.abort(new WeftError('BUILD_TIMEOUT', { seconds, step })), this.#limits.buildTimeoutMs)
    const workDirectory = join(this.#cacheDirectory, 'work', randomUUID())
    await mkdir(workDirectory, { recursive: true, mode: 0o700 })
    const noting: BuildProgress = (line) => {
      step = line.step
      progress(line)
    }
    try {
      return await this.#run(request, workDirectory, noting, stop.signal)
    } finally {
      clearTimeout(timer)
      await rm(workDirectory, { recursive: true, force: true, maxRetries: 3 })
    }
  }

  async #run(request: BuildRequest, workDirectory: string, progress: BuildProgress, signal: AbortSignal): Promise<ArtifactManifest> {
    let inputDigest = ''
    let known: ArtifactManifest | undefined
    await using held = new AsyncDisposableStack()
    const order = { type: 'build', request, workDirectory, limits: this.#limits, npm: this.#npm } as const
    const wanted = async (digest: string): Promise<boolean> => {
      held.use(await this.#inputs.acquire(digest, signal))
      inputDigest = digest
      const before = await this.#known.get(digest)
      known = before === undefined ? undefined : await this.#artifacts.get(before)
      return known === undefined
    }
    const made = await runBuild({ order, entry: this.#workerEntry, progress, signal, wanted })
    if (made === undefined) return this.#reuse(known, request.reference, progress)
    const manifest = await this.#artifacts.put(made, request.reference)
    await this.#known.set(inputDigest, manifest.digest)
    return manifest
  }

  async #reuse(known: ArtifactManifest | undefined, reference: string | undefined, progress: BuildProgress): Promise<ArtifactManifest> {
    if (known === undefined) throw new Error('a build ended without a result')
    progress({ step: 'cache', text: `nothing has changed: ${known.digest}` })
    if (reference !== undefined) await this.#artifacts.tag(reference, known.digest)
    return known
  }
}

/** Makes a builder that is ready to build. */
export async function openBuilder(options: BuilderOptions): Promise<Builder> {
  const builder = new Builder(options)
  await builder.prepare()
  return builder
}
