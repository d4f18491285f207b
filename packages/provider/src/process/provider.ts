import { randomInt } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { keyOf, messageOf, WeftError, type NamespacedName } from '@weft/core'
import { decideScale } from '../decide/retire.ts'
import type { Isolation, LogLine, LogQuery, Provider, Replica, ReplicaObserver, Usage, WorkloadSpec } from '../port.ts'
import type { LogStore } from './logs/store.ts'
import type { Machine } from './machine.ts'
import { checkSecretNames } from './private-files.ts'
import { SupervisedReplica } from './replica.ts'

const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'
const ID_LENGTH = 10

interface Workload {
  spec: WorkloadSpec
  wanted: number
  readonly replicas: Map<string, SupervisedReplica>
}

/** The parts of the machine that the provider makes for its replicas itself. */
export type MachineParts = Omit<Machine, 'changed' | 'retiring' | 'writeLine'>

/** Runs replicas as processes of this machine. Made by `startProcessProvider`. */
export class ProcessProvider implements Provider {
  readonly isolation: Isolation
  readonly #machine: Machine
  readonly #logs: LogStore
  readonly #end: () => Promise<void>
  readonly #workloads = new Map<string, Workload>()
  /** Replicas whose workload was removed and that are not gone yet, too. */
  readonly #all = new Set<SupervisedReplica>()
  #observer: ReplicaObserver | undefined
  #closed: Promise<void> | undefined

  constructor(parts: MachineParts, logs: LogStore, end: () => Promise<void>) {
    this.isolation = parts.host.isolation
    this.#logs = logs
    this.#end = end
    this.#machine = {
      ...parts,
      now: () => parts.now(),
      writeLine: (line) => logs.append(line),
      changed: (replica) => this.#changed(replica),
      retiring: (replica) => this.#retiring(replica),
    }
  }

  async apply(spec: WorkloadSpec): Promise<void> {
    this.#checkOpen()
    checkSecretNames(spec.secrets)
    const known = this.#workloads.get(keyOf(spec.workload))
    if (known === undefined) {
      this.#workloads.set(keyOf(spec.workload), { spec, wanted: 0, replicas: new Map() })
      return
    }
    const changed = !isDeepStrictEqual(known.spec.secrets, spec.secrets)
    known.spec = { ...known.spec, limits: spec.limits, secrets: spec.secrets }
    for (const replica of known.replicas.values()) replica.relimit()
    if (changed) await Promise.all([...known.replicas.values()].map((replica) => replica.renewSecrets()))
  }

  async scale(workload: NamespacedName, replicas: number): Promise<void> {
    this.#checkOpen()
    const known = this.#workloads.get(keyOf(workload))
    if (known === undefined) throw new WeftError('NOT_FOUND', { kind: 'workload', name: keyOf(workload) })
    if (!Number.isSafeInteger(replicas) || replicas < 0)
      throw new WeftError('INVALID_VALUE', { field: 'replicas', reason: `${replicas} is not a number of replicas` })
    known.wanted = replicas
    this.#converge(known)
  }

  async remove(workload: NamespacedName): Promise<void> {
    const known = this.#workloads.get(keyOf(workload))
    if (known !== undefined) {
      known.wanted = 0
      this.#workloads.delete(keyOf(workload))
    }
    const doomed = [...this.#all].filter((replica) => keyOf(replica.state.workload) === keyOf(workload) && !this.#isCurrent(replica))
    await Promise.all(doomed.map((replica) => replica.drain()))
  }

  list(workload?: NamespacedName): readonly Replica[] {
    const states = [...this.#all].map((replica) => replica.state).filter(({ phase }) => phase !== 'gone')
    return workload === undefined ? states : states.filter((replica) => keyOf(replica.workload) === keyOf(workload))
  }

  watch(observer: ReplicaObserver): () => void {
    this.#observer = observer
    return () => {
      if (this.#observer === observer) this.#observer = undefined
    }
  }

  logs(query: LogQuery): AsyncIterable<LogLine> {
    return this.#logs.query(query)
  }

  async usage(workload: NamespacedName): Promise<Usage> {
    return this.#machine.sampler.usage(this.list(workload).flatMap(({ pid }) => pid ?? []))
  }

  close(deadlineMs: number): Promise<void> {
    this.#closed ??= this.#closeWithin(deadlineMs)
    return this.#closed
  }

  async #closeWithin(deadlineMs: number): Promise<void> {
    const drainMs = Math.max(0, deadlineMs - 2 * this.#machine.timing.killGraceMs)
    await Promise.all([...this.#all].map((replica) => replica.drain(drainMs)))
    await this.#logs.close()
    await this.#end()
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new WeftError('PROVIDER_CLOSED')
  }

  #isCurrent(replica: SupervisedReplica): boolean {
    return this.#workloads.get(keyOf(replica.state.workload))?.replicas.has(replica.id) === true
  }

  #converge(workload: Workload): void {
    const states = [...workload.replicas.values()].map((replica) => replica.state)
    const { start, retire } = decideScale(states, workload.wanted)
    for (const id of retire) void workload.replicas.get(id)?.drain()
    for (let started = 0; started < start; started++) this.#start(workload)
  }

  #start(workload: Workload): void {
    const replica = new SupervisedReplica(this.#freshId(workload), this.#machine, () => workload.spec)
    workload.replicas.set(replica.id, replica)
    this.#all.add(replica)
    void replica.gone.then(() => {
      workload.replicas.delete(replica.id)
      this.#all.delete(replica)
    })
  }

  // Some 51 bits of chance: no id comes twice in the life of an instance, also over restarts of the platform.
  #freshId(workload: Workload): string {
    const suffix = Array.from({ length: ID_LENGTH }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join('')
    return `${workload.spec.workload.name}-${suffix}`
  }

  #changed(replica: Replica): void {
    try {
      this.#observer?.changed(replica)
    } catch (error) {
      this.#machine.log.error({ replica: replica.id, reason: messageOf(error) }, 'an observer of replicas failed')
    }
  }

  async #retiring(replica: Replica): Promise<void> {
    try {
      await this.#observer?.retiring(replica)
    } catch (error) {
      this.#machine.log.error({ replica: replica.id, reason: messageOf(error) }, 'a replica could not be taken out of the proxies')
    }
  }
}
