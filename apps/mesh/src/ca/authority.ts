import { join } from 'node:path'
import { messageOf, parseSpiffeId, spiffeId, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import type { CertificateStatus } from '@weft/mesh-model'
import { generateKey, makeLeaf } from './certificate.ts'
import { afterFailure, NO_FAILURES, type RenewalFailures } from './decide/failures.ts'
import { MAX_LEAF_MS, planLeaf, type LeafTimes } from './decide/leaf.ts'
import { planRoots, type RootPlan } from './decide/roots.ts'
import { Limit } from './limit.ts'
import { readBrought } from './brought.ts'
import type { CertificateFacts } from './certificate-facts.ts'
import { expiryWarning, type ExpiringCertificate } from './decide/warnings.ts'
import { FileWatch } from './file-watch.ts'
import { RootStore } from './root-store.ts'
import type { Signer } from './signer.ts'
import { TrustRecord, type TrustedGeneration } from './trust-record.ts'

/** Where the roots are kept and how long things last. */
export interface AuthorityOptions {
  /** Data directory; the roots are in `ca` below it. */
  readonly directory: string
  readonly trustDomain: string
  readonly log: Log
  /** Directory with an authority that somebody brings (`./brought.ts`); without it roots are made here. */
  readonly brought?: string
  /** Life of a leaf, at most 24 hours (default). */
  readonly leafLifetimeMs?: number
  /** Life of a root that is made here; default ten years. Its successor is made at four fifths of it. */
  readonly rootLifetimeMs?: number
  /** How long an authority is trusted after the next began to sign; default an hour. */
  readonly overlapMs?: number
  /** How often it is looked whether brought files were replaced; default 10 s. */
  readonly lookEveryMs?: number
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
  /** PEM; the leaf, then the intermediates up to the root, which is not in it. */
  readonly certificateChain: string
  /** PEM, PKCS #8. */
  readonly privateKey: string
  /** Hexadecimal. */
  readonly serial: string
}

interface Leaf {
  readonly account: Account
  readonly certificate: IssuedCertificate
  /** Serial number of the root that it chains to. */
  readonly root: string
  /** Whether anybody has asked for it since it was issued; what nobody asks for is forgotten instead of renewed. */
  asked: boolean
}

const DEFAULT_ROOT_MS = 10 * 365 * 86_400_000
const DEFAULT_OVERLAP_MS = 3_600_000
const LOOK_EVERY_MS = 10_000
const WARN_AGAIN_MS = 86_400_000
const NO_PLAN: RootPlan = { signer: undefined, trusted: [], pending: undefined, retiring: [], dropped: [], create: true, nextAt: 0 }
/** Keys that are made at a time: as many as Node's thread pool has threads. */
const PARALLEL = 4
/** Longest time without a look at the clock, since timers stand still while a machine sleeps. */
const MAX_TIMER_MS = 60_000

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
  readonly #record: TrustRecord
  readonly #now: () => number
  readonly #leafLifetimeMs: number
  #generations: readonly TrustedGeneration[] = []
  readonly #signers = new Map<string, Signer>()
  readonly #leaves = new Map<string, Leaf>()
  readonly #issuing = new Map<string, Promise<IssuedCertificate>>()
  readonly #limit = new Limit(PARALLEL)
  readonly #listeners = new Set<() => void>()
  readonly #warned = new Map<string, number>()
  #plan: RootPlan = NO_PLAN
  #watch: FileWatch | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = 0
  /** Renewals in a row that failed, and what was last said of them. */
  #failures: RenewalFailures = NO_FAILURES
  #work: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: AuthorityOptions) {
    this.#options = options
    this.#store = new RootStore(join(options.directory, 'ca'), options.trustDomain)
    this.#record = new TrustRecord(join(options.directory, 'ca', 'trust.json'))
    this.#now = options.now ?? Date.now
    this.#leafLifetimeMs = options.leafLifetimeMs ?? MAX_LEAF_MS
  }

  /** Called once, by {@link openAuthority}. */
  async start(): Promise<void> {
    const { brought, trustDomain, log, lookEveryMs = LOOK_EVERY_MS } = this.#options
    const made = (await this.#store.load()).toSorted((a, b) => a.addedAt - b.addedAt)
    const recorded = await this.#record.load()
    this.#generations = recorded ?? []
    for (const root of made) {
      if (brought === undefined) this.#signers.set(root.id, root)
      if (!this.#generations.some(({ id }) => id === root.id)) this.#append(root, recorded === undefined ? root.addedAt : undefined)
    }
    if (brought !== undefined) this.#take(await readBrought({ directory: brought, trustDomain }, this.#now()))
    await this.#settle()
    if (brought !== undefined) this.#watch = new FileWatch({ directory: brought, everyMs: lookEveryMs, log, changed: async () => void (await this.announce()) })
    this.#warn(this.#now())
    this.#schedule()
  }

  #append({ id, addedAt, notAfter, roots }: Signer, signsFrom?: number): void {
    const others = this.#generations.filter((each) => each.id !== id)
    this.#generations = [...others, { id, addedAt, notAfter, roots, ...(signsFrom === undefined ? {} : { signsFrom }) }]
  }

  /** @returns whether it is another authority than the last one */
  #take(signer: Signer): boolean {
    this.#signers.set(signer.id, signer)
    if (this.#generations.at(-1)?.id === signer.id) return false
    this.#append(signer)
    return true
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

  /** PEM of all roots to trust now, those of the authority that signs first. */
  bundle(): string {
    return this.#roots()
      .map(({ facts }) => facts.pem)
      .join('')
  }

  /** Roots to trust, each once. */
  #roots(): readonly { readonly facts: CertificateFacts; readonly generation: string }[] {
    const found = new Map<string, { readonly facts: CertificateFacts; readonly generation: string }>()
    for (const id of this.#plan.trusted) {
      for (const facts of this.#generations.find((each) => each.id === id)?.roots ?? []) {
        const known = facts.certificate.fingerprint256
        if (!found.has(known)) found.set(known, { facts, generation: id })
      }
    }
    return [...found.values()]
  }

  /** Roots first, then intermediates, then leaves by identity. */
  certificates(): readonly CertificateStatus[] {
    const now = this.#now()
    const retiring = new Map(this.#plan.retiring.map(({ id, dropAt }) => [id, dropAt]))
    const roots = this.#roots().map(({ facts, generation }) => {
      const dropAt = retiring.get(generation)
      const state = generation === this.#plan.signer ? 'signs' : generation === this.#plan.pending ? 'announced' : 'retiring'
      const until = dropAt === undefined || !Number.isFinite(dropAt) ? {} : { trustedUntil: rfc3339(dropAt) }
      return { ...statusOf({ kind: 'root', identity: 'root', ...facts, retiring: state === 'retiring' }, now), state, ...until } as const
    })
    const chain = this.#signers.get(this.#plan.signer ?? '')?.chain ?? []
    const intermediates = chain.map((facts) => statusOf({ kind: 'intermediate', identity: facts.certificate.subject.replaceAll('\n', ', '), ...facts }, now))
    const leaves = [...this.#leaves]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([identity, { certificate, root }]) => ({
        ...statusOf({ kind: 'leaf', identity, ...certificate }, now),
        rotatesAt: rfc3339(certificate.rotatesAt),
        root,
      }))
    return [...roots, ...intermediates, ...leaves]
  }

  /** The authority that is trusted already and waits to sign until {@link promote}. */
  get pending(): string | undefined {
    return this.#plan.pending
  }

  /**
   * Lets the next authority be trusted: a root that is made now, or what the brought files hold now. It signs when {@link promote} says so.
   * @returns its id
   * @throws WeftError `CA_UNUSABLE` for files that cannot be used, `CA_UNCHANGED` for those that are in force already
   */
  async announce(): Promise<string> {
    let announced = ''
    await this.#queue(async () => {
      const next = await this.#next()
      announced = next.id
      if (!this.#take(next)) throw new WeftError('CA_UNCHANGED', { directory: this.#options.brought ?? '' })
      await this.#settle()
      this.#options.log.info({ root: next.root.serial }, 'a new root is trusted, and signs when every proxy knows it')
      this.#schedule()
      this.#tell()
    })
    return announced
  }

  #next(): Promise<Signer> {
    const { brought, trustDomain, rootLifetimeMs = DEFAULT_ROOT_MS } = this.#options
    return brought === undefined ? this.#store.create(this.#now(), rootLifetimeMs) : readBrought({ directory: brought, trustDomain }, this.#now())
  }

  /** Lets what was announced sign from now on, and issues all leaves anew. Nothing when it is not waiting (any more). */
  promote(id: string): Promise<void> {
    return this.#queue(async () => {
      if (this.#plan.pending !== id) return
      this.#generations = this.#generations.map((each) => (each.id === id ? { ...each, signsFrom: this.#now() } : each))
      await this.#settle()
      await this.#renewLeaves(() => true)
      this.#options.log.info(
        { root: this.#signers.get(id)?.root.serial, retiring: this.#plan.retiring.length },
        'the new root signs; all leaves are issued anew',
      )
      this.#schedule()
      this.#tell()
    })
  }

  /** Tells when leaves or the bundle have changed: ask again for what you hold. @returns the function that ends it */
  onRotated(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Issues all leaves anew, whether due or not, and does what is due about roots. */
  rotateNow(): Promise<void> {
    return this.#queue(async () => {
      await this.#settle()
      await this.#renewLeaves(() => true)
      this.#tell()
    })
  }

  /** Ends the renewals and forgets all keys. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watch?.stop()
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
    for (;;) {
      const signer = this.#signer()
      const times = planLeaf(this.#now(), this.#leafLifetimeMs, signer.notAfter, (this.#options.random ?? Math.random)())
      const { pem, serial } = await makeLeaf({ uri: id, publicKey: key.publicKey, ...times }, signer)
      if (this.#closed) throw new WeftError('CA_CLOSED', {})
      // Another authority has begun to sign meanwhile: this leaf would outlive the trust in it.
      if (signer.id !== this.#plan.signer) continue
      const certificateChain = [pem, ...signer.chain.map((each) => each.pem)].join('')
      const certificate: IssuedCertificate = { certificateChain, privateKey: key.privateKeyPem, serial, ...times }
      this.#leaves.set(id, { account, certificate, root: signer.root.serial, asked })
      if (times.rotatesAt < this.#timerAt) this.#schedule()
      return certificate
    }
  }

  #signer(): Signer {
    const signer = this.#signers.get(this.#plan.signer ?? '')
    if (signer !== undefined && signer.notAfter > this.#now()) return signer
    const { brought } = this.#options
    const path = brought ?? this.#options.directory
    const help = brought === undefined ? 'start Weft again' : 'replace its files with those of an authority that is valid'
    throw new WeftError('CA_UNUSABLE', { path, reason: 'there is no authority in force', help })
  }

  /** Makes, promotes and drops authorities as the plan has it, and remembers it. @returns whether the bundle or the signer changed */
  async #settle(): Promise<boolean> {
    const before = this.#inForce()
    const now = this.#now()
    if (this.#planRoots(now).create) {
      const root = await this.#store.create(now, this.#options.rootLifetimeMs ?? DEFAULT_ROOT_MS)
      this.#take(root)
      this.#options.log.info({ serial: root.id, trustDomain: this.#options.trustDomain }, 'a new root was made')
    }
    const { signer } = this.#planRoots(now)
    this.#generations = this.#generations.map((each) => (each.id === signer && each.signsFrom === undefined ? { ...each, signsFrom: now } : each))
    this.#plan = this.#planRoots(now)
    this.#generations = this.#generations.filter(({ id }) => !this.#plan.dropped.includes(id))
    await this.#record.save(this.#generations)
    for (const id of this.#plan.dropped) {
      await this.#store.remove(id)
      this.#signers.delete(id)
      this.#options.log.info({ serial: id }, 'an old root was dropped')
    }
    return before !== this.#inForce()
  }

  #inForce(): string {
    return JSON.stringify([this.#plan.signer, this.#plan.trusted])
  }

  #planRoots(now: number): RootPlan {
    const { overlapMs = DEFAULT_OVERLAP_MS, brought } = this.#options
    const generations = this.#generations.map((each) => ({ ...each, canSign: this.#signers.has(each.id) }))
    return planRoots(generations, now, { overlapMs, own: brought === undefined })
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
    const before = this.#plan.signer
    const roots = await this.#settle()
    if (before !== this.#plan.signer) await this.#renewLeaves(() => true)
    const leaves = await this.#renewLeaves((leaf) => leaf.certificate.rotatesAt <= now)
    if (roots || leaves) this.#tell()
    this.#warn(now)
  }

  /** What should be known is written once a day. */
  #warn(now: number): void {
    for (const { kind, identity, serial, notAfter, warning } of this.certificates()) {
      if (warning === undefined || now - (this.#warned.get(serial) ?? Number.NEGATIVE_INFINITY) < WARN_AGAIN_MS) continue
      this.#warned.set(serial, now)
      this.#options.log.warn({ kind, identity, serial, notAfter, warning }, 'a certificate is about to end')
    }
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

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    let at = this.#plan.nextAt
    for (const { certificate } of this.#leaves.values()) at = Math.min(at, certificate.rotatesAt)
    const now = this.#now()
    const wait = Math.max(Math.min(at - now, MAX_TIMER_MS), this.#failures.waitMs)
    this.#timerAt = now + wait
    this.#timer = setTimeout(() => void this.#wakeUp(), wait)
    this.#timer.unref()
  }

  async #wakeUp(): Promise<void> {
    try {
      await this.#queue(() => this.#renewDue())
      if (this.#failures.count > 0) this.#options.log.info({ failures: this.#failures.count }, 'certificates are renewed again')
      this.#failures = NO_FAILURES
    } catch (error) {
      const { failures, said } = afterFailure(this.#failures, messageOf(error), this.#now())
      this.#failures = failures
      if (said)
        this.#options.log.error(
          { reason: messageOf(error), againInMs: failures.waitMs },
          'certificates could not be renewed; they stay in force until they end, and it is tried again, ever more seldom up to every five minutes',
        )
    }
    this.#schedule()
  }
}

function statusOf(certificate: ExpiringCertificate & Pick<CertificateStatus, 'identity' | 'serial'>, now: number): CertificateStatus {
  const { kind, identity, serial, notBefore, notAfter } = certificate
  const warning = expiryWarning(certificate, now)
  const daysLeft = Math.floor((notAfter - now) / 86_400_000)
  return { kind, identity, serial, notBefore: rfc3339(notBefore), notAfter: rfc3339(notAfter), daysLeft, ...(warning === undefined ? {} : { warning }) }
}

function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}
