import type { CanaryMatch, CanarySpec, IstioStringMatch } from '@weft/api'
import { WeftError } from '@weft/core'
import type { Invocation, OptionSpec } from '../command.ts'
import { listOption, textOption } from '../commands/options.ts'

/** Options that say how a canary goes on and how it judges. */
export const CANARY_OPTIONS: readonly OptionSpec[] = [
  { flags: '--steps <weights>', description: 'per cent of the calls at each step, growing: 10,50' },
  { flags: '--step-weight <percent>', description: 'instead of steps: by how much the share grows each time' },
  { flags: '--max-weight <percent>', description: 'with --step-weight: the last share before everything (50)' },
  { flags: '--iterations <number>', description: 'instead of steps: good intervals until it gets everything (A/B with --match-…, else blue-green)' },
  { flags: '--match-header <match>', description: 'calls with this header go to the candidate: NAME=VALUE, NAME=BEGIN*, NAME=~REGEX or NAME', repeat: true },
  { flags: '--match-cookie <match>', description: 'calls with this cookie go to the candidate, written in the same way', repeat: true },
  { flags: '--mirror <percent>', description: 'copies of so many calls go to the candidate before it gets any' },
  { flags: '--mirror-methods <methods>', description: 'methods of the calls that are copied (GET,HEAD,OPTIONS)' },
  { flags: '--sticky <duration>', description: 'a client that the candidate answered stays with it for so long, by a cookie' },
  { flags: '--interval <duration>', description: 'how long each step or iteration lasts (30s)' },
  { flags: '--deadline <duration>', description: 'longest time of a run (1h)' },
  { flags: '--success-rate <percent>', description: 'least share of calls that are not answered with 5xx (99)' },
  { flags: '--p99 <duration>', description: 'longest time of 99 per cent of the calls' },
  { flags: '--max-below-baseline <points>', description: 'how far the success rate may be below that of the stable revision' },
  { flags: '--max-above-baseline <percent>', description: 'how far the p99 may be above that of the stable revision' },
  { flags: '--min-requests <number>', description: 'calls that a step needs before it is judged (20)' },
  { flags: '--no-data <policy>', description: 'what a step with fewer calls means', choices: ['wait', 'pass', 'fail'] },
  { flags: '--threshold <number>', description: 'failed checks until it is rolled back (1)' },
]

/** `--canary` of commands that deploy. */
export const DEPLOY_CANARY_OPTION: OptionSpec = {
  flags: '--canary [steps]',
  description: 'try the new revision on a share of the calls first: --canary, or --canary=10,50 with the steps',
}

/** Reads {@link DEPLOY_CANARY_OPTION}. @returns `undefined` when it was not given @throws WeftError `INVALID_VALUE` */
export function deployCanary(options: Invocation['options']): { readonly steps: readonly number[] | undefined } | undefined {
  const value = options['canary']
  if (value === undefined || value === false) return undefined
  return { steps: typeof value === 'string' ? numbers(value, '--canary') : undefined }
}

/** Reads {@link CANARY_OPTIONS}. @throws WeftError naming the option */
export function canarySpec(name: string, options: Invocation['options']): CanarySpec {
  const noData = options['data'] ?? options['noData']
  const sticky = textOption(options, 'sticky')
  const methods = textOption(options, 'mirrorMethods')
  const mirror = {
    ...some('percent', numeric(options, 'mirror')),
    ...some(
      'methods',
      methods?.split(',').map((method) => method.trim().toUpperCase()),
    ),
  }
  const analysis = {
    ...some('minRequests', numeric(options, 'minRequests')),
    ...some('threshold', numeric(options, 'threshold')),
    ...(noData === 'wait' || noData === 'pass' || noData === 'fail' ? { noData } : {}),
    ...group('successRate', { ...some('min', numeric(options, 'successRate')), ...some('maxBelowBaseline', numeric(options, 'maxBelowBaseline')) }),
    ...group('latencyP99', { ...some('max', textOption(options, 'p99')), ...some('maxAboveBaseline', numeric(options, 'maxAboveBaseline')) }),
  }
  const steps = textOption(options, 'steps')
  const match = matches(options)
  return {
    function: name,
    ...some('steps', steps === undefined ? undefined : numbers(steps, '--steps')),
    ...some('stepWeight', numeric(options, 'stepWeight')),
    ...some('maxWeight', numeric(options, 'maxWeight')),
    ...some('iterations', numeric(options, 'iterations')),
    ...some('match', match.length === 0 ? undefined : match),
    ...group('mirror', mirror),
    ...some('sessionAffinity', sticky === undefined ? undefined : { maxAge: sticky }),
    ...some('interval', textOption(options, 'interval')),
    ...some('deadline', textOption(options, 'deadline')),
    ...group('analysis', analysis),
  }
}

/** Each of them is enough for a call to match. */
function matches(options: Invocation['options']): CanaryMatch[] {
  return [
    ...listOption(options, 'matchHeader').map((text) => ({ headers: Object.fromEntries([matchOf(text)]) })),
    ...listOption(options, 'matchCookie').map((text) => ({ cookies: Object.fromEntries([matchOf(text)]) })),
  ]
}

/** `NAME=VALUE`, `NAME=BEGIN*`, `NAME=~REGEX`; `NAME` alone: it is there. */
function matchOf(text: string): [name: string, match: IstioStringMatch] {
  const cut = text.indexOf('=')
  if (cut < 0) return [text, { regex: '.+' }]
  const value = text.slice(cut + 1)
  const name = text.slice(0, cut)
  if (value.startsWith('~')) return [name, { regex: value.slice(1) }]
  return [name, value.endsWith('*') ? { prefix: value.slice(0, -1) } : { exact: value }]
}

function some<Value>(key: string, value: Value | undefined): Record<string, Value> {
  return value === undefined ? {} : { [key]: value }
}

function group(key: string, value: object): object {
  return Object.keys(value).length === 0 ? {} : { [key]: value }
}

function numeric(options: Invocation['options'], name: string): number | undefined {
  const text = textOption(options, name)
  return text === undefined ? undefined : number(text, `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
}

function numbers(text: string, field: string): number[] {
  return text.split(',').map((part) => number(part.trim(), field))
}

function number(text: string, field: string): number {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value)) throw new WeftError('INVALID_VALUE', { field, reason: `"${text}" is not a number` })
  return value
}
