import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, dnsLabel, duration } from '../pieces.ts'
import { CanaryAnalysis } from './analysis.ts'
import type { CanaryStatus } from './status.ts'
import { CANARY_TRAFFIC } from './traffic.ts'
import { CanaryWebhook } from './webhooks.ts'

/** Spec of a Canary: every new revision of the function goes through it. */
export const CanarySpec = Type.Object(
  {
    function: dnsLabel('function of the same namespace'),
    ...CANARY_TRAFFIC,
    interval: Type.Optional(duration('how long each step or iteration lasts; default 30s')),
    deadline: Type.Optional(duration('longest time of a whole run, waiting for calls included; default 1h')),
    analysis: Type.Optional(CanaryAnalysis),
    webhooks: Type.Optional(Type.Array(CanaryWebhook, { minItems: 1, maxItems: 16, description: 'who is asked and told at each gate' })),
    paused: Type.Optional(Type.Boolean({ description: 'stay at the present step; a failing candidate is rolled back all the same' })),
    promote: Type.Optional(dnsLabel('candidate that is to get all traffic now')),
    abort: Type.Optional(dnsLabel('candidate that is to get none any more')),
  },
  { ...closed, description: 'progressive delivery of a function' },
)
/** {@link CanarySpec} as a type. */
export type CanarySpec = Static<typeof CanarySpec>

/** A Canary resource. */
export interface CanaryResource {
  readonly apiVersion: string
  readonly kind: 'Canary'
  readonly metadata: ObjectMeta
  readonly spec: CanarySpec
  readonly status?: CanaryStatus
}
