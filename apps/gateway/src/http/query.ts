import { WeftError } from '@weft/core'

/** What a whole number in a query may be. */
export interface NumberRange {
  readonly minimum: number
  readonly maximum: number
}

/** A whole number of a query, which comes as text. @throws WeftError `INVALID_VALUE` naming `field` */
export function wholeNumber(text: string | undefined, field: string, { minimum, maximum }: NumberRange): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= minimum && value <= maximum) return value
  throw new WeftError('INVALID_VALUE', { field, reason: `must be a whole number from ${minimum} to ${maximum}` })
}
