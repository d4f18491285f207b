import { Type, type Static } from 'typebox'
import { closed, closedExcept, duration } from '../pieces.ts'
import { webAddress } from './pieces.ts'

/** What is done with a step that saw fewer calls than it needs. */
export const NO_DATA_POLICIES = ['wait', 'pass', 'fail'] as const

/** Words that a PromQL query of a canary may have between double braces. */
export const QUERY_WORDS = ['namespace', 'function', 'canary', 'candidate', 'stable', 'interval'] as const

const CanaryMetric = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63, description: 'shown in history and status' }),
    prometheus: Type.Object(
      {
        address: Type.Optional(webAddress("where Prometheus' API is; default: that of the platform's settings")),
        query: Type.String({
          minLength: 1,
          maxLength: 4096,
          description: `PromQL that gives one number; knows ${QUERY_WORDS.map((word) => `{{ ${word} }}`).join(', ')}`,
        }),
      },
      closed,
    ),
    thresholdRange: Type.Object(
      { min: Type.Optional(Type.Number({ description: 'least value' })), max: Type.Optional(Type.Number({ description: 'greatest value' })) },
      { ...closed, minProperties: 1, description: 'what the number may be' },
    ),
    interval: Type.Optional(duration('how often it is asked, and {{ interval }}; default the interval of the canary')),
  },
  { ...closedExcept('templateRef', 'templateVariables', 'threshold', 'query'), description: 'a number of a Prometheus, by which the candidate is judged too' },
)
/** A metric of Prometheus as a type. */
export type CanaryMetric = Static<typeof CanaryMetric>

/** How the candidate is judged while it takes traffic. */
export const CanaryAnalysis = Type.Object(
  {
    minRequests: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'calls that the candidate must have had in a step before it is judged; default 20' }),
    ),
    noData: Type.Optional(
      Type.Enum(NO_DATA_POLICIES, { description: 'what a step with fewer calls than that, or without a number of Prometheus, means; default wait' }),
    ),
    threshold: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'failed checks until it is rolled back; default 1' })),
    successRate: Type.Optional(
      Type.Object(
        {
          min: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'least per cent of calls that are not answered with 5xx' })),
          maxBelowBaseline: Type.Optional(
            Type.Number({ minimum: 0, maximum: 100, description: 'how many points it may be below the stable revision in the same time' }),
          ),
        },
        closed,
      ),
    ),
    latencyP99: Type.Optional(
      Type.Object(
        {
          max: Type.Optional(duration('longest time of 99 per cent of the calls')),
          maxAboveBaseline: Type.Optional(
            Type.Number({ minimum: 0, maximum: 10_000, description: 'how many per cent it may be above the stable revision in the same time' }),
          ),
        },
        closed,
      ),
    ),
    metrics: Type.Optional(Type.Array(CanaryMetric, { minItems: 1, maxItems: 16, description: 'numbers of a Prometheus' })),
  },
  { ...closedExcept('webhooks'), description: 'how the candidate is judged, by what its own proxy counts' },
)
