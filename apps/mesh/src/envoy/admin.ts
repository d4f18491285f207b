import { request } from 'node:http'

/** An answer of the admin interface. */
export interface AdminAnswer {
  readonly status: number
  readonly body: string
}

/** Asks Envoy's admin interface on its Unix socket. Rejects when it does not answer within the time. */
export function askAdmin(socket: string, path: string, options: { readonly method?: 'GET' | 'POST'; readonly timeoutMs?: number } = {}): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket, path, method: options.method ?? 'GET', agent: false, timeout: options.timeoutMs ?? 5_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
      response.on('error', reject)
    })
    call.on('timeout', () => call.destroy(new Error('the admin interface did not answer in time')))
    call.on('error', reject)
    call.end()
  })
}
