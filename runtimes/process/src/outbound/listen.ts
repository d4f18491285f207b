import { createServer, type Server, type Socket } from 'node:net'

/** Listens for connections that are handed over unread. @throws Error of the socket, with its code */
export function listen(at: { readonly host: string; readonly port: number }, take: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    take(socket)
  })
  return new Promise((done, failed) => {
    server.once('error', failed)
    server.listen(at, () => {
      server.off('error', failed)
      server.on('error', () => undefined)
      server.unref()
      done(server)
    })
  })
}
