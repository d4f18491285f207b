import { request, type Agent, type IncomingHttpHeaders } from 'node:http'

/** An HTTP answer, read whole. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** How to ask. */
export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Uint8Array
  readonly agent?: Agent
  readonly socketPath?: string
  readonly timeoutMs?: number
}

/** One HTTP/1.1 call. Rejects when there is no whole answer. */
export function ask(url: string, options: AskOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = options.body === undefined ? 'GET' : 'POST', agent, socketPath, timeoutMs = 60_000 } = options
    // Node.js frames the body of a DELETE only when its length is said
    const length = options.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(options.body)) }
    const headers = { ...length, ...options.headers }
    const call = request(
      url,
      { method, headers, ...(agent === undefined ? {} : { agent }), ...(socketPath === undefined ? {} : { socketPath }), timeout: timeoutMs },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }))
        answer.on('error', reject)
      },
    )
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    call.on('error', reject)
    call.end(options.body)
  })
}
