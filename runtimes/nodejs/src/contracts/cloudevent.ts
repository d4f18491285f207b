import { readBody } from '../body/read-body.ts'
import { parseSize } from '../body/size.ts'
import { setHeaders, sendValue } from '../http/send.ts'
import type { Call } from '../server/call.ts'
import { WeftRequest, WeftResponse } from '../server/messages.ts'
import { CallError } from '../server/reply.ts'
import { type CloudEvent, decodeEvent, encodeEvent, isEvent } from './cloudevent-codec.ts'
import type { Contract, ContractInput } from './contract.ts'
import { gatewayTimeout, internalError } from './errors.ts'

const DEFAULT_BYTES = 1024 * 1024

type EventHandler = (event: CloudEvent, context: { readonly function: string; readonly namespace: string; readonly revision: string }) => unknown

function answer(call: Call, value: unknown): void {
  const response = call.response
  if (response.headersSent || response.writableEnded) return
  if (value === undefined || value === null) {
    response.statusCode = 204
    response.end()
    return
  }
  if (!isEvent(value)) {
    if (typeof value === 'string') response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    return sendValue(response, value)
  }
  const encoded = encodeEvent(value, { id: crypto.randomUUID(), time: new Date().toISOString() })
  setHeaders(response, encoded.headers)
  response.setHeader('Content-Length', Buffer.byteLength(encoded.body))
  response.end(encoded.body)
}

/** The contract `(event, context)` of CloudEvents 1.0: binary and structured events by POST; a returned event goes back in binary mode, other values as JSON. */
export function cloudeventContract({ config, handler, env }: ContractInput): Contract {
  const invoke = handler as unknown as EventHandler
  const limit = parseSize(env['MAX_BODY_SIZE'], DEFAULT_BYTES)
  const context = Object.freeze({ function: config.functionName, namespace: config.namespace, revision: config.revision })
  return {
    Request: WeftRequest,
    Response: WeftResponse,
    serve: async (call) => {
      const request = call.request as WeftRequest
      if (request.method !== 'POST')
        throw new CallError({ status: 405, code: 'METHOD_NOT_ALLOWED', message: 'events come by POST', headers: { Allow: 'POST' } })
      const body = request.hasBody ? await readBody(request, limit) : Buffer.alloc(0)
      answer(call, await invoke(decodeEvent(request.headers, body), context))
    },
    failed: internalError,
    timedOut: gatewayTimeout,
  }
}
