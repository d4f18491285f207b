import { parseMediaType } from '../body/media-type.ts'
import { parseExtended, type QueryObject } from '../body/query.ts'
import { WeftRequest } from '../server/messages.ts'
import { contentTypeOf } from './content-type.ts'

/** Whether the media type `type` is what `pattern` asks for: `json`, `text/*`, any, `+json`, `application/json`. */
function typeMatches(type: string, pattern: string): boolean {
  if (pattern.startsWith('+')) return type.endsWith(pattern)
  const wanted = pattern.includes('/')
    ? pattern
    : pattern === 'urlencoded'
      ? contentTypeOf('form')
      : pattern === 'multipart'
        ? 'multipart/*'
        : contentTypeOf(pattern)
  const [major = '', minor = ''] = (wanted.split(';', 1)[0] ?? '').toLowerCase().split('/')
  const [ownMajor = '', ownMinor = ''] = type.split('/')
  return (major === '*' || major === ownMajor) && (minor === '*' || minor === ownMinor || (minor.startsWith('*+') && ownMinor.endsWith(minor.slice(1))))
}

/** Media types of an `Accept` header, the most wanted first. */
function acceptedTypes(header: string | undefined): string[] {
  if (header === undefined || header.trim() === '') return ['*/*']
  const entries = header.split(',').map((entry) => {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
    return { type, quality: Number.isNaN(quality) ? 0 : quality }
  })
  return entries
    .filter((entry) => entry.quality > 0)
    .toSorted((a, b) => b.quality - a.quality)
    .map((entry) => entry.type)
}

/** The request of Node.js with what users of Express know. The body is parsed by the contract ahead of the handler. */
export class ExpressRequest extends WeftRequest {
  body: unknown = undefined
  /** Bytes of the body as they came, when it was parsed (functions-framework). */
  rawBody: Buffer | undefined = undefined
  params: Record<string, string> = {}
  baseUrl = ''
  #query: QueryObject | undefined

  get originalUrl(): string {
    return this.url ?? '/'
  }

  /** Path without the query, still percent-encoded. */
  get path(): string {
    return this.originalUrl.split('?', 1)[0] ?? '/'
  }

  get query(): QueryObject {
    const cut = this.originalUrl.indexOf('?')
    return (this.#query ??= cut < 0 ? {} : parseExtended(this.originalUrl.slice(cut + 1)))
  }

  set query(value: QueryObject) {
    this.#query = value
  }

  get hostname(): string {
    return (this.headers.host ?? '').replace(/:\d+$/, '')
  }

  get protocol(): string {
    return this.get('x-forwarded-proto') === 'https' ? 'https' : 'http'
  }

  get secure(): boolean {
    return this.protocol === 'https'
  }

  /** First address of `X-Forwarded-For`; the connection itself comes from the proxy. */
  get ip(): string {
    return (this.get('x-forwarded-for') ?? '').split(',', 1)[0]?.trim() ?? ''
  }

  get xhr(): boolean {
    return this.get('x-requested-with')?.toLowerCase() === 'xmlhttprequest'
  }

  get(name: string): string | undefined {
    const lower = name.toLowerCase()
    const value = this.headers[lower === 'referrer' ? 'referer' : lower]
    return Array.isArray(value) ? value.join(', ') : value
  }

  header(name: string): string | undefined {
    return this.get(name)
  }

  /** The first of the given types that the body has, as given (`json`), or false. */
  is(...patterns: (string | string[])[]): string | false {
    const { type } = parseMediaType(this.headers['content-type'])
    if (type === '' || !this.hasBody) return false
    const given = patterns.flat()
    return given.length === 0 ? type : (given.find((pattern) => typeMatches(type, pattern)) ?? false)
  }

  /** The best of the given types for the caller, as given, or false. */
  accepts(...given: (string | string[])[]): string | false {
    const wanted = acceptedTypes(this.headers.accept)
    for (const pattern of wanted) {
      const found = given.flat().find((type) => typeMatches(contentTypeOf(type).split(';', 1)[0] ?? '', pattern))
      if (found !== undefined) return found
    }
    return false
  }
}
