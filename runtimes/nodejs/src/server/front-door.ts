import net from 'node:net'

/** What every connection of HTTP/2 without TLS begins with (RFC 9113 §3.4); no method of HTTP/1.1 does. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n')

/**
 * A server for a socket on which two protocols come: connections that begin as HTTP/2 go to `take` unread, the others to `http`, which answers probes.
 * Costs one look at the first bytes of a connection.
 */
export function frontDoor(http: net.Server, take: (connection: net.Socket) => void): net.Server {
  return net.createServer({ noDelay: true, allowHalfOpen: true }, (connection) => {
    connection.on('error', () => connection.destroy())
    connection.once('data', (first: Buffer) => {
      connection.pause()
      connection.unshift(first)
      const length = Math.min(first.length, PREFACE.length)
      // What takes it reads it: a session of HTTP/2 loses its beginning when the connection flows before.
      if (first.subarray(0, length).equals(PREFACE.subarray(0, length))) return take(connection)
      http.emit('connection', connection)
      connection.resume()
    })
    connection.once('end', () => (connection.bytesRead === 0 ? connection.destroy() : undefined))
  })
}
