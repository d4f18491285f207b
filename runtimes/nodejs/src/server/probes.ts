import type { IncomingMessage, ServerResponse } from 'node:http'

/** What the probes tell. */
export interface ProbeState {
  readonly draining: boolean
  /** The concurrency limit is met. */
  readonly busy: boolean
  readonly readinessPath: string
}

function plain(response: ServerResponse, status: number, text: string): true {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
  return true
}

/**
 * Answers `/_/health` and `/_/ready` as of-watchdog does: health 503 from SIGTERM on; ready 503 while draining, 429 at the concurrency limit, else the
 * function's own readiness path, else 200. @returns whether the request was a probe and is answered
 */
export function answerProbe(request: IncomingMessage, response: ServerResponse, state: ProbeState): boolean {
  const path = request.url?.split('?', 1)[0]
  if (path !== '/_/health' && path !== '/_/ready') return false
  if (request.method !== 'GET') return plain(response, 405, 'Method Not Allowed')
  if (state.draining) return plain(response, 503, 'Service Unavailable')
  if (path === '/_/health') return plain(response, 200, 'OK')
  if (state.busy) return plain(response, 429, 'Too Many Requests')
  if (state.readinessPath === '/_/ready' || state.readinessPath === '/_/health') return plain(response, 200, 'OK')
  request.url = state.readinessPath
  return false
}
