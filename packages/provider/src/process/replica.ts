import { setTimeout as delay } from 'node:timers/promises'
import { isWeftError, messageOf } from '@weft/core'
import { crashesInARow, restartDelayMs } from '../decide/backoff.ts'
import { explainExit, type ExitReason, type KillCause } from '../decide/exit.ts'
import type { LogLine, Replica, ReplicaPhase, WorkloadSpec } from '../port.ts'
import { awaitReady, watchLiveness } from './health.ts'
import { Incarnation, type ControlMessage, type Ended } from './incarnation.ts'
import { OutputCapture } from './logs/capture.ts'
import type { Machine } from './machine.ts'
import { limitGroup, prepare, type Prepared } from './prepare.ts'
import { rewriteSecrets } from './private-files.ts'
import { SpanBudget, type MeasuredSpan } from './spans.ts'

const OUTPUT_AFTER_EXIT_MS = 200
/** The readiness path that a runtime answers by itself. */
const RUNTIME_READINESS_PATH = '/_/ready'

type FailedMessage = Extract<ControlMessage, { type: 'failed' }>

/** One incarnation with everything that belongs to it. */
interface Living {
  readonly prepared: Prepared
  readonly incarnation: Incarnation
  readonly capture: OutputCapture
  readonly listening: Promise<void>
  readonly failed: () => FailedMessage | undefined
}

/** A replica from its start to its end, over all its incarnations. */
export class SupervisedReplica {
  readonly id: string
  readonly #machine: Machine
  readonly #spec: () => WorkloadSpec
  /** Aborted when the replica shall go: nothing new is begun from then on. */
  readonly #stop = new AbortController()
  #living: Living | undefined
  #phase: ReplicaPhase = 'starting'
  #restarts = 0
  #crashes = 0
  #why: ExitReason | undefined
  #startedAt: number
  #readyAt: number | undefined
  #restartsAt: number | undefined
  #secretsWritten: Promise<void> = Promise.resolve()
  #steps: { readonly name: string; readonly ms: number }[] = []
  /** Resolves when nothing of the replica is left. */
  readonly gone: Promise<void>

  /** @param spec asked at each start, because limits of a workload can change */
  constructor(id: string, machine: Machine, spec: () => WorkloadSpec) {
    this.id = id
    this.#machine = machine
    this.#spec = spec
    this.#startedAt = machine.now()
    this.gone = this.#run()
  }

