/** A `Content-Type`, taken apart. */
export interface MediaType {
  /** Lower case, without parameters; empty when there is none. */
  readonly type: string
  readonly charset: string | undefined
}

/** Reads a `Content-Type` header. */
export function parseMediaType(header: string | undefined): MediaType {
  if (header === undefined) return { type: '', charset: undefined }
  const cut = header.indexOf(';')
  if (cut < 0) return { type: header.trim().toLowerCase(), charset: undefined }
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(header.slice(cut))?.[1]
  return { type: header.slice(0, cut).trim().toLowerCase(), charset: charset?.toLowerCase() }
}

/** Whether a type is JSON: `application/json`, or any with the suffix `+json`. */
export const isJson = (type: string): boolean => type === 'application/json' || type.endsWith('+json')
