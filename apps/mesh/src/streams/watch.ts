import type { Log } from '@weft/kit'
import { evaluatePolicy, namedConnectionPolicy, type MeshWorkload, type PolicyCall, type WorkloadKey } from '@weft/mesh-model'

/** One open stream: what was asked when it began, and how to end it. */
interface OpenStream {
  readonly call: PolicyCall
  /** Ends it: with 403 before the answer began, else by a reset. */
  end(): void
}

/** What a call is judged by. */
export type Callee = Pick<MeshWorkload, 'policy' | 'port' | 'authentication' | 'gateway'>

/** What the watch asks and tells. */
export interface StreamWatchOptions {
  /** A workload in the newest snapshot; `undefined` when there is no such workload. */
  calleeOf(workload: WorkloadKey): Callee | undefined
  readonly log: Log
}

/**
 * Knows the streams that are open and ends those that a policy forbids. It asks the newest snapshot, which is ahead of every proxy: a stream that begins under the
 * policy of a moment ago is refused too, so none slips through.
 */
export class StreamWatch {
  readonly #options: StreamWatchOptions
  readonly #open = new Map<WorkloadKey, Set<OpenStream>>()
  readonly #judged = new Map<WorkloadKey, Callee>()

  constructor(options: StreamWatchOptions) {
    this.#options = options
  }

  /** Port by which policies know a workload; `undefined`: the one that all others have. */
  portOf(workload: WorkloadKey): number | undefined {
    return this.#options.calleeOf(workload)?.port
  }

  /** Streams that are open, by workload. */
  counts(): ReadonlyMap<WorkloadKey, number> {
    return new Map([...this.#open].map(([workload, streams]) => [workload, streams.size]))
  }

  /** Takes a stream on, or ends it at once. @returns whether it may go on, and what to call when it has ended by itself */
  begin(workload: WorkloadKey, stream: OpenStream): { readonly allowed: boolean; ended(): void } {
    const callee = this.#options.calleeOf(workload)
    if (callee === undefined || !allows(callee, stream.call)) return { allowed: false, ended: () => undefined }
    const streams = this.#open.get(workload) ?? new Set()
    streams.add(stream)
    this.#open.set(workload, streams)
    return { allowed: true, ended: () => this.#forget(workload, stream) }
  }

  /** Looks again at the streams to these workloads. What it costs depends on them alone, and is nothing when their policies are the same as before. */
  changed(workloads: Iterable<WorkloadKey>): void {
    for (const workload of workloads) {
      const streams = this.#open.get(workload)
      if (streams === undefined) continue
      const callee = this.#options.calleeOf(workload)
      const before = this.#judged.get(workload)
      // What is gone takes no new calls, and ends its old ones in its own time.
      if (callee === undefined || (before?.policy === callee.policy && before.authentication === callee.authentication)) continue
      this.#judged.set(workload, callee)
      for (const stream of streams) if (!allows(callee, stream.call)) this.#end(workload, stream)
    }
  }

  #end(workload: WorkloadKey, stream: OpenStream): void {
    const { principal, method } = stream.call
    this.#options.log.info({ workload, principal, method }, 'an open stream was ended: a policy forbids it now')
    this.#forget(workload, stream)
    stream.end()
  }

  #forget(workload: WorkloadKey, stream: OpenStream): void {
    const streams = this.#open.get(workload)
    streams?.delete(stream)
    if (streams?.size !== 0) return
    this.#open.delete(workload)
    this.#judged.delete(workload)
  }
}

/** A token counts as long as its issuer is one of those that the callee believes. */
function allows({ policy, authentication = [], gateway }: Callee, call: PolicyCall): boolean {
  const { claims, ...bare } = call
  const believed = claims !== undefined && authentication.some(({ issuer }) => issuer === claims['iss'])
  const connection = gateway !== undefined && call.method === 'CONNECT'
  return evaluatePolicy(connection ? namedConnectionPolicy(policy) : policy, believed ? call : bare).allowed
}
