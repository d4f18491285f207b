import { Type, type Static } from 'typebox'
import { closedExcept, duration } from '../pieces.ts'
import { webAddress } from './pieces.ts'

/** When a webhook is called (the names and meanings of Flagger's). */
export const WEBHOOK_TYPES = [
  'confirm-rollout',
  'pre-rollout',
  'rollout',
  'confirm-traffic-increase',
  'confirm-promotion',
  'post-rollout',
  'rollback',
  'event',
] as const
/** One of {@link WEBHOOK_TYPES}. */
export type WebhookType = (typeof WEBHOOK_TYPES)[number]

/** Somebody outside who is asked or told; an answer 2xx means yes. */
export const CanaryWebhook = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63, description: 'shown in history and status' }),
    type: Type.Enum(WEBHOOK_TYPES, { description: 'when it is called' }),
    url: webAddress('where it is posted to; a function of the mesh as http://NAME or http://NAME.NAMESPACE'),
    timeout: Type.Optional(duration('how long an answer is waited for; default 10s')),
    retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 5, description: 'how often a call without an answer is tried again; default 0' })),
    metadata: Type.Optional(
      Type.Record(Type.String({ maxLength: 128 }), Type.String({ maxLength: 4096 }), { maxProperties: 32, description: 'sent along as it is' }),
    ),
  },
  { ...closedExcept('muteAlert', 'disableTLS'), description: 'called at a gate of a run' },
)
/** {@link CanaryWebhook} as a type. */
export type CanaryWebhook = Static<typeof CanaryWebhook>
