import { fork, type ChildProcess } from 'node:child_process'
import type { ArtifactInput } from '@weft/artifacts'
import { WeftError } from '@weft/core'
import type { BuildProgress } from '@weft/artifacts/build'
import type { BuildOrder, FromWorker, ToWorker } from './worker/protocol.ts'

/** One build in its own process. */
export interface BuildRun {
  readonly order: BuildOrder
  /** File that the process runs. */
  readonly entry: string
  readonly progress: BuildProgress
  readonly signal: AbortSignal
  /** Asked once with the input's digest: `false` ends the build there, because its result is known. */
  wanted(inputDigest: string): Promise<boolean>
}

/**
 * Runs a build to its end. The process leads its own group, so that npm and whatever it started end with it.
 * @returns the artifact's files, or `undefined` when it was not wanted
 * @throws WeftError what the build threw; the signal's reason when aborted
 */
export async function runBuild(run: BuildRun): Promise<ArtifactInput | undefined> {
  run.signal.throwIfAborted()
  const child = fork(run.entry, [], { detached: true, execArgv: [], env: workerEnv(process.env), stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const onAbort = () => killGroup(child)
  run.signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await converse(child, run)
  } finally {
    run.signal.removeEventListener('abort', onAbort)
    killGroup(child)
  }
}

function converse(child: ChildProcess, run: BuildRun): Promise<ArtifactInput | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<ArtifactInput | undefined>()
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4000)))
  child.on('message', (message: FromWorker) => {
    if (message.type === 'progress') run.progress({ step: message.step, text: message.text })
    else if (message.type === 'done') resolve(message.artifact)
    else if (message.type === 'failed') reject(new WeftError(message.code, message.fields))
    else if (message.type === 'crashed') reject(new Error(`the build process failed: ${message.message}`))
    else run.wanted(message.inputDigest).then((yes) => (yes ? tell(child, { type: 'proceed' }) : resolve(undefined)), reject)
  })
  child.on('error', reject)
  child.on('close', (code, signal) =>
    reject(run.signal.aborted ? run.signal.reason : new Error(`the build process ended with ${code ?? signal}: ${complaint}`)),
  )
  tell(child, run.order)
  return promise
}

/** Nothing of the platform's environment but what a program needs to run at all. */
function workerEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(['PATH', 'TMPDIR', 'LANG', 'HOME'].flatMap((key) => (env[key] === undefined ? [] : [[key, env[key]]])))
}

function tell(child: ChildProcess, message: ToWorker): void {
  // A process that has just ended is reported by 'close'.
  if (child.connected) child.send(message, () => undefined)
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The group has ended already.
  }
}
