import type { FunctionResource, FunctionStatus } from '@weft/api'
import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import type { MeshPlane } from '@weft/mesh-model'

/** What calls of a function are divided by. */
export interface Split {
  readonly traffic: FunctionStatus['traffic']
  readonly canary?: FunctionStatus['canary'] | undefined
  readonly matches: FunctionResource['spec']['matches']
}

/** What following takes. */
export interface SplitFollowerOptions {
  readonly mesh: Pick<MeshPlane, 'settled'>
  readonly log: Log
  readonly now: () => number
  /** The function's split came into force, or could not be followed: it is to be looked at again. */
  readonly again: (functionKey: string, delayMs: number) => void
}

const SETTLE_DEADLINE_MS = 5_000
const RETRY_MS = 1_000
const versionOf = ({ traffic, canary, matches }: Split) => JSON.stringify([traffic, canary, matches])

/** Knows of each function whether every proxy has its split: what is written is not in force yet. */
export class SplitFollower {
  readonly #options: SplitFollowerOptions
  readonly #settled = new Map<string, { readonly version: string; readonly at: number }>()
  readonly #following = new Map<string, { readonly version: string }>()

  constructor(options: SplitFollowerOptions) {
    this.#options = options
  }

  /** Waits beside what goes on until the split that was written has come to every proxy. Does nothing for one that is there, or on its way. */
  follow(key: string, fn: FunctionResource): void {
    const { resourceVersion } = fn.metadata
    if (fn.status === undefined || resourceVersion === undefined) return
    const version = versionOf({ ...fn.status, matches: fn.spec.matches })
    if (this.#settled.get(key)?.version === version || this.#following.get(key)?.version === version) return
    this.#settled.delete(key)
    const followed = { version }
    this.#following.set(key, followed)
    void this.#untilSettled(key, followed, resourceVersion)
  }

  async #untilSettled(key: string, followed: { readonly version: string }, resourceVersion: string): Promise<void> {
    const { mesh, log, now, again } = this.#options
    const failure = await mesh.settled(resourceVersion, SETTLE_DEADLINE_MS).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    )
    if (this.#following.get(key) !== followed) return
    this.#following.delete(key)
    if (failure === undefined) this.#settled.set(key, { ...followed, at: now() })
    else log.warn({ function: key, reason: failure }, 'could not learn whether the split is in force')
    again(key, failure === undefined ? 1 : RETRY_MS)
  }

  /** Since when (in milliseconds since the epoch) the split that was followed last is in force; `undefined` while it is on its way. */
  inForceSince(key: string): number | undefined {
    return this.#settled.get(key)?.at
  }

  /** Whether every proxy has just this split. */
  isInForce(key: string, split: Split): boolean {
    return this.#settled.get(key)?.version === versionOf(split)
  }

  /** The function is gone. */
  forget(key: string): void {
    this.#settled.delete(key)
    this.#following.delete(key)
  }
}
