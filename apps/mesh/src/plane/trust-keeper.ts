import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import type { RootRotation } from '@weft/mesh-model'
import type { Straggler } from '../xds/delivery.ts'
import type { CertificateSource } from './ports.ts'

/** What the keeper is connected with. */
export interface TrustKeeperOptions {
  readonly certificates: CertificateSource
  /** Hands the certificates and roots in force to the proxies. */
  renewSecrets(): Promise<void>
  /** Resolves when every proxy has acknowledged them. @returns who has not, at the end of the signal */
  inForce(signal: AbortSignal): Promise<readonly Straggler[]>
  /** Roots are trusted no more: connections from before are to end. */
  rootsDropped(): void
  readonly log: Log
}

const ROUND_MS = 5_000
const RETRY_MS = 1_000

/**
 * Brings what the authority has to the proxies, and rotates roots without losing a call: a new one is trusted everywhere before it signs, all leaves are issued anew
 * before the old one goes, and connections that were opened under an old one end some time after.
 */
export class TrustKeeper {
  readonly #options: TrustKeeperOptions
  #trusted: ReadonlySet<string> = new Set()
  #stragglers: readonly Straggler[] = []
  #following: Promise<void> | undefined
  #again = false
  #rotation: Promise<unknown> = Promise.resolve()
  #retry: NodeJS.Timeout | undefined
  #leave: (() => void) | undefined
  #waiters: (() => void)[] = []

  constructor(options: TrustKeeperOptions) {
    this.#options = options
  }

  /** Goes on with a rotation that was under way when the platform ended. */
  start(): void {
    this.#trusted = rootsIn(this.#options.certificates.bundle())
    this.#leave = this.#options.certificates.onRotated(() => this.#follow())
    if (this.#options.certificates.pending !== undefined) this.#follow()
  }

  stop(): void {
    this.#leave?.()
    clearTimeout(this.#retry)
  }

  /**
   * Makes a new root (or takes the files that were brought), and lets it sign when every proxy knows it. One rotation after the other.
   * @returns how far it got until the deadline; it goes on after that by itself
   * @throws WeftError `CA_UNCHANGED`, `CA_UNUSABLE`
   */
  rotateRoot(deadlineMs: number): Promise<RootRotation> {
    const signal = AbortSignal.timeout(deadlineMs)
    const done = this.#rotation.then(() => this.#rotate(signal))
    this.#rotation = done.catch(() => undefined)
    return done
  }

  async #rotate(signal: AbortSignal): Promise<RootRotation> {
    const { certificates, inForce } = this.#options
    await this.#settled(signal)
    const id = await certificates.announce()
    await this.#settled(signal)
    const signs = certificates.pending !== id
    const stragglers = signs ? await inForce(signal) : this.#stragglers
    const roots = certificates.certificates().filter(({ kind }) => kind === 'root')
    const until = roots
      .flatMap(({ trustedUntil }) => trustedUntil ?? [])
      .toSorted()
      .at(-1)
    return {
      phase: signs ? 'signs' : 'announced',
      root: roots.find(({ state }) => state === (signs ? 'signs' : 'announced'))?.serial ?? '',
      stragglers,
      ...(until === undefined ? {} : { oldTrustedUntil: until }),
    }
  }

  /** Until nothing waits to sign and everything was handed out, or the signal. */
  async #settled(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    while ((this.#options.certificates.pending !== undefined || this.#following !== undefined) && !signal.aborted) {
      await Promise.race([new Promise<void>((resolve) => this.#waiters.push(resolve)), aborted])
    }
  }

  #follow(): void {
    clearTimeout(this.#retry)
    this.#again = true
    this.#following ??= this.#rounds().finally(() => {
      this.#following = undefined
      for (const resolve of this.#waiters.splice(0)) resolve()
    })
  }

  async #rounds(): Promise<void> {
    while (this.#again) {
      this.#again = false
      try {
        await this.#round()
      } catch (error) {
        this.#options.log.error({ reason: messageOf(error) }, 'the certificates in force were not handed out; it is tried again')
        this.#later()
      }
    }
  }

  async #round(): Promise<void> {
    const { certificates, renewSecrets, inForce, log } = this.#options
    await renewSecrets()
    this.#dropped()
    const { pending } = certificates
    if (pending === undefined) return
    const stragglers = await inForce(AbortSignal.timeout(ROUND_MS))
    if (stragglers.length === 0) await certificates.promote(pending)
    else {
      if (this.#stragglers[0]?.reason !== stragglers[0]?.reason) log.warn({ stragglers }, 'a new root waits to sign until every proxy trusts it')
      this.#later()
    }
    this.#stragglers = stragglers
  }

  #dropped(): void {
    const now = rootsIn(this.#options.certificates.bundle())
    const gone = [...this.#trusted].some((root) => !now.has(root))
    this.#trusted = now
    if (gone) this.#options.rootsDropped()
  }

  #later(): void {
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#follow(), RETRY_MS)
    this.#retry.unref()
  }
}

function rootsIn(bundle: string): ReadonlySet<string> {
  return new Set(bundle.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g))
}
