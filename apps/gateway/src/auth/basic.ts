import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { WeftError } from '@weft/core'
import type { GatewayAuth } from '../options.ts'
import { Throttle } from './throttle.ts'

/** What a request without valid credentials is told (as the OpenFaaS gateway does). */
export const AUTHENTICATE = 'Basic realm="Restricted"'

/** User and password of an `Authorization: Basic` header (RFC 7617); `undefined` when it is none. */
export function readBasic(header: string | undefined): { readonly user: string; readonly password: string } | undefined {
  const [, encoded] = /^basic ([A-Za-z0-9+/=_-]{1,4096})$/i.exec(header ?? '') ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Compares in a time that tells nothing of where the texts differ, nor of their lengths. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest())
}

/** Where a request comes from: over the Unix socket what the ingress proxy appended last, over TCP the peer. */
export function sourceOf(request: IncomingMessage): string {
  const peer = request.socket.remoteAddress
  if (peer !== undefined && peer !== '') return peer
  const forwarded = request.headers['x-forwarded-for']
  const list = Array.isArray(forwarded) ? forwarded.join(',') : forwarded
  return list?.split(',').at(-1)?.trim() ?? 'local'
}

/** Checks credentials and slows down who guesses. */
export class BasicAuth {
  readonly #auth: GatewayAuth
  readonly #throttle = new Throttle()
  readonly #now: () => number
  readonly #delay: (ms: number) => Promise<void>

  constructor(auth: GatewayAuth, now: () => number, delay: (ms: number) => Promise<void>) {
    this.#auth = auth
    this.#now = now
    this.#delay = delay
  }

  /** @throws WeftError `UNAUTHORIZED`, `TOO_MANY_ATTEMPTS` */
  async check(request: IncomingMessage): Promise<void> {
    if (!this.#auth.enabled) return
    const source = sourceOf(request)
    if (this.#throttle.isFull(source)) throw new WeftError('TOO_MANY_ATTEMPTS', { seconds: 5 })
    const given = readBasic(request.headers.authorization)
    if (given === undefined) throw new WeftError('UNAUTHORIZED')
    const isUser = sameText(given.user, this.#auth.user)
    const isPassword = sameText(given.password, this.#auth.password)
    if (isUser && isPassword) return
    const waitMs = this.#throttle.failed(source, this.#now())
    try {
      if (waitMs > 0) await this.#delay(waitMs)
    } finally {
      this.#throttle.answered(source)
    }
    throw new WeftError('UNAUTHORIZED')
  }
}
