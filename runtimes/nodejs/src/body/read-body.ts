import { CallError } from '../server/reply.ts'
import { isTooLarge, type WeftRequest } from '../server/messages.ts'
import { parseMediaType } from './media-type.ts'

/** The error for a body beyond `limit` bytes. */
export function tooLarge(limit: number): CallError {
  return new CallError({
    status: 413,
    code: 'BODY_TOO_LARGE',
    message: `the request body is larger than the ${limit} bytes that this function takes`,
    help: 'send less, or raise the limit of the contract (docs/guide/contracts.md)',
  })
}

/** The error for a body that cannot be understood. */
function badBody(reason: string): CallError {
  return new CallError({ status: 400, code: 'BAD_REQUEST', message: `the request body cannot be read: ${reason}` })
}

const unsupported = (message: string): CallError => new CallError({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', message })

const DECODERS = { gzip: 'gunzip', 'x-gzip': 'gunzip', deflate: 'inflate', br: 'brotliDecompress' } as const

type Decode = (body: Buffer, options: { maxOutputLength: number }, done: (error: Error | null, result: Buffer) => void) => void

/** Undoes `Content-Encoding`, at most up to `limit` bytes: a small body may unpack to an enormous one. */
function unpack(body: Buffer, encoding: string, limit: number): Promise<Buffer> {
  if (!Object.hasOwn(DECODERS, encoding)) throw unsupported(`the content encoding "${encoding}" is not supported`)
  // loaded when the first body needs it
  const decode: Decode = process.getBuiltinModule('node:zlib')[DECODERS[encoding as keyof typeof DECODERS]]
  return new Promise((done, failed) => {
    decode(body, { maxOutputLength: limit }, (error, result) => {
      if (error === null) done(result)
      else failed('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(limit) : badBody(`its ${encoding} encoding is broken`))
    })
  })
}

/** The whole body. @throws CallError 413 beyond `limit` bytes (before and after unpacking), 400, 415 */
export async function readBody(request: WeftRequest, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  const collected = await request.collect(limit)
  if (isTooLarge(collected)) throw tooLarge(limit)
  const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity'
  return encoding === 'identity' ? collected : unpack(collected, encoding, limit)
}

/** Text of a body in its charset, UTF-8 when none is named. @throws CallError 415 */
export function decodeText(body: Buffer, contentType: string | undefined): string {
  const { charset } = parseMediaType(contentType)
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8') return body.toString('utf8')
  try {
    return new TextDecoder(charset).decode(body)
  } catch {
    throw unsupported(`the charset "${charset}" is not supported`)
  }
}

/**
 * JSON of a body. With `strict`, as body-parser has it, only an object or an array; an empty body is `{}`.
 * `__proto__` as a key stays an own property and reaches no prototype. @throws CallError 400
 */
export function parseJson(text: string, strict: boolean): unknown {
  if (text.length === 0) return {}
  if (strict && !/^[\s]*[[{]/.test(text)) throw badBody('JSON must be an object or an array')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badBody(error instanceof Error ? error.message : 'malformed JSON')
  }
}
