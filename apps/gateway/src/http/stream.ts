import { once } from 'node:events'
import type { FastifyReply } from 'fastify'
import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'

/** The open streams of a server, so that a drain can end them. */
export class OpenStreams {
  readonly #open = new Set<AbortController>()

  /** A signal that is aborted when the client goes away or the server drains. */
  enter(reply: FastifyReply): { readonly signal: AbortSignal; readonly leave: () => void } {
    const controller = new AbortController()
    const abort = () => controller.abort()
    this.#open.add(controller)
    reply.raw.once('close', abort)
    return {
      signal: controller.signal,
      leave: () => {
        this.#open.delete(controller)
        reply.raw.off('close', abort)
      },
    }
  }

  /** Ends every open stream. */
  endAll(): void {
    for (const controller of this.#open) controller.abort()
  }
}

/** How lines are streamed. */
export interface LineStreamOptions {
  readonly contentType: string
  readonly streams: OpenStreams
  readonly log: Log
  readonly lines: (signal: AbortSignal) => AsyncIterable<string>
  /** The last line when the source fails after the head was sent; absent: the stream just ends. */
  readonly onError?: (error: unknown) => string
}

/**
 * Answers 200 with one line after another, each flushed as it comes, until the source ends, the client leaves or the server drains. The head is sent at
 * once. Waits for a slow reader.
 */
export async function streamLines(reply: FastifyReply, options: LineStreamOptions): Promise<void> {
  const { signal, leave } = options.streams.enter(reply)
  reply.hijack()
  const raw = reply.raw
  raw.writeHead(200, { 'content-type': options.contentType, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' })
  raw.flushHeaders()
  try {
    for await (const line of options.lines(signal)) {
      if (signal.aborted) break
      if (!raw.write(`${line}\n`)) await once(raw, 'drain', { signal })
    }
  } catch (error) {
    if (!signal.aborted) {
      options.log.warn({ reason: messageOf(error) }, 'a stream ended early')
      if (options.onError !== undefined) raw.write(`${options.onError(error)}\n`)
    }
  } finally {
    leave()
    raw.end()
  }
}
