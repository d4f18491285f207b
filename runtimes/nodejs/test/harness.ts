import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ContractName } from '../src/boot/config.ts'
import { launch, listening, runtimeBundle, type Replica } from './replica.ts'

export { ask, logged, stopAll, until, type Ask, type Replica } from './replica.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
/** Node 24, which runs the tests as well. */
const NODE = process.execPath

/** What to run. */
export interface ReplicaOptions {
  readonly contract: ContractName
  /** Source of the entry file, or several files by name. */
  readonly source: string | Readonly<Record<string, string>>
  readonly entry?: string
  readonly export?: string
  readonly env?: Readonly<Record<string, string>>
  readonly config?: Readonly<Record<string, unknown>>
  /** Makes the test libraries of the workspace visible to the function. */
  readonly libraries?: boolean
}

function writeFiles(directory: string, options: ReplicaOptions): string {
  const entry = options.entry ?? 'handler.js'
  const files = typeof options.source === 'string' ? { [entry]: options.source } : options.source
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  if (options.libraries === true) symlinkSync(join(HERE, '../../../node_modules'), join(directory, 'node_modules'))
  return entry
}

/** Starts a replica without waiting for it. */
export async function spawnReplica(options: ReplicaOptions): Promise<Replica> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-rt-'))
  const config = {
    contract: options.contract,
    entry: writeFiles(directory, options),
    ...(options.export === undefined ? {} : { export: options.export }),
    functionName: 'fn',
    namespace: 'default',
    revision: 'v1',
    replica: 'fn-v1-1',
    runtimeName: 'node22',
    timeoutMs: 5000,
    concurrency: 0,
    readinessPath: '/_/ready',
    drainTimeoutMs: 3000,
    meshNamespaces: ['default', 'other'],
    ...options.config,
  }
  const env = { PATH: process.env['PATH'], ...options.env, WEFT_RUNTIME_CONFIG: JSON.stringify(config), WEFT_SECRET_THING: 'x' }
  const command = [NODE, '--enable-source-maps', await runtimeBundle(join(HERE, '../src/main.ts'))]
  return launch({ command, env, directory, base: directory, graceMs: 0 })
}

/** Starts a replica and waits until it says that it listens. @throws Error with its log when it does not */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  return listening(await spawnReplica(options))
}
