import { STATUS_CODES } from 'node:http'
import type { Settings } from '../boot/settings.ts'
import type { Call } from '../server/call.ts'

function size(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB']
  let [value, unit] = [bytes, 0]
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024
  return `${unit === 0 ? value : value.toFixed(2)}${units[unit] ?? ''}`
}

/** The line of of-watchdog for an answered call; probes of a kubelet are passed over. */
export function logAccess(call: Call, answer: { readonly status: number; readonly bytes: number }, settings: Pick<Settings, 'logCallId'>): void {
  const { request } = call
  if (request.headers['user-agent']?.startsWith('kube-probe/') === true) return
  const id = settings.logCallId ? ` [${String(request.headers['x-call-id'] ?? 'none')}]` : ''
  const status = `${answer.status} ${STATUS_CODES[answer.status] ?? ''}`.trim()
  process.stderr.write(`${request.method} ${request.url} - ${status} - ContentLength: ${size(answer.bytes)} (${call.seconds.toFixed(4)}s)${id}\n`)
}
