const DAY_MS = 86_400_000
/** A root or an intermediate is warned of this long before its end, or at the last third of its life when that is shorter. */
const WARN_MS = 30 * DAY_MS
const WARN_PART = 1 / 3
/** A leaf is renewed at half its life: what is left of one that has less than this was not renewed. */
const LEAF_PART = 1 / 4

/** What a warning follows from; milliseconds since the epoch. */
export interface ExpiringCertificate {
  readonly kind: 'root' | 'intermediate' | 'leaf'
  readonly notBefore: number
  readonly notAfter: number
  /** What was replaced and is trusted for some time only. */
  readonly retiring?: boolean
}

/** What a person should know about the end of a certificate, when it is time to; absent otherwise. */
export function expiryWarning({ kind, notBefore, notAfter, retiring }: ExpiringCertificate, now: number): string | undefined {
  const left = notAfter - now
  const life = notAfter - notBefore
  if (retiring === true) return undefined
  if (left <= 0) return 'it has ended'
  switch (kind) {
    case 'leaf':
      return left < life * LEAF_PART ? `it ends in ${span(left)} and was not renewed at half its life` : undefined
    case 'root':
    case 'intermediate':
      return left < Math.min(WARN_MS, life * WARN_PART) ? `it ends in ${span(left)}; replace it before (docs/guide/trust.md)` : undefined
    default:
      return kind satisfies never
  }
}

function span(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${Math.floor(ms / DAY_MS)} days`
  const hours = Math.floor(ms / 3_600_000)
  return hours >= 2 ? `${hours} hours` : `${Math.max(1, Math.floor(ms / 60_000))} minutes`
}
