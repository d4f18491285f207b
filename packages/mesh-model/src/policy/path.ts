/**
 * A path as policies compare it: without the query, `.` and `..` resolved, then slashes merged, as Envoy normalises it before anything looks at it
 * (`normalize_path`, `merge_slashes`). @returns `undefined` for what the proxies refuse with 400: no leading slash, encoded slashes,
 * fragments, blanks, control and other characters outside ASCII. Each case was tried with Envoy 1.38
 */
export function normalisePath(path: string): string | undefined {
  const [bare = ''] = path.split('?', 1)
  if (!bare.startsWith('/') || /%(?:2f|5c|00)/i.test(bare) || /[^!-~]|#/.test(path)) return undefined
  const parts: string[] = []
  const segments = encodeUnsafe(decodeUnreserved(bare)).replaceAll('\\', '/').split('/').slice(1)
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1
    if (segment === '..') parts.pop()
    if (segment === '..' || segment === '.') {
      if (last) parts.push('')
    } else parts.push(segment)
  })
  return `/${parts.join('/')}`.replace(/\/{2,}/g, '/')
}

/** RFC 3986 §6.2.2.2: percent-encoded unreserved characters are the characters themselves. */
function decodeUnreserved(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (whole, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9\-._~]/.test(char) ? char : whole
  })
}

/** What Envoy percent-encodes of the characters that a path should not have. */
function encodeUnsafe(text: string): string {
  return text.replace(/["<>^`{|}]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
