import { parentPort, workerData } from 'node:worker_threads'
import { createLog, type LogOptions } from '@weft/kit'
import { ENGINE_METHODS, type HostMethods, type WorkerInput } from './engine.ts'
import { openEngine } from './in-process.ts'
import { RpcPeer, type Methods, type RpcPort } from './rpc.ts'

/** The thread of the mesh. Calls that come before the certificate authority is open wait for it, in their order. */
function main(port: RpcPort, { settings, logLevel }: WorkerInput): void {
  const log = createLog({ format: 'json', level: logLevel as LogOptions['level'], write: (line) => peer.tell('log', line) })
  const opened = openEngine(settings, log, {
    wake: (workload) => peer.call('wake', workload),
    load: (reports) => peer.tell('load', reports),
    statuses: (change) => peer.tell('statuses', change),
  })
  // Whoever calls a method is told why; without a call nobody needs to be.
  opened.catch(() => undefined)
  const own: Methods = Object.fromEntries(
    ENGINE_METHODS.map((name) => [name, async (...args: never[]) => ((await opened)[name] as (...all: never[]) => unknown)(...args)]),
  )
  const peer = new RpcPeer<HostMethods>(port, own)
}

if (parentPort !== null) main(parentPort, workerData as WorkerInput)
