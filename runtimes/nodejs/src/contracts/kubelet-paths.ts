import type { IncomingMessage, ServerResponse } from 'node:http'

/** `/healthz` of Kubeless' runtimes: 200 `OK`. */
export function kubeletPaths(): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    if (request.url !== '/healthz') return false
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': 2 })
    response.end('OK')
    return true
  }
}
