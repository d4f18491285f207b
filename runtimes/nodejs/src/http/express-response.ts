import { WeftResponse } from '../server/messages.ts'
import { contentTypeOf } from './content-type.ts'
import { STATUS_CODES } from './node-http.ts'
import { type CookieOptions, serializeCookie } from './cookie.ts'
import type { ExpressRequest } from './express-request.ts'
import { sendJson, sendValue, setHeader, setHeaders } from './send.ts'

/** The response of Node.js with what users of Express know. */
export class ExpressResponse extends WeftResponse<ExpressRequest> {
  locals: Record<string, unknown> = {}

  status(code: number): this {
    this.statusCode = code
    return this
  }

  /** `set('Name', value)` or `set({ Name: value })`. */
  set(name: string | Readonly<Record<string, unknown>>, value?: unknown): this {
    if (typeof name === 'string') setHeader(this, name, value)
    else setHeaders(this, name)
    return this
  }

  header(name: string | Readonly<Record<string, unknown>>, value?: unknown): this {
    return this.set(name, value)
  }

  get(name: string): string | undefined {
    const value = this.getHeader(name)
    return value === undefined ? undefined : Array.isArray(value) ? value.join(', ') : String(value)
  }

  append(name: string, value: unknown): this {
    this.appendHeader(name, Array.isArray(value) ? value.map(String) : String(value))
    return this
  }

  vary(field: string | string[]): this {
    const present = this.get('Vary')
    const added = [field].flat().join(', ')
    return this.set('Vary', present === undefined ? added : `${present}, ${added}`)
  }

  /** Media type by name or extension: `json`, `.html`, `image/png`. */
  type(type: string): this {
    return this.set('Content-Type', contentTypeOf(type))
  }

  contentType(type: string): this {
    return this.type(type)
  }

  json(value?: unknown): this {
    sendJson(this, value)
    return this
  }

  /** Text, bytes, or a value as JSON. */
  send(value?: unknown): this {
    sendValue(this, value)
    return this
  }

  /** The status with its name as text. */
  sendStatus(code: number): this {
    return this.status(code)
      .type('txt')
      .send(STATUS_CODES[code] ?? String(code))
  }

  location(url: string): this {
    return this.set('Location', url === 'back' ? (this.req.get('referrer') ?? '/') : encodeURI(decodeSafely(url)))
  }

  /** `redirect(url)` is 302, `redirect(301, url)` any other. */
  redirect(first: number | string, second?: string): void {
    const [status, url] = typeof first === 'number' ? [first, second ?? '/'] : [302, first]
    this.location(url)
      .status(status)
      .type('txt')
      .send(`${STATUS_CODES[status] ?? 'Redirecting'}. Redirecting to ${this.get('Location') ?? url}`)
  }

  cookie(name: string, value: string | number | boolean | object, options: CookieOptions = {}): this {
    return this.append('Set-Cookie', serializeCookie(name, value, options, Date.now()))
  }

  clearCookie(name: string, options: CookieOptions = {}): this {
    const { maxAge: _ignored, ...rest } = options
    return this.cookie(name, '', { ...rest, expires: new Date(1) })
  }

  attachment(filename?: string): this {
    if (filename === undefined) return this.set('Content-Disposition', 'attachment')
    return this.type(filename).set('Content-Disposition', `attachment; filename="${filename.replaceAll(/[^\x20-\x7e]|["\\]/g, '_')}"`)
  }

  links(links: Readonly<Record<string, string>>): this {
    return this.append(
      'Link',
      Object.entries(links)
        .map(([rel, url]) => `<${url}>; rel="${rel}"`)
        .join(', '),
    )
  }
}

/** A URL that is encoded already must not be encoded twice. */
function decodeSafely(url: string): string {
  try {
    return decodeURI(url)
  } catch {
    return url
  }
}
