import type { IncomingMessage } from 'node:http'

/** Names that describe the request itself; a header of that name must not stand for them. `Proxy` would become `Http_Proxy`, which clients take for a proxy. */
const RESERVED = new Set(['Method', 'Path', 'Query', 'Host', 'ContentLength', 'Content_Length', 'Transfer_Encoding', 'Proxy'])

/** A header's name as Go writes it: `x-call-id` is `X-Call-Id`. */
export const canonicalHeader = (name: string): string => name.toLowerCase().replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())

function decodePath(path: string): string {
  try {
    const decoded = decodeURIComponent(path)
    return decoded.includes('\0') ? path : decoded
  } catch {
    return path
  }
}

/** Headers by their Go names with all their values, as `marshal_request` and the CGI variables need them. */
export function headerValues(request: IncomingMessage): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = canonicalHeader(request.rawHeaders[index] ?? '')
    const value = request.rawHeaders[index + 1] ?? ''
    if (name === 'Host' || name === 'Transfer-Encoding') continue
    const known = values.get(name)
    if (known === undefined) values.set(name, [value])
    else known.push(value)
  }
  return values
}

/**
 * The CGI variables of a request, as the watchdogs make them: `Http_<Header>` (first value, `-` is `_`), `Http_Method`, `Http_Path` (decoded),
 * `Http_Query`, `Http_Host`, `Http_ContentLength` and `Http_Content_Length` (-1 when unknown), `Http_Transfer_Encoding`.
 */
export function cgiVariables(request: IncomingMessage): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [name, [first = '']] of headerValues(request)) {
    const key = name.replaceAll('-', '_')
    if (!RESERVED.has(key)) variables[`Http_${key}`] = first
  }
  const [path = '/', ...query] = (request.url ?? '/').split('?')
  const encoding = request.headers['transfer-encoding']
  const length = request.headers['content-length'] ?? (encoding === undefined ? '0' : '-1')
  return {
    ...variables,
    Http_Method: request.method ?? 'GET',
    Http_Path: decodePath(path),
    Http_ContentLength: length,
    Http_Content_Length: length,
    ...(query.length > 0 && query.join('?') !== '' ? { Http_Query: query.join('?') } : {}),
    ...(request.headers.host === undefined ? {} : { Http_Host: request.headers.host }),
    ...(encoding === undefined ? {} : { Http_Transfer_Encoding: encoding }),
  }
}

/** A request as one JSON document: `{"body": {"raw": base64}, "header": {Name: [values]}}`, as the classic watchdog's `marshal_request`. */
export function marshalRequest(request: IncomingMessage, body: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ body: { raw: body.toString('base64') }, header: Object.fromEntries(headerValues(request)) }))
}
