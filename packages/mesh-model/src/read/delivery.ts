import { CanaryRouting, type CanaryMatch, type IstioStringMatch } from '@weft/api'
import type { RouteMatch, StringMatch } from '../snapshot.ts'
import { field } from './base.ts'
import { checker } from './check.ts'
import type { DeliveryModel } from './models.ts'
import { escapeRe2, regexProblem } from './regex.ts'

const check = checker(CanaryRouting)

/** What a running canary has the mesh do, from the status of its function. What is not understood is left out: then the split alone holds. */
export function readDelivery(status: unknown): DeliveryModel | undefined {
  const written = field(status, 'canary')
  const candidate = field(written, 'candidate')
  if (typeof written !== 'object' || written === null || typeof candidate !== 'string') return undefined
  const { candidate: _, ...routing } = written as Readonly<Record<string, unknown>>
  const checked = check(routing)
  if (!checked.ok) return undefined
  const { match = [], mirror, affinity, expire } = checked.value
  return {
    candidate,
    matches: match.flatMap(readMatch),
    ...(mirror === undefined ? {} : { mirror: { millionths: Math.round(mirror.percent * 10_000), methods: mirror.methods } }),
    ...(affinity === undefined ? {} : { affinity }),
    ...(expire === undefined ? {} : { expire }),
  }
}

/** A match that cannot be read takes no calls. */
function readMatch({ headers = {}, cookies = {} }: CanaryMatch): readonly RouteMatch[] {
  const conditions = [
    ...Object.entries(headers).map(([name, value]) => ({ name: name.toLowerCase(), match: textMatch(value) })),
    ...Object.entries(cookies).map(([name, value]) => ({ name: 'cookie', match: cookieMatch(name, textMatch(value)) })),
  ]
  const read = conditions.flatMap(({ name, match }) => (match === undefined ? [] : [{ name, match, invert: false }]))
  return read.length === conditions.length ? [{ headers: read, queryParameters: [] }] : []
}

function textMatch({ exact, prefix, regex }: IstioStringMatch): StringMatch | undefined {
  if (exact !== undefined) return { kind: 'exact', value: exact }
  if (prefix !== undefined) return { kind: 'prefix', value: prefix }
  if (regex === undefined) return { kind: 'present' }
  return regexProblem(regex) === undefined ? { kind: 'regex', value: regex } : undefined
}

/** On one cookie of the header that has them all (RFC 6265 §4.2.1). */
export function cookieMatch(name: string, value: StringMatch | undefined): StringMatch | undefined {
  const pattern = value === undefined ? undefined : valueRegex(value)
  return pattern === undefined ? undefined : { kind: 'regex', value: `(?:.*;[ \\t]*)?${escapeRe2(name)}=${pattern}(?:;.*)?` }
}

function valueRegex(match: StringMatch): string | undefined {
  switch (match.kind) {
    case 'exact':
      return escapeRe2(match.value)
    case 'prefix':
      return `${escapeRe2(match.value)}[^;]*`
    case 'suffix':
      return `[^;]*${escapeRe2(match.value)}`
    case 'regex':
      return `(?:${match.value})`
    case 'present':
      return '[^;]+'
    default:
      return match satisfies never
  }
}
