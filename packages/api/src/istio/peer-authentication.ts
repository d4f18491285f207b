import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept } from '../pieces.ts'
import { WorkloadSelector } from './shared.ts'

// Fields after https://istio.io/latest/docs/reference/config/security/peer_authentication/ (API v1).

/** Spec of a PeerAuthentication. */
export const PeerAuthenticationSpec = Type.Object(
  {
    selector: Type.Optional(WorkloadSelector),
    mtls: Type.Optional(
      Type.Object(
        {
          mode: Type.Optional(
            Type.Enum(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'], {
              description: 'STRICT: mutual TLS or nothing; PERMISSIVE: plain text too; DISABLE: plain text only; UNSET: as the namespace has it, else STRICT',
            }),
          ),
        },
        closed,
      ),
    ),
  },
  { ...closedExcept('portLevelMtls'), description: 'whether callers must prove who they are' },
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
