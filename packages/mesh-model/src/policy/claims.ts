import type { RequestPrincipalMatch } from '../snapshot.ts'
import { textHolds } from './text.ts'

/** Claims whose text is a list parted by blanks (RFC 8693 §4.2), as the proxy parts them. */
export const SPACE_DELIMITED_CLAIMS = ['scope', 'permission'] as const

/** Whether the token is one of those that a match on request principals means; nothing matches where none was verified. */
export function requestPrincipalHolds({ issuer, subject }: RequestPrincipalMatch, { iss, sub }: Readonly<Record<string, unknown>>): boolean {
  return typeof iss === 'string' && typeof sub === 'string' && textHolds(issuer, iss) && textHolds(subject, sub)
}

/** The texts that stand at a path of the claims; other values (numbers, objects) are compared with nothing. */
export function claimTexts(claims: Readonly<Record<string, unknown>> | undefined, path: readonly string[]): readonly string[] {
  let value: unknown = claims
  for (const part of path)
    value = typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined
  const [first = ''] = path
  const list = typeof value === 'string' && path.length === 1 && SPACE_DELIMITED_CLAIMS.some((name) => name === first) ? value.split(' ') : value
  return [list].flat().filter((text) => typeof text === 'string')
}