  /** The replica as it is now. */
  get state(): Replica {
    const { prepared, incarnation } = this.#living ?? {}
    return {
      id: this.id,
      workload: this.#spec().workload,
      phase: this.#phase,
      restarts: this.#restarts,
      startedAt: this.#startedAt,
      steps: [...this.#steps],
      ...(prepared === undefined ? {} : { inboundSocket: prepared.paths.inboundSocket, outboundSocket: prepared.paths.outboundSocket }),
      ...(incarnation?.pid === undefined ? {} : { pid: incarnation.pid }),
      ...(this.#readyAt === undefined ? {} : { readyAt: this.#readyAt }),
      ...(this.#restartsAt === undefined ? {} : { restartsAt: this.#restartsAt }),
      ...this.#why,
    }
  }

  /** Puts changed limits in force at once. */
  relimit(): void {
    const group = this.#living?.prepared.group
    if (group !== undefined) limitGroup(group, this.#spec())
  }

  /** Puts changed secrets in the place of those that it sees, where it runs in a sandbox; one change after the other. */
  renewSecrets(): Promise<void> {
    this.#secretsWritten = this.#secretsWritten.then(() => this.#rewriteSecrets())
    return this.#secretsWritten
  }

  async #rewriteSecrets(): Promise<void> {
    const living = this.#living
    if (living === undefined || this.#machine.host.isolation.level !== 'sandbox') return
    const { paths, uid } = living.prepared
    try {
      await rewriteSecrets(paths, this.#spec().secrets, uid)
    } catch (error) {
      // One that ends meanwhile needs none.
      if (living === this.#living && !this.#stop.signal.aborted) this.#system(`the changed secrets could not be written: ${messageOf(error)}`)
    }
  }

  /**
   * Lets the replica go: told to the observer, out of the proxies, SIGTERM, and SIGKILL when the time is over. Resolves when nothing of it is
   * left. Idempotent.
   * @param withinMs ends it by then, even if that is earlier than its workload allows
   */
  async drain(withinMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.#stop.signal.aborted) void this.#drainWithin(Math.min(this.#spec().drainTimeoutMs, withinMs))
    else if (Number.isFinite(withinMs)) void this.#killAfter(withinMs)
    await this.gone
  }

  async #drainWithin(ms: number): Promise<void> {
    const end = this.#machine.now() + ms
    const served = this.#living !== undefined && this.#phase !== 'backoff'
    this.#stop.abort()
    if (!served) return
    this.#enter('draining')
    await settled(this.#machine.retiring(this.state), ms)
    this.#living?.incarnation.terminate()
    await this.#killAfter(Math.max(0, end - this.#machine.now()) + this.#machine.timing.killGraceMs)
  }

  async #killAfter(ms: number): Promise<void> {
    await settled(this.gone, ms)
    this.#living?.incarnation.kill({ reason: 'DrainTimeout', message: 'killed, because it had not ended when its drain time was over' })
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#live().catch((error: unknown) => this.#fell(startFailure(error)))
      if (this.#stop.signal.aborted) break
      await delay(restartDelayMs(this.#crashes), undefined, { signal: this.#stop.signal }).catch(() => {})
      this.#restarts += 1
    }
    this.#living = undefined
    this.#enter('gone')
  }

  /** Says at once that it fell, so that no proxy sends it anything; what it owned is given back after that. */
  #fell(why: ExitReason): void {
    if (this.#stop.signal.aborted) return
    this.#crashes = crashesInARow(this.#crashes, this.#readyAt === undefined ? 0 : this.#machine.now() - this.#readyAt)
    const delayMs = restartDelayMs(this.#crashes)
    const loops = this.#crashes > 1
    this.#why = loops ? { reason: 'CrashLoopBackOff', message: `${why.reason}: ${why.message}` } : why
    this.#system(`${why.reason}: ${why.message}; starting again in ${delayMs / 1000} s (${this.#crashes} in a row)`)
    this.#living = undefined
    this.#restartsAt = this.#machine.now() + delayMs
    this.#enter('backoff')
  }

  async #live(): Promise<void> {
    this.#startedAt = this.#machine.now()
    this.#readyAt = undefined
    this.#restartsAt = undefined
    this.#steps = []
    this.#phase = 'starting'
    const spec = this.#spec()
    const prepared = await prepare(this.#machine, spec, this.id)
    try {
      if (this.#stop.signal.aborted) return
      const living = this.#spawn(prepared)
      this.#living = living
      if (this.#spec().secrets !== spec.secrets) void this.renewSecrets()
      this.#step('spawn')
      this.#enter('starting')
      this.#fell(await this.#supervise(living))
    } finally {
      await prepared.release()
    }
  }

  #spawn(prepared: Prepared): Living {
    const { promise: listening, resolve } = Promise.withResolvers<void>()
    let failed: FailedMessage | undefined
    const budget = new SpanBudget(() => this.#machine.now())
    const onControl = (message: ControlMessage) => {
      if (message.type === 'listening') resolve()
      else if (message.type === 'spans') this.#measured(budget.take(message.spans))
      else failed ??= message
    }
    const machine = this.#machine
    const incarnation = new Incarnation({
      plan: prepared.plan,
      paths: prepared.paths,
      record: machine.record,
      onControl,
      ...(prepared.group === undefined ? {} : { group: prepared.group }),
    })
    const capture = new OutputCapture(
      (stream, text) => this.#write(stream, text),
      machine.logLimits,
      () => machine.now(),
    )
    if (incarnation.stdout !== null) capture.read('stdout', incarnation.stdout)
    if (incarnation.stderr !== null) capture.read('stderr', incarnation.stderr)
    return { prepared, incarnation, capture, listening, failed: () => failed }
  }

  #measured(spans: readonly MeasuredSpan[]): void {
    const { workload, function: name, revision } = this.#spec()
    if (spans.length > 0) this.#machine.spans?.(spans.map((span) => ({ ...span, workload, function: name, revision, replica: this.id })))
  }

  async #supervise(living: Living): Promise<ExitReason> {
    const { incarnation, capture, prepared } = living
    const over = new AbortController()
    const { pid } = incarnation
    if (pid !== undefined) this.#sample(pid, living)
    void this.#watch(living, over.signal)
    const ended = await incarnation.ended
    over.abort()
    const oomKills = prepared.group?.usage().oomKills ?? 0
    if (pid !== undefined) this.#machine.sampler.remove(pid)
    await capture.finish(OUTPUT_AFTER_EXIT_MS)
    const why = this.#explain(living, ended, oomKills)
    if (this.#stop.signal.aborted)
      this.#system(ended.killed === undefined ? `stopped, ${ended.signal ?? `exit code ${ended.code}`}` : `${why.reason}: ${why.message}`)
    return why
  }

  async #watch(living: Living, over: AbortSignal): Promise<void> {
    const spec = this.#spec()
    const { timing } = this.#machine
    const socket = living.prepared.paths.inboundSocket
    const end = AbortSignal.any([over, this.#stop.signal])
    const timeout = setTimeout(() => {
      if (!end.aborted) living.incarnation.kill({ reason: 'StartTimeout', message: `not ready ${timing.startTimeoutMs / 1000} s after its start` })
    }, timing.startTimeoutMs)
    try {
      await Promise.race([living.listening, aborted(end)])
      if (end.aborted) return
      this.#step('listening')
      // the Node.js runtime says `listening` when it answers; its own readiness path would only say so again
      if (spec.run.kind !== 'nodejs' || spec.readinessPath !== RUNTIME_READINESS_PATH) await awaitReady(socket, spec.readinessPath, end)
    } finally {
      clearTimeout(timeout)
    }
    if (end.aborted) return
    this.#ready()
    const cause = await watchLiveness(socket, spec.timeoutMs, timing, end)
    if (cause !== undefined) living.incarnation.kill(cause)
  }

  #ready(): void {
    this.#step('ready')
    this.#readyAt = this.#machine.now()
    this.#why = undefined
    this.#enter('ready')
  }

  #sample(pid: number, living: Living): void {
    const spec = this.#spec
    this.#machine.sampler.add({
      pid,
      get memoryLimitBytes() {
        return spec().limits.memoryBytes
      },
      kill: (cause: KillCause) => living.incarnation.kill(cause),
      outOfMemory: () => this.#system('the kernel killed a process of this replica: out of memory'),
      ...(living.prepared.group === undefined ? {} : { group: living.prepared.group }),
    })
  }

  #explain(living: Living, ended: Ended, oomKills: number): ExitReason {
    if (ended.error !== undefined) return { reason: 'StartFailed', message: ended.error }
    const { memoryBytes } = this.#spec().limits
    const failed = living.failed()
    return explainExit({
      code: ended.code,
      signal: ended.signal,
      oomKills,
      lastStderr: living.capture.lastStderr,
      ...(ended.killed === undefined ? {} : { killed: ended.killed }),
      ...(failed === undefined ? {} : { failed }),
      ...(memoryBytes === undefined ? {} : { memoryLimitBytes: memoryBytes }),
    })
  }

  #step(name: string): void {
    this.#steps.push({ name, ms: this.#machine.now() - this.#startedAt })
  }

  #enter(phase: ReplicaPhase): void {
    this.#phase = phase
    if (phase === 'starting') this.#system(`started, process ${this.#living?.incarnation.pid ?? 'unknown'}`)
    this.#machine.changed(this.state)
  }

  #system(text: string): void {
    this.#write('system', text)
  }

  #write(stream: LogLine['stream'], text: string): boolean {
    const { workload, function: name } = this.#spec()
    return this.#machine.writeLine({ workload, function: name, replica: this.id, timestamp: this.#machine.now(), stream, text })
  }
}

/** Why nothing could be spawned. */
function startFailure(error: unknown): ExitReason {
  const code = (error as NodeJS.ErrnoException | null)?.code
  if (!isWeftError(error) && (code === 'ENOENT' || code === 'EACCES') && (error as NodeJS.ErrnoException).syscall === 'access') {
    return { reason: 'ArtifactMissing', message: `the artifact of this revision cannot be read: ${messageOf(error)}` }
  }
  return { reason: 'StartFailed', message: messageOf(error) }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Waits for `work`, at most `ms`. */
async function settled(work: Promise<void>, ms: number): Promise<void> {
  const enough = new AbortController()
  const limit = Number.isFinite(ms) ? delay(ms, undefined, { signal: enough.signal }).catch(() => {}) : new Promise<void>(() => {})
  await Promise.race([work.catch(() => {}), limit])
  enough.abort()
}
