import type { IncomingMessage } from 'node:http'

/** What a body was when it was looked at: whole, or its beginning with the rest still to come. */
export type Peeked = { readonly whole: Buffer } | { readonly beginning: Buffer }

/** The caller went away before its body had come. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone'
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] !== undefined && headers['content-length'] !== '0')

/**
 * Reads a body until it has ended, has more than `limitBytes`, or `patienceMs` are over. The request is paused where there is more to come.
 * @throws CallerGone
 */
export function peekBody(request: IncomingMessage, limitBytes: number, patienceMs = Number.POSITIVE_INFINITY): Promise<Peeked> {
  if (!hasBody(request)) {
    request.resume()
    return Promise.resolve({ whole: Buffer.alloc(0) })
  }
  return new Promise((done, failed) => {
    const chunks: Buffer[] = []
    let size = 0
    const timer = Number.isFinite(patienceMs) ? setTimeout(() => finish('beginning'), patienceMs) : undefined
    const finish = (what: 'whole' | 'beginning'): void => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('close', onClose)
      if (what === 'beginning') request.pause()
      const bytes = Buffer.concat(chunks)
      done(what === 'whole' ? { whole: bytes } : { beginning: bytes })
    }
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      size += chunk.length
      if (size > limitBytes) finish('beginning')
    }
    const onEnd = (): void => finish('whole')
    const onClose = (): void => {
      clearTimeout(timer)
      failed(new CallerGone('the caller went away'))
    }
    request.on('data', onData).once('end', onEnd).once('close', onClose)
    if (request.destroyed && !request.readableEnded) onClose()
  })
}
