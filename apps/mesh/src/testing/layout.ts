import type { NodeLayout, NodeLimits } from '../encode/types.ts'

/** Limits that no test comes near. */
const LIMITS: NodeLimits = {
  maxHeadersKiB: 60,
  maxHeadersCount: 100,
  requestHeadersTimeoutMs: 10_000,
  connectionIdleTimeoutMs: 3_600_000,
  streamIdleTimeoutMs: 300_000,
  maxConcurrentStreams: 100,
  bufferBytes: 256 * 1024,
  maxConnectionDurationMs: 3_600_000,
  maxRequests: 10_000,
  maxReplicaConnections: 1_000,
  maxUnknownHosts: 100,
}

/** What must be said about a proxy; the rest has defaults. */
type LayoutInput = Pick<NodeLayout, 'node' | 'runDirectory' | 'gatewaySocket' | 'accessLogFile'> & Partial<NodeLayout>

/** The layout of a proxy for tests. */
export function nodeLayout(input: LayoutInput): NodeLayout {
  return {
    activationTimeoutMs: 60_000,
    timeoutGraceMs: 2_000,
    ownAddresses: [],
    limits: LIMITS,
    telemetry: { accessLog: { format: 'json', only: 'all' } },
    ...input,
  }
}
