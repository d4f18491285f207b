import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed } from '../pieces.ts'
import { WorkloadSelector } from './shared.ts'

// Fields after https://istio.io/latest/docs/reference/config/security/peer_authentication/ (API v1).

const PORT_TEXT = '^([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])$'

/** Mutual TLS (Istio `MutualTLS`). */
const MutualTls = Type.Object(
  {
    mode: Type.Optional(
      Type.Enum(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'], {
        description: 'STRICT: mutual TLS or nothing; PERMISSIVE: plain text too; DISABLE: plain text only; UNSET: as what is wider has it, else STRICT',
      }),
    ),
  },
  closed,
)

/** Spec of a PeerAuthentication. */
export const PeerAuthenticationSpec = Type.Object(
  {
    selector: Type.Optional(WorkloadSelector),
    mtls: Type.Optional(MutualTls),
    portLevelMtls: Type.Optional(
      Type.Record(Type.String({ pattern: PORT_TEXT }), MutualTls, {
        ...closed,
        minProperties: 1,
        maxProperties: 64,
        description: 'mutual TLS by workload port, which is 8080 for every function',
      }),
    ),
  },
  { ...closed, description: 'whether callers must prove who they are' },
)
/** {@link PeerAuthenticationSpec} as a type. */
export type PeerAuthenticationSpec = Static<typeof PeerAuthenticationSpec>

/** A PeerAuthentication of Istio. */
export interface PeerAuthenticationResource {
  readonly apiVersion: string
  readonly kind: 'PeerAuthentication'
  readonly metadata: ObjectMeta
  readonly spec: PeerAuthenticationSpec
  readonly status?: unknown
}
