import { connect, type Socket } from 'node:net'

/** What came back on a raw connection. */
export interface RawAnswer {
  /** Everything that the other side wrote. */
  readonly text: string
  /** The other side closed the connection before the deadline. */
  readonly closed: boolean
  /** Milliseconds from the start to the end. */
  readonly ms: number
}

/** Opens a TCP connection to the host and port of a URL. */
export function openTo(url: string): Socket {
  const { hostname, port } = new URL(url)
  return connect(Number(port), hostname)
}

/** Writes bytes as they are to the host and port of a URL and reads until the other side closes, or until the deadline. */
export function sendRaw(url: string, bytes: string | Uint8Array, deadlineMs = 3_000): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const startedAt = Date.now()
    const socket = openTo(url)
    let text = ''
    const end = (closed: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, closed, ms: Date.now() - startedAt })
    }
    const timer = setTimeout(() => end(false), deadlineMs)
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('error', () => end(true))
    socket.on('close', () => end(true))
    socket.write(bytes)
  })
}
