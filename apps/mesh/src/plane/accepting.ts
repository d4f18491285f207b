import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const PAUSE_MS = 2

function dial(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/**
 * Whether the proxy accepts on a Unix socket: an acknowledged listener still has to be handed to the proxy's workers, which takes a moment.
 * Tries until the signal ends it, or nobody wants it any more.
 */
export async function accepts(path: string, wanted: () => boolean, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    if (!wanted() || (await dial(path))) return true
    if (signal.aborted) return false
    await wait(PAUSE_MS)
  }
}
