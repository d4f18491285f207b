import type { ExternalTarget } from './external.ts'
import type { StringMatch, WorkloadKey } from './snapshot.ts'

/** What the callee sees of path and host in place of what was asked for. Queries stay. */
export interface Rewrite {
  /**
   * `prefix`: takes the place of the prefix that matched (of `/` where the route has no condition on the path, of the whole path where it is exact or a
   * regular expression). `regex`: RE2 from the beginning of the path; `substitution` knows `\0` to `\9`. `segments`: in place of the segments that matched, no
   * slash at its end. `whole`: in place of the whole path.
   */
  readonly path?:
    | { readonly kind: 'prefix' | 'segments' | 'whole'; readonly value: string }
    | { readonly kind: 'regex'; readonly pattern: string; readonly substitution: string }
  readonly authority?: string
}

/** A `Location` that callers are sent to. What is absent stays as it was asked for. */
export interface Redirect {
  readonly kind: 'redirect'
  readonly status: 301 | 302 | 303 | 307 | 308
  /** The whole path; the query stays. */
  readonly path?: string
  /** In place of the segments that matched, no slash at its end; what follows them stays. Not beside `path`. */
  readonly pathPrefix?: string
  readonly authority?: string
  readonly scheme?: 'http' | 'https'
  readonly port?: number
}

/** An answer that no function gives. */
export interface FixedAnswer {
  readonly kind: 'fixed'
  readonly status: number
  readonly body?: { readonly kind: 'text' | 'base64'; readonly value: string }
}

/** Nothing takes the call: 404. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly reason: string
}

/** Faults on purpose, on the caller's side. Shares in millionths. */
export interface Fault {
  readonly delay?: { readonly millionths: number; readonly ms: number }
  readonly abort?: { readonly millionths: number; readonly status: { readonly kind: 'http' | 'grpc'; readonly code: number } }
}

/** Where copies of calls go; what they are answered is dropped. */
export interface Mirror {
  /** `undefined`: it goes outside. */
  readonly workload: WorkloadKey | undefined
  readonly external?: ExternalTarget
  /** Share of the calls in millionths. */
  readonly millionths: number
}

/** Which pages of other origins may call. */
export interface Cors {
  readonly origins: readonly StringMatch[]
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly exposed: readonly string[]
  readonly maxAgeMs?: number
  readonly credentials?: boolean
  /** Whether the callee sees preflights of other origins. */
  readonly forwardUnmatched: boolean
}

/** What a route does beside choosing a target. */
export interface RouteActions {
  /** Set: the proxy answers, and the route has no targets. */
  readonly answer?: Redirect | FixedAnswer | Refusal
  readonly rewrite?: Rewrite
  readonly fault?: Fault
  readonly mirrors?: readonly Mirror[]
  readonly cors?: Cors
}
