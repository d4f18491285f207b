import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch, listening, runtimeBundle, type Replica } from '@weft/runtime-nodejs/testing'
import { sandboxCommand } from './sandbox.ts'

export { logged, stopAll, until, type Replica } from '@weft/runtime-nodejs/testing'

const HERE = dirname(fileURLToPath(import.meta.url))

/** What to run. */
export interface ReplicaOptions {
  readonly mode?: string
  readonly command?: string
  /** Files of the function by name; those that begin with `#!` are executable. */
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly config?: Readonly<Record<string, unknown>>
  /** In a network namespace of its own, with the loopback alone. */
  readonly sandbox?: boolean
  /** Directories that the sandbox sees. */
  readonly visible?: readonly string[]
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  return typeof address === 'object' && address !== null ? address.port : 0
}

function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
  }
}

/** Starts a replica without waiting for it. */
export async function spawnReplica(options: ReplicaOptions): Promise<Replica> {
  const base = mkdtempSync(join(tmpdir(), 'weft-rp-'))
  const directory = join(base, 'function')
  mkdirSync(directory)
  writeFiles(directory, options.files ?? {})
  const bundle = await runtimeBundle(join(HERE, '../src/main.ts'))
  const config = {
    contract: 'process',
    entry: directory,
    mode: options.mode ?? 'classic',
    ...(options.command === undefined ? {} : { command: options.command }),
    functionName: 'fn',
    namespace: 'default',
    timeoutMs: 5000,
    concurrency: 0,
    readinessPath: '/_/ready',
    drainTimeoutMs: 3000,
    meshNamespaces: ['default', 'other'],
    ...options.config,
  }
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', TMPDIR: base, ...options.env, WEFT_RUNTIME_CONFIG: JSON.stringify(config), WEFT_OTHER: 'x' }
  const plain = [process.execPath, '--enable-source-maps', bundle]
  const readable = [dirname(bundle), dirname(process.execPath), ...(options.visible ?? [])]
  const command = options.sandbox === true ? sandboxCommand(plain, { writable: base, readable }) : plain
  return launch({ command, env, directory, base, graceMs: 4000 })
}

/** Starts a replica and waits until it says that it listens. @throws Error with its log when it does not */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  return listening(await spawnReplica(options))
}
