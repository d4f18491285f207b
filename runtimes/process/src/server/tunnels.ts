import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { logLine } from '@weft/runtime-nodejs/report'
import type { Mode } from '../modes/mode.ts'
import { splice } from '../modes/splice.ts'

/** What decides whether one more connection is taken. */
export interface TunnelLimits {
  /** Connections at a time; 0 is no limit. */
  readonly concurrency: number
}

const refusal = (status: string): string => `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`

/**
 * Takes the proxy's CONNECT requests, each of which carries one raw connection of a caller, and joins them with connections to the program. The proxy hears
 * 200 when the program has accepted, so that a caller's connection fails when there is nobody.
 */
export class Tunnels {
  readonly #connect: NonNullable<Mode['connect']>
  readonly #limits: TunnelLimits
  readonly #open = new Set<Duplex>()

  constructor(connect: NonNullable<Mode['connect']>, limits: TunnelLimits) {
    this.#connect = connect
    this.#limits = limits
  }

  /** How many are open. */
  get count(): number {
    return this.#open.size
  }

  /** To be called for each CONNECT request. */
  take(_request: IncomingMessage, near: Duplex, head: Buffer): void {
    near.on('error', () => near.destroy())
    const { concurrency } = this.#limits
    if (concurrency > 0 && this.#open.size >= concurrency) return void near.end(refusal('429 Too Many Requests'))
    this.#open.add(near)
    near.once('close', () => this.#open.delete(near))
    void this.#join(near, head)
  }

  async #join(near: Duplex, head: Buffer): Promise<void> {
    try {
      const far = await this.#connect()
      near.write('HTTP/1.1 200 OK\r\n\r\n')
      if (head.length > 0) far.write(head)
      splice(near, far)
      if (near.destroyed) far.destroy()
    } catch (error) {
      logLine(`a connection could not be made: ${error instanceof Error ? error.message : String(error)}`)
      near.end(refusal('503 Service Unavailable'))
    }
  }
}
