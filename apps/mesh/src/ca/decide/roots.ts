/** What is known of a root; milliseconds since the epoch. */
export interface RootFacts {
  readonly id: string
  readonly createdAt: number
  readonly notAfter: number
}

/** How roots follow each other. */
export interface RootSettings {
  /** How long a new root is only trusted before it signs: longer than any proxy needs to learn of it. */
  readonly trustFirstMs: number
  /** Longest life of a leaf: how long a root is trusted after the next began to sign. */
  readonly leafLifetimeMs: number
}

/** What is to be done about roots now. */
export interface RootPlan {
  /** Signs from now on; absent when a root must be made first. */
  readonly signer: string | undefined
  /** To be trusted: the signer first, then the others, newest first. */
  readonly trusted: readonly string[]
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
 * Decides which root signs and which are trusted. A new root is trusted first and signs when everybody knows it; the old one is dropped when the last leaf
 * that it signed has ended. A root that is the only one that is valid signs at once.
 */
export function planRoots(roots: readonly RootFacts[], now: number, settings: RootSettings): RootPlan {
  const valid = roots.filter((root) => root.notAfter > now).toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  const signsFrom = (root: RootFacts) => root.createdAt + settings.trustFirstMs
  const signer = valid.findLast((root) => signsFrom(root) <= now) ?? valid[0]
  const newest = valid.at(-1)
  if (signer === undefined || newest === undefined) return { signer: undefined, trusted: [], dropped: roots.map((root) => root.id), create: true, nextAt: now }
  const dropAt = signsFrom(signer) + settings.leafLifetimeMs
  const old = (root: RootFacts) => valid.indexOf(root) < valid.indexOf(signer)
  const kept = valid.filter((root) => !old(root) || now < dropAt)
  const createAt = newest.createdAt + (newest.notAfter - newest.createdAt) * SUCCESSOR_AT
  const future = [createAt, ...valid.map(signsFrom), ...valid.map((root) => root.notAfter), ...(kept.some(old) ? [dropAt] : [])].filter((at) => at > now)
  return {
    signer: signer.id,
    trusted: [signer, ...kept.filter((root) => root !== signer).toReversed()].map((root) => root.id),
    dropped: roots.filter((root) => !kept.includes(root)).map((root) => root.id),
    create: createAt <= now,
    nextAt: Math.min(...future),
  }
}
