import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { RuntimeConfig } from '../boot/config.ts'
import type { Handler } from '../boot/select-export.ts'
import type { Call } from '../server/call.ts'
import type { RuntimeError } from '../server/reply.ts'
import type { WeftRequest, WeftResponse } from '../server/messages.ts'

/** What a contract is given to build its server side from. */
export interface ContractInput {
  readonly config: RuntimeConfig
  readonly handler: Handler
  /** The module's `upgrade(req, socket, head)`, if it has one. */
  readonly upgrade: Handler | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

/** How requests become calls of the user's code. One per process. */
export interface Contract {
  readonly Request: typeof WeftRequest
  readonly Response: typeof WeftResponse
  /** Paths that the contract answers itself, ahead of limits and time-outs (`/healthz`, `/metrics`). @returns whether it did */
  intercept?(request: IncomingMessage, response: ServerResponse): boolean
  /** Serves one call. May throw or reject: then {@link Contract.failed} answers. Resolving early is fine, the call ends with its response. */
  serve(call: Call): unknown
  /** Answers a call whose handler threw, rejected, or failed later on (an error in a callback that belongs to the call). */
  failed(call: Call, error: unknown): void
  /** What a call gets that took too long. */
  timedOut(call: Call, timeoutMs: number): RuntimeError
  /** Takes an upgrade (WebSocket); absent: upgrade requests are served as plain ones. */
  upgrade?(call: Call, socket: Duplex, head: Buffer): unknown
  /** Takes connections that begin as HTTP/2; absent: the socket speaks HTTP/1.1 only. */
  connection?(connection: Socket): void
  /** Resolves when nothing is under way in the background any more. */
  settled?(): Promise<unknown>
}
