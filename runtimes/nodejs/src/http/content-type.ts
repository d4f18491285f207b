import { isJson } from '../body/media-type.ts'

const BY_EXTENSION: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  htm: 'text/html; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  text: 'text/plain; charset=utf-8',
  css: 'text/css; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  xml: 'application/xml',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  ico: 'image/x-icon',
  pdf: 'application/pdf',
  zip: 'application/zip',
  gz: 'application/gzip',
  wasm: 'application/wasm',
  bin: 'application/octet-stream',
  form: 'application/x-www-form-urlencoded',
}

/** A media type for an extension (`html`, `.png`) or file name; something with a slash is one already. */
export function contentTypeOf(typeOrExtension: string): string {
  if (typeOrExtension.includes('/')) return withCharset(typeOrExtension)
  return BY_EXTENSION[typeOrExtension.replace(/^.*\./, '').toLowerCase()] ?? 'application/octet-stream'
}

/** Adds `; charset=utf-8` to text and JSON that name none, as Express does. */
export function withCharset(value: string): string {
  if (value.includes('charset=')) return value
  const type = value.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return type.startsWith('text/') || isJson(type) || type === 'application/javascript' ? `${value}; charset=utf-8` : value
}
