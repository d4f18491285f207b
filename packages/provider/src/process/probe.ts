import { request } from 'node:http'

/** What came of a probe: an HTTP status, or why there is none. */
export type ProbeResult = { readonly status: number } | { readonly error: string }

/** One GET on a Unix socket, bounded by `timeoutMs`; the connection is not kept and at most the head of the answer is read. */
export function probe(socketPath: string, path: string, timeoutMs: number, signal?: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const limit = AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1))
    const call = request({
      socketPath,
      path,
      agent: false,
      headers: { host: 'localhost', connection: 'close', 'user-agent': 'weft-probe' },
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    })
    call.on('response', (response) => {
      response.on('error', () => {})
      response.resume()
      resolve({ status: response.statusCode ?? 0 })
      response.on('end', () => call.destroy())
      if (response.headers['transfer-encoding'] !== undefined) call.destroy()
    })
    call.on('error', (error) => resolve({ error: limit.aborted ? 'no answer in time' : error.message }))
    call.end()
  })
}
