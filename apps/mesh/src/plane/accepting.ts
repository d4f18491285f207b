import { connect, type TcpNetConnectOpts } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const PAUSE_MS = 2

/** A Unix socket, or a port. */
type Place = string | Pick<TcpNetConnectOpts, 'host' | 'port'>

function dial(place: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = typeof place === 'string' ? connect(place) : connect(place)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/**
 * Whether the proxy accepts at a place: an acknowledged listener still has to be handed to the proxy's workers, which takes a moment.
 * Tries until the signal ends it, or nobody wants it any more.
 */
export async function accepts(place: Place, wanted: () => boolean, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    if (!wanted() || (await dial(place))) return true
    if (signal.aborted) return false
    await wait(PAUSE_MS)
  }
}
