/** An authority that signs leaves, or did; in the order in which they came. Milliseconds since the epoch. */
export interface Generation {
  readonly id: string
  readonly addedAt: number
  /** Since when it signs leaves; absent: it is only trusted, until everybody knows it. */
  readonly signsFrom?: number
  /** Whether its key is here. */
  readonly canSign: boolean
  /** Until when its leaves can be valid: the end of its certificate or of one above it. */
  readonly notAfter: number
}

/** How authorities follow each other. */
export interface RootSettings {
  /** How long an authority is trusted after the next began to sign. */
  readonly overlapMs: number
  /** Whether successors are made here; not for what somebody brought. */
  readonly own: boolean
}

/** What is to be done about authorities now. */
export interface RootPlan {
  /** Signs from now on; absent when there is none. */
  readonly signer: string | undefined
  /** To be trusted: the signer first, then the others, newest first. */
  readonly trusted: readonly string[]
  /** Trusted, and signs as soon as every proxy knows it. */
  readonly pending: string | undefined
  /** Those that were replaced, and when they are not trusted any more. */
  readonly retiring: readonly { readonly id: string; readonly dropAt: number }[]
  /** No longer needed by anybody. */
  readonly dropped: readonly string[]
  /** A new root is due. */
  readonly create: boolean
  /** When to decide again. */
  readonly nextAt: number
}

/** Part of its life after which a root's successor is made. */
const SUCCESSOR_AT = 0.8

/**
 * Decides which authority signs and which are trusted. A new one is trusted first and signs when everybody knows it; the old one is dropped some time after. One
 * that is the only one that can sign does so at once.
 */
export function planRoots(generations: readonly Generation[], now: number, settings: RootSettings): RootPlan {
  const valid = generations.filter(({ notAfter }) => notAfter > now)
  const able = valid.filter(({ canSign }) => canSign)
  const signer = able.findLast(({ signsFrom }) => signsFrom !== undefined) ?? able[0]
  const newest = able.at(-1)
  const pending = newest !== signer && newest?.signsFrom === undefined ? newest : undefined
  const retiring = valid.flatMap((each) => {
    const dropAt = each === signer || each === pending ? undefined : dropTime(each, valid, settings)
    return dropAt === undefined || dropAt <= now ? [] : [{ id: each.id, dropAt }]
  })
  const trusted = [signer, pending].flatMap((each) => each?.id ?? []).concat(retiring.map(({ id }) => id).toReversed())
  const createAt = newest === undefined ? now : newest.addedAt + (newest.notAfter - newest.addedAt) * SUCCESSOR_AT
  const future = [...(settings.own ? [createAt] : []), ...valid.map(({ notAfter }) => notAfter), ...retiring.map(({ dropAt }) => dropAt)]
  return {
    signer: signer?.id,
    trusted,
    pending: pending?.id,
    retiring,
    dropped: generations.filter(({ id }) => !trusted.includes(id)).map(({ id }) => id),
    create: settings.own && createAt <= now,
    nextAt: Math.min(...future.filter((at) => at > now)),
  }
}

/** Leaves of an authority are replaced when the next one begins to sign; one that never signed has none. */
function dropTime(old: Generation, valid: readonly Generation[], { overlapMs }: RootSettings): number | undefined {
  if (old.signsFrom === undefined) return undefined
  const next = valid.slice(valid.indexOf(old) + 1).find(({ signsFrom }) => signsFrom !== undefined)
  return next?.signsFrom === undefined ? Number.POSITIVE_INFINITY : next.signsFrom + overlapMs
}
