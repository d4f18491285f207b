/** Options of `res.cookie`, as Express has them; `maxAge` in milliseconds. */
export interface CookieOptions {
  readonly domain?: string
  readonly encode?: (value: string) => string
  readonly expires?: Date
  readonly httpOnly?: boolean
  readonly maxAge?: number
  readonly path?: string
  readonly secure?: boolean
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none'
  readonly partitioned?: boolean
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\x21-\x3A\x3C-\x7E]*$/

function sameSite(value: NonNullable<CookieOptions['sameSite']>): string {
  if (value === false) return ''
  const word = value === true ? 'strict' : value
  return `; SameSite=${word.charAt(0).toUpperCase()}${word.slice(1)}`
}

/** Text of a `Set-Cookie` header. @throws TypeError when a part would break the header */
export function serializeCookie(name: string, value: string | number | boolean | object, options: CookieOptions, now: number): string {
  const text = typeof value === 'object' ? `j:${JSON.stringify(value)}` : String(value)
  const encoded = (options.encode ?? encodeURIComponent)(text)
  const path = options.path ?? '/'
  if (!NAME.test(name)) throw new TypeError(`a cookie cannot be named ${JSON.stringify(name)}`)
  for (const part of [encoded, path, options.domain ?? '']) if (!VALUE.test(part)) throw new TypeError(`the cookie ${name} has a character that is not allowed`)
  const expires = options.expires ?? (options.maxAge === undefined ? undefined : new Date(now + options.maxAge))
  return [
    `${name}=${encoded}`,
    options.maxAge === undefined ? '' : `; Max-Age=${Math.floor(options.maxAge / 1000)}`,
    options.domain === undefined ? '' : `; Domain=${options.domain}`,
    `; Path=${path}`,
    expires === undefined ? '' : `; Expires=${expires.toUTCString()}`,
    options.httpOnly === true ? '; HttpOnly' : '',
    options.secure === true ? '; Secure' : '',
    options.partitioned === true ? '; Partitioned' : '',
    options.sameSite === undefined ? '' : sameSite(options.sameSite),
  ].join('')
}
