import type { Duplex } from 'node:stream'
import { isJson, parseMediaType } from '../body/media-type.ts'
import { parseExtended } from '../body/query.ts'
import { decodeText, parseJson, tooLarge } from '../body/read-body.ts'
import { parseSize } from '../body/size.ts'
import { ExpressRequest } from '../http/express-request.ts'
import { ExpressResponse } from '../http/express-response.ts'
import { isTooLarge } from '../server/messages.ts'
import type { Contract, ContractInput } from './contract.ts'
import { gatewayTimeout, internalError } from './errors.ts'
import { KubelessMetrics, kubeletPaths } from './kubelet-paths.ts'

const DEFAULT_BYTES = 1024 * 1024

/** `req.body` by type; bytes for anything that is not text. @throws CallError 400 */
function parse(body: Buffer, contentType: string | undefined): unknown {
  const { type } = parseMediaType(contentType)
  if (isJson(type)) return parseJson(decodeText(body, contentType), false)
  if (type === 'application/x-www-form-urlencoded') return parseExtended(decodeText(body, contentType))
  return type.startsWith('text/') ? decodeText(body, contentType) : body
}

/** Types that a handler expects as a value: beyond the limit they are refused, where everything else just streams. */
const isParsed = (type: string): boolean => isJson(type) || type.startsWith('text/') || type === 'application/x-www-form-urlencoded'

async function fillBody(request: ExpressRequest, limit: number): Promise<void> {
  const contentType = request.headers['content-type']
  const { type } = parseMediaType(contentType)
  const streams = !isParsed(type) || request.headers['content-encoding'] !== undefined
  const announced = request.headers['content-length']
  // of unknown length and no parsed type: a stream, which may last for ever
  if (streams && (announced === undefined || Number(announced) > limit)) return
  if (Number(announced ?? 0) > limit) throw tooLarge(limit)
  const collected = await request.collect(limit)
  if (isTooLarge(collected)) throw tooLarge(limit)
  request.rawBody = collected
  request.body = streams ? collected : parse(collected, contentType)
}

/**
 * The contract `(req, res)`: Node's own objects with what users of Express, functions-framework and Kubeless up to 0.4 know. `req.body` is parsed up to
 * `MAX_BODY_SIZE` (1 MB), and `req` can be read as a stream all the same. The handler ends the response; what it returns does not matter.
 */
export function nodeHttpContract({ config, handler, upgrade, env }: ContractInput): Contract {
  const invoke = handler as unknown as (request: ExpressRequest, response: ExpressResponse) => unknown
  const onUpgrade = upgrade as unknown as ((request: ExpressRequest, socket: Duplex, head: Buffer) => unknown) | undefined
  const metrics = /^nodejs\d/.test(config.runtimeName) ? new KubelessMetrics(env['MOD_NAME'] ?? config.functionName) : undefined
  const limit = parseSize(env['MAX_BODY_SIZE'], DEFAULT_BYTES)
  return {
    Request: ExpressRequest,
    Response: ExpressResponse as unknown as Contract['Response'],
    ...(metrics === undefined ? {} : { intercept: kubeletPaths(metrics) }),
    serve: (call) => {
      metrics?.observe(call)
      const request = call.request as ExpressRequest
      const response = call.response as unknown as ExpressResponse
      if (request.hasBody) return fillBody(request, limit).then(() => invoke(request, response))
      request.body = {}
      return invoke(request, response)
    },
    failed: (call, error) => {
      metrics?.failed(call)
      internalError(call, error)
    },
    timedOut: gatewayTimeout,
    ...(onUpgrade === undefined ? {} : { upgrade: (call, socket, head) => onUpgrade(call.request as ExpressRequest, socket, head) }),
  }
}
