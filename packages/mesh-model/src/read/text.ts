import type { StringMatch } from '../snapshot.ts'
import { regexProblem } from './regex.ts'

/** Istio's way to write how a text is compared. */
export interface IstioText {
  readonly exact?: string
  readonly prefix?: string
  readonly regex?: string
}

/** Reads it; an expression that Envoy would refuse is noted. */
export function readText(value: IstioText, at: string, notes: string[]): StringMatch {
  if (value.exact !== undefined) return { kind: 'exact', value: value.exact }
  if (value.prefix !== undefined) return { kind: 'prefix', value: value.prefix }
  if (value.regex === undefined) return { kind: 'present' }
  const problem = regexProblem(value.regex)
  if (problem !== undefined) notes.push(`${at}: ${problem}`)
  return { kind: 'regex', value: value.regex }
}
