import { Worker } from 'node:worker_threads'
import { messageOf, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import type { EngineMethods, HostMethods, WorkerInput } from './engine.ts'
import { RpcPeer } from './rpc.ts'

/** A mesh in a thread of its own. */
export interface RemoteEngine {
  readonly methods: RpcPeer<EngineMethods>
  /** Ends the thread. Idempotent. */
  terminate(): Promise<void>
}

/** How the thread is started, and who is told when it ends. */
export interface RemoteOptions {
  /** The worker's program. */
  readonly url: URL
  readonly input: WorkerInput
  readonly host: Pick<HostMethods, 'wake' | 'load' | 'statuses'>
  readonly log: Log
  /** Told once, when the thread ended without having been asked to. */
  failed(reason: string): void
}

/** Encoding 1,000 functions makes much that lives for a moment: with V8's own limit the process stays at 430 MB after it, with this one at 300. */
const YOUNG_GENERATION_MB = 8

type Level = 'debug' | 'info' | 'warn' | 'error'
const LEVELS: Readonly<Record<number, Level>> = { 10: 'debug', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'error' }

/** Writes a line of the worker's log to the log of the platform. */
function relay(log: Log, line: string): void {
  const { level, msg, time: _time, ...fields } = JSON.parse(line) as { level: number; msg: string; time: number }
  log[LEVELS[level] ?? 'info'](fields, msg)
}

/** Starts the thread. */
export function startRemote(options: RemoteOptions): RemoteEngine {
  const worker = new Worker(options.url, { workerData: options.input, name: 'weft-mesh', resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB } })
  const host: HostMethods = { ...options.host, log: (line) => relay(options.log, line) }
  const methods = new RpcPeer<EngineMethods>(worker, host)
  let ending = false
  let reason = 'it ended without a reason'
  worker.on('error', (error: unknown) => {
    reason = messageOf(error)
  })
  worker.on('exit', () => {
    methods.end(new WeftError('MESH_WORKER_FAILED', { reason: ending ? 'it was stopped' : reason }))
    if (!ending) options.failed(reason)
  })
  return {
    methods,
    async terminate() {
      ending = true
      await worker.terminate()
    },
  }
}
