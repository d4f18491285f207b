import type { NamespacedName } from '@weft/core'
import type { AskedCaller } from './explain/authorize.ts'
import type { TrafficEnd } from './plane.ts'
import { textHolds } from './policy/text.ts'
import type { StringMatch } from './snapshot.ts'

/** Calls that come to the workload, and those that it makes. */
export type TapDirection = 'inbound' | 'outbound'

/** Which calls of a workload are shown; what is absent does not matter. */
export interface TapFilter {
  readonly direction?: TapDirection
  /** Upper case. */
  readonly method?: string
  readonly path?: StringMatch
  /** Both ends are within; a call without an answer has the status 0. */
  readonly status?: { readonly from: number; readonly to: number }
  readonly from?: AskedCaller
  readonly fromNamespace?: string
}

/** What is to be seen live. */
export interface TapRequest {
  /** A function, a Service, or one revision (`temp-00001`). */
  readonly name: NamespacedName
  readonly filter: TapFilter
  /** Calls per second that are shown; of those above it only the number is told. */
  readonly maxRps: number
  /** Calls after which it ends. */
  readonly limit?: number
  readonly durationMs: number
}

/** One call that has ended, as the side told it that was looked at. */
export interface TapCall {
  readonly kind: 'call'
  /** When it began. RFC 3339. */
  readonly at: string
  readonly direction: TapDirection
  readonly source: TrafficEnd
  readonly destination: TrafficEnd
  readonly method: string
  readonly host: string
  /** Without its query. */
  readonly path: string
  /** 0: there was no answer. */
  readonly status: number
  readonly grpcStatus?: string
  /** Envoy's response flags; `-` for none. */
  readonly flags: string
  /** Envoy's word for where the answer came from. */
  readonly details: string
  readonly durationMs: number
  readonly requestBytes: number
  readonly responseBytes: number
  /** Whether the connection of this side was mutual TLS. */
  readonly mtls: boolean
  /** It waited for a replica. */
  readonly held?: true
  readonly callId?: string
  readonly traceId?: string
}

/** Why a tap ended by itself. */
export type TapEnd = 'duration' | 'limit' | 'gone' | 'closed'

/** What is told of a tap. */
export type TapEvent =
  | TapCall
  /** So many calls were not shown: there were more than `maxRps`, or they were not read fast enough. */
  | { readonly kind: 'dropped'; readonly count: number }
  /** Nothing happened for a while. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'end'; readonly reason: TapEnd }

/** A tap that is open. */
export interface LiveTap {
  /** To be read once. Ends the tap when the reader stops, or the signal is aborted. */
  events(signal: AbortSignal): AsyncIterable<TapEvent>
}

/** Whether a call is one of those that were asked for. */
export function tapShows(filter: TapFilter, call: TapCall): boolean {
  const { direction, method, path, status, from, fromNamespace } = filter
  return (
    (direction === undefined || direction === call.direction) &&
    (method === undefined || method === call.method) &&
    (path === undefined || textHolds(path, call.path)) &&
    (status === undefined || (call.status >= status.from && call.status <= status.to)) &&
    (from === undefined || isCaller(from, call.source)) &&
    (fromNamespace === undefined || fromNamespace === call.source.namespace)
  )
}

function isCaller(asked: AskedCaller, source: TrafficEnd): boolean {
  switch (asked.kind) {
    case 'ingress':
      return source.workload === 'ingress'
    case 'identity':
      return source.principal === asked.principal
    case 'workload': {
      const { namespace, name } = asked.name
      return source.namespace === namespace && (source.service === name || source.workload === name)
    }
    default:
      return asked satisfies never
  }
}
