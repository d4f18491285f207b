import net from 'node:net'
import { logLine } from '@weft/runtime-nodejs/report'
import type { Serving } from './serve.ts'

/**
 * Drains: (1) probes say 503, (2) the socket accepts no more, (3) connections stay open and are served until the proxy has closed them all,
 * (4) the program ends. `net.Server.prototype.close`, since http's own closes idle connections, and a request that is on its way on one of
 * them would be lost. Resolves at the deadline at the latest. Idempotent.
 */
export async function drain(serving: Serving, options: { readonly timeoutMs: number; readonly stop: () => Promise<void> }): Promise<void> {
  if (serving.draining) return
  serving.draining = true
  const closed = new Promise<void>((done) => {
    net.Server.prototype.close.call(serving.server, () => done())
  })
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<'late'>((done) => {
    timer = setTimeout(done, options.timeoutMs, 'late')
  })
  const outcome = await Promise.race([closed.then(options.stop), deadline])
  clearTimeout(timer)
  if (outcome === 'late' && serving.inFlight.size > 0) logLine(`drain: ${serving.inFlight.size} calls were cut after ${options.timeoutMs} ms`)
}
