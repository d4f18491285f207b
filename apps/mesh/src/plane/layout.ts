import { networkInterfaces } from 'node:os'
import type { NodeLayout, NodeLimits } from '../encode/types.ts'

/** Limits of a proxy unless the configuration says otherwise. */
export const DEFAULT_LIMITS: NodeLimits = {
  maxHeadersKiB: 60,
  maxHeadersCount: 100,
  requestHeadersTimeoutMs: 10_000,
  connectionIdleTimeoutMs: 3_600_000,
  streamIdleTimeoutMs: 300_000,
  maxConcurrentStreams: 100,
  bufferBytes: 256 * 1024,
  maxConnectionDurationMs: 3_600_000,
  maxRequests: 10_000,
  maxUnknownHosts: 100,
}

/** Addresses of this machine, as CIDR ranges of one address: egress never reaches them. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address, family }) => `${address}/${family === 'IPv4' ? 32 : 128}`))
}

/** What must be said about a proxy; the rest has defaults. */
export type LayoutInput = Pick<NodeLayout, 'node' | 'runDirectory' | 'gatewaySocket' | 'accessLogFile'> & Partial<NodeLayout>

/** The layout of a proxy of this machine. */
export function nodeLayout(input: LayoutInput): NodeLayout {
  return { activationTimeoutMs: 60_000, timeoutGraceMs: 2_000, ownAddresses: ownAddresses(), limits: DEFAULT_LIMITS, ...input }
}
