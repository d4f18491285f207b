import type { Duplex } from 'node:stream'
import { logLine, describeError } from '../boot/report.ts'
import type { Call } from '../server/call.ts'
import { WeftRequest, WeftResponse } from '../server/messages.ts'
import type { Contract, ContractInput } from './contract.ts'
import { gatewayTimeout, internalError } from './errors.ts'
import { toRequest } from './fetch-request.ts'
import { writeResponse } from './fetch-response.ts'

/** What `context.upgrade()` hands over: what the event `upgrade` of `node:http` has, for `ws` and its like. */
export interface Upgrade {
  readonly request: WeftRequest
  readonly socket: Duplex
  readonly head: Buffer
}

/** The second argument of a fetch handler. */
export interface FetchContext {
  readonly function: string
  readonly namespace: string
  readonly revision: string
  /** Parameters of the route; none here, kept for handlers written for routers. */
  readonly params: Readonly<Record<string, string>>
  /** When the call is given up, in milliseconds since the epoch; undefined for never. */
  readonly deadline: number | undefined
  /** Work that goes on after the response; a drain waits for it. */
  waitUntil(work: Promise<unknown>): void
  /** Takes over the connection of an upgrade request (WebSocket). @throws Error when the request asks for no upgrade */
  upgrade(): Upgrade
}

type FetchHandler = (request: Request, context: FetchContext) => unknown

interface Hijack {
  readonly socket: Duplex
  readonly head: Buffer
  taken: boolean
}

/** The signal of a call, made when it is asked for: aborted when the caller goes away or the time is over. */
function lazySignal(call: Call): () => AbortSignal {
  let controller: AbortController | undefined
  return () => {
    if (controller !== undefined) return controller.signal
    const made = (controller = new AbortController())
    const end = (): void => {
      if (call.timedOut) made.abort(new DOMException('the time of the call is over', 'TimeoutError'))
      else if (!call.response.writableFinished) made.abort(new DOMException('the caller went away', 'AbortError'))
    }
    if (call.ended) end()
    else call.onEnd(end)
    return made.signal
  }
}

/**
 * The contract `(request, context) => Response` of the web standard, which Weft recommends. Streams both ways; `request.signal` aborts when the caller
 * goes away or the time is over.
 */
export function fetchContract({ config, handler }: ContractInput): Contract {
  const invoke = handler as unknown as FetchHandler
  const background = new Set<Promise<unknown>>()

  const waitUntil = (work: Promise<unknown>): void => {
    const tracked = Promise.resolve(work)
      .catch((error: unknown) => logLine(`waitUntil: ${describeError(error)}`))
      .finally(() => background.delete(tracked))
    background.add(tracked)
  }

  const contextOf = (call: Call, hijack: Hijack | undefined): FetchContext => ({
    function: config.functionName,
    namespace: config.namespace,
    revision: config.revision,
    params: {},
    get deadline() {
      return call.deadline === Infinity ? undefined : Math.round(performance.timeOrigin + call.deadline)
    },
    waitUntil,
    upgrade: () => {
      if (hijack === undefined) throw new Error('context.upgrade(): this request does not ask for an upgrade')
      hijack.taken = true
      return { request: call.request as WeftRequest, socket: hijack.socket, head: hijack.head }
    },
  })

  const serve = async (call: Call, hijack?: Hijack): Promise<void> => {
    const made = toRequest(call.request as WeftRequest, lazySignal(call))
    const request = made instanceof Promise ? await made : made
    const returned = await invoke(request, contextOf(call, hijack))
    if (hijack?.taken === true) return
    await writeResponse(call.response, returned)
  }

  return {
    Request: WeftRequest,
    Response: WeftResponse,
    serve: (call) => serve(call),
    failed: internalError,
    timedOut: gatewayTimeout,
    upgrade: (call, socket, head) => serve(call, { socket, head, taken: false }),
    settled: () => Promise.all(background),
  }
}
