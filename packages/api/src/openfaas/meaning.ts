import type { FunctionSpec } from '../function.ts'

type Texts = Readonly<Record<string, string>> | null | undefined
type Draft<T> = { -readonly [K in keyof T]: T[K] }
type ScaleSpec = NonNullable<FunctionSpec['scale']>

/** Idle time before zero when `com.openfaas.scale.zero` names none (docs.openfaas.com/reference/scale). */
const DEFAULT_ZERO_DURATION = '15m'

/**
 * What OpenFaaS' labels say of the scale: `com.openfaas.scale.min`, `.max`, `.zero`, `.zero-duration`. A number that is none becomes NaN, for the
 * schema to refuse.
 */
export function openFaasScale(labels: Texts): ScaleSpec | undefined {
  const label = (name: string) => labels?.[`com.openfaas.scale.${name}`]
  const scale: Draft<ScaleSpec> = {}
  const [min, max] = [label('min'), label('max')]
  if (min !== undefined) scale.min = numberOf(min)
  if (max !== undefined) scale.max = numberOf(max)
  if (label('zero') === 'true') scale.zeroAfter = label('zero-duration') ?? DEFAULT_ZERO_DURATION
  return Object.keys(scale).length === 0 ? undefined : scale
}

function numberOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN
}

/** The path that OpenFaaS' annotations name for readiness, else for health. */
export function openFaasReadinessPath(annotations: Texts): string | undefined {
  return annotations?.['com.openfaas.ready.http.path'] ?? annotations?.['com.openfaas.health.http.path']
}

/** The longest time of a call that the watchdog's variables set; zero there means none and leaves ours. */
export function openFaasTimeout(env: Texts): string | undefined {
  const text = env?.['exec_timeout'] ?? env?.['write_timeout']
  return text === undefined || /^0+(\.0+)?(ns|us|µs|ms|s|m|h)?$/.test(text) ? undefined : text
}
