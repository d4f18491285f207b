import { WeftError, type Resource } from '@weft/core'

/** A page of a list. */
export interface Page {
  readonly items: readonly Resource[]
  /** Token of the next page; absent on the last. */
  readonly next?: string
  readonly remaining: number
}

/** Sorted by namespace and name, and cut: the page after `token`, at most `limit` items (0: all). @throws WeftError `INVALID_VALUE` */
export function pageOf(items: readonly Resource[], limit: number, token: string | undefined): Page {
  const sorted = items.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))
  const after = token === undefined || token === '' ? undefined : readToken(token)
  const rest = after === undefined ? sorted : sorted.filter((item) => placeOf(item) > after)
  const page = limit > 0 ? rest.slice(0, limit) : rest
  const last = page.at(-1)
  const remaining = rest.length - page.length
  return { items: page, remaining, ...(remaining > 0 && last !== undefined ? { next: writeToken(placeOf(last)) } : {}) }
}

function placeOf({ metadata }: Resource): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

function writeToken(place: string): string {
  return Buffer.from(place).toString('base64url')
}

function readToken(token: string): string {
  const place = Buffer.from(token, 'base64url').toString('utf8')
  if (!/^[-a-z0-9.]*\/[-a-z0-9.]+$/.test(place)) throw new WeftError('INVALID_VALUE', { field: 'continue', reason: 'it is not the token of a list' })
  return place
}
