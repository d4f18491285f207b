import { messageOf, parseDurationMs, parseSpiffeId, spiffeId, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import type { CertificateStatus } from '@weft/mesh-model'
import { generateKey, makeLeaf } from './certificate.ts'
import { MAX_LEAF_MS, planLeaf, type LeafTimes } from './decide/leaf.ts'
import { planRoots, type RootPlan } from './decide/roots.ts'
import { Limit } from './limit.ts'
import { RootStore, type Root } from './root-store.ts'

/** Where the roots are kept and how long things last. */
export interface AuthorityOptions {
  /** Data directory; the roots are in `ca` below it. */
  readonly directory: string
  readonly trustDomain: string
  readonly log: Log
  /** Life of a leaf, at most 24 hours (default). */
  readonly leafLifetimeMs?: number
  /** Life of a root; default ten years. Its successor is made at four fifths of it. */
  readonly rootLifetimeMs?: number
  /** How long a new root is trusted before it signs; default ten minutes. */
  readonly trustFirstMs?: number
  /** Milliseconds since the epoch; default the clock. */
  readonly now?: () => number
  /** From 0 to 1, for jitter; default random. */
  readonly random?: () => number
}

/** A service account of the trust domain. */
export interface Account {
  readonly namespace: string
  readonly serviceAccount: string
}

/** A leaf with its key. It is in memory only: give it to the proxy that serves the identity and to nobody else. */
export interface IssuedCertificate extends LeafTimes {
  /** PEM; the leaf alone, since roots sign it directly. */
  readonly certificateChain: string
  /** PEM, PKCS #8. */
  readonly privateKey: string
  /** Hexadecimal. */
  readonly serial: string
}

interface Leaf {
  readonly account: Account
  readonly certificate: IssuedCertificate
  /** Whether anybody has asked for it since it was issued; what nobody asks for is forgotten instead of renewed. */
  asked: boolean
}

const DEFAULT_ROOT_MS = 10 * 365 * 86_400_000
/** Keys that are made at a time: as many as Node's thread pool has threads. */
const PARALLEL = 4
/** Longest time without a look at the clock, since timers stand still while a machine sleeps; and how soon a failure is tried again. */
const MAX_TIMER_MS = 60_000
const RETRY_MS = 1000

/**
 * Opens the authority: reads its roots or makes the first one, and renews leaves and roots on time from then on.
 * @throws WeftError `CA_UNUSABLE` when a root cannot be used, `INVALID_VALUE` for a life of more than 24 hours
 */
export async function openAuthority(options: AuthorityOptions): Promise<CertificateAuthority> {
  const lifetime = options.leafLifetimeMs ?? MAX_LEAF_MS
  if (!(lifetime > 0 && lifetime <= MAX_LEAF_MS))
    throw new WeftError('INVALID_VALUE', { field: 'leafLifetimeMs', reason: `${lifetime} ms is not between 1 ms and 24 hours` })
  const authority = new CertificateAuthority(options)
  await authority.start()
  return authority
}

/** Issues certificates to workloads. One leaf per identity, kept until it is renewed at about half its life. */
export class CertificateAuthority {
  readonly #options: AuthorityOptions
  readonly #store: RootStore
  readonly #now: () => number
  readonly #leafLifetimeMs: number
  readonly #roots = new Map<string, Root>()
  readonly #leaves = new Map<string, Leaf>()
  readonly #issuing = new Map<string, Promise<IssuedCertificate>>()
  readonly #limit = new Limit(PARALLEL)
  readonly #listeners = new Set<() => void>()
  #plan: RootPlan = { signer: undefined, trusted: [], dropped: [], create: true, nextAt: 0 }
  #timer: NodeJS.Timeout | undefined
  #timerAt = 0
  #work: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: AuthorityOptions) {
    this.#options = options
    this.#store = new RootStore(`${options.directory}/ca`, options.trustDomain)
    this.#now = options.now ?? Date.now
    this.#leafLifetimeMs = options.leafLifetimeMs ?? MAX_LEAF_MS
  }

  /** Called once, by {@link openAuthority}. */
  async start(): Promise<void> {
    for (const root of await this.#store.load()) this.#roots.set(root.id, root)
    await this.#renewRoots()
    this.#schedule()
  }

  /**
   * The certificate in force of an identity, made when there is none (0.3 ms of CPU). Calls for the same identity share one.
   * @throws WeftError `IDENTITY_REFUSED` for names that are no DNS labels
   */
  async issue(account: Account): Promise<IssuedCertificate> {
    const id = this.#identity(account)
    const leaf = this.#leaves.get(id)
    if (leaf !== undefined && this.#now() < leaf.certificate.rotatesAt) {
      leaf.asked = true
      return leaf.certificate
    }
    return this.#make(id, account, true)
  }

  /** PEM of all roots to trust now, the one that signs first. */
  bundle(): string {
    return this.#plan.trusted.map((id) => this.#roots.get(id)?.certificatePem ?? '').join('')
  }

  /** Roots first, then leaves by identity. */
  certificates(): readonly CertificateStatus[] {
    const roots = this.#plan.trusted.flatMap((id) => {
      const root = this.#roots.get(id)
      return root === undefined ? [] : [{ identity: 'root', serial: root.serial, notBefore: rfc3339(root.notBefore), notAfter: rfc3339(root.notAfter) }]
    })
    const leaves = [...this.#leaves]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([identity, { certificate }]) => ({
        identity,
        serial: certificate.serial,
        notBefore: rfc3339(certificate.notBefore),
        notAfter: rfc3339(certificate.notAfter),
        rotatesAt: rfc3339(certificate.rotatesAt),
      }))
    return [...roots, ...leaves]
  }

  /** Tells when leaves or the bundle have changed: ask again for what you hold. @returns the function that ends it */
  onRotated(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Issues all leaves anew, whether due or not, and does what is due about roots. */
  rotateNow(): Promise<void> {
    return this.#queue(async () => {
      await this.#renewRoots()
      await this.#renewLeaves(() => true)
      this.#tell()
    })
  }

  /** Ends the renewals and forgets all keys. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#work
    this.#listeners.clear()
    this.#leaves.clear()
  }

  #identity(account: Account): string {
    const id = spiffeId({ trustDomain: this.#options.trustDomain, ...account })
    const parsed = parseSpiffeId(id)
    if (parsed?.namespace !== account.namespace || parsed.serviceAccount !== account.serviceAccount) {
      throw new WeftError('IDENTITY_REFUSED', { identity: JSON.stringify(id) })
    }
    return id
  }

  #make(id: string, account: Account, asked: boolean): Promise<IssuedCertificate> {
    const running = this.#issuing.get(id)
    if (running !== undefined) return running
    const made = this.#limit.run(() => this.#sign(id, account, asked)).finally(() => this.#issuing.delete(id))
    this.#issuing.set(id, made)
    return made
  }

  async #sign(id: string, account: Account, asked: boolean): Promise<IssuedCertificate> {
    const key = await generateKey()
    const root = this.#signer()
    const times = planLeaf(this.#now(), this.#leafLifetimeMs, root.notAfter, (this.#options.random ?? Math.random)())
    const { pem, serial } = await makeLeaf({ uri: id, publicKey: key.publicKey, ...times }, root)
    const certificate: IssuedCertificate = { certificateChain: pem, privateKey: key.privateKeyPem, serial, ...times }
    if (this.#closed) throw new WeftError('CA_CLOSED', {})
    this.#leaves.set(id, { account, certificate, asked })
    if (times.rotatesAt < this.#timerAt) this.#schedule()
    return certificate
  }

  #signer(): Root {
    const root = this.#plan.signer === undefined ? undefined : this.#roots.get(this.#plan.signer)
    if (root === undefined) throw new WeftError('CA_UNUSABLE', { path: this.#options.directory, reason: 'there is no valid root', help: 'start Weft again' })
    return root
  }

  /** Makes, promotes and drops roots as the plan has it. @returns whether the bundle or the signer changed */
  async #renewRoots(): Promise<boolean> {
    const before = JSON.stringify([this.#plan.signer, this.#plan.trusted])
    const now = this.#now()
    if (this.#planRoots(now).create) {
      const root = await this.#store.create(now, this.#options.rootLifetimeMs ?? DEFAULT_ROOT_MS)
      this.#roots.set(root.id, root)
      this.#options.log.info({ serial: root.serial, trustDomain: this.#options.trustDomain }, 'a new root was made')
    }
    this.#plan = this.#planRoots(now)
    for (const id of this.#plan.dropped) {
      await this.#store.remove(id)
      this.#roots.delete(id)
      this.#options.log.info({ serial: id }, 'an old root was dropped')
    }
    return before !== JSON.stringify([this.#plan.signer, this.#plan.trusted])
  }

  #planRoots(now: number): RootPlan {
    const { trustFirstMs = parseDurationMs('10m', 'trustFirst') } = this.#options
    return planRoots([...this.#roots.values()], now, { trustFirstMs, leafLifetimeMs: this.#leafLifetimeMs })
  }

  /** Renews the leaves that are due and wanted, and forgets those that nobody asked for since. @returns whether there were any */
  async #renewLeaves(due: (leaf: Leaf) => boolean): Promise<boolean> {
    const found = [...this.#leaves].filter(([, leaf]) => due(leaf))
    for (const [id, leaf] of found) if (!leaf.asked) this.#leaves.delete(id)
    await Promise.all(found.filter(([, leaf]) => leaf.asked).map(([id, leaf]) => this.#make(id, leaf.account, false)))
    return found.length > 0
  }

  async #renewDue(): Promise<void> {
    const now = this.#now()
    const roots = await this.#renewRoots()
    const leaves = await this.#renewLeaves((leaf) => leaf.certificate.rotatesAt <= now)
    if (roots || leaves) this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      try {
        listener()
      } catch (error) {
        this.#options.log.error({ reason: messageOf(error) }, 'a listener to renewed certificates failed')
      }
    }
  }

  /** One renewal after the other. */
  #queue(job: () => Promise<void>): Promise<void> {
    const done = this.#work.then(job)
    this.#work = done.catch(() => undefined)
    return done
  }

  #schedule(afterFailure = false): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    let at = this.#plan.nextAt
    for (const { certificate } of this.#leaves.values()) at = Math.min(at, certificate.rotatesAt)
    const now = this.#now()
    const wait = Math.min(Math.max(at - now, afterFailure ? RETRY_MS : 0), MAX_TIMER_MS)
    this.#timerAt = now + wait
    this.#timer = setTimeout(() => void this.#wakeUp(), wait)
    this.#timer.unref()
  }

  async #wakeUp(): Promise<void> {
    let failed = false
    try {
      await this.#queue(() => this.#renewDue())
    } catch (error) {
      failed = true
      this.#options.log.error({ reason: messageOf(error) }, 'certificates could not be renewed; they stay in force until they end, and it is tried again')
    }
    this.#schedule(failed)
  }
}

function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}
