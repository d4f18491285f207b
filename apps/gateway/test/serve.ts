/** Serves a gateway over memory on a TCP port, to try real clients by hand: `node apps/gateway/test/serve.ts PORT`. */
import { makeWorld } from './world.ts'

const world = await makeWorld()
const port = Number(process.argv[2] ?? 0)
const listening = await world.gateway.listen({ tcp: { host: '127.0.0.1', port } })
process.stdout.write(`${JSON.stringify(listening)}\n`)
process.once('SIGTERM', () => void world[Symbol.asyncDispose]().then(() => process.exit(0)))
