import { Readable } from 'node:stream'
import { isTooLarge, type WeftRequest } from '../server/messages.ts'
import { CallError } from '../server/reply.ts'

/** Bodies up to this announced length are there when the handler starts: a stream for each would cost five times as much. */
const SMALL_BYTES = 65_536

/** Absolute URL of the request. @throws CallError 400 when Host and path make none */
function urlOf(request: WeftRequest): string {
  const target = request.url ?? '/'
  const scheme = request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  const url = URL.parse(target.startsWith('/') ? `${scheme}://${request.headers.host ?? 'localhost'}${target}` : target)
  if (url === null) throw new CallError({ status: 400, code: 'BAD_REQUEST', message: 'the Host header and the path make no URL' })
  return url.href
}

function headersOf(request: WeftRequest): [string, string][] {
  const pairs: [string, string][] = []
  const raw = request.rawHeaders
  for (let index = 0; index < raw.length; index += 2) pairs.push([raw[index] ?? '', raw[index + 1] ?? ''])
  return pairs
}

type Body = Uint8Array | ReadableStream | null

let incomingRequest: ReturnType<typeof defineIncomingRequest> | undefined

/** Defined at the first call: the global `Request` loads undici, which the other contracts do without. */
function defineIncomingRequest() {
  /** A `Request` whose signal is made when it is asked for: an AbortController that nobody uses is most of what a Request costs. */
  return class IncomingRequest extends Request {
    readonly #signal: () => AbortSignal

    constructor(url: string, init: RequestInit, signal: () => AbortSignal) {
      super(url, init)
      this.#signal = signal
    }

    override get signal(): AbortSignal {
      return this.#signal()
    }

    override clone(): Request {
      return Object.defineProperty(super.clone(), 'signal', { get: this.#signal })
    }
  }
}

/** Whether the body is taken before the handler starts. */
const isSmall = (request: WeftRequest): boolean => Number(request.headers['content-length'] ?? Infinity) <= SMALL_BYTES

async function smallBody(request: WeftRequest): Promise<Body> {
  const collected = await request.collect(SMALL_BYTES)
  return isTooLarge(collected) ? null : collected
}

/** The body for the web: nothing, bytes (promised), or a stream with backpressure. */
function bodyOf(request: WeftRequest): Body | Promise<Body> {
  if (request.method === 'GET' || request.method === 'HEAD' || !request.hasBody) return null
  return isSmall(request) ? smallBody(request) : (Readable.toWeb(request) as unknown as ReadableStream)
}

/**
 * The web standard's view of a request; a promise when it has a small body. `fetch(request)` takes over its body and headers, not its signal;
 * `new Request(url, request)` takes that too.
 */
export function toRequest(request: WeftRequest, signal: () => AbortSignal): Request | Promise<Request> {
  incomingRequest ??= defineIncomingRequest()
  const Incoming = incomingRequest
  const make = (body: Body): Request =>
    new Incoming(urlOf(request), { method: request.method ?? 'GET', headers: headersOf(request), body, duplex: 'half' } as RequestInit, signal)
  const body = bodyOf(request)
  return body instanceof Promise ? body.then(make) : make(body)
}
