import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '@weft/kit'
import { memoryStore } from '@weft/store/memory'
import { startMesh } from '../mesh.ts'
import { nodeLayout } from './layout.ts'

/** A platform of its own process with a mesh and nothing else: prints the process id of Envoy and runs until it is killed. */
const directory = process.argv[2] ?? ''
await mkdir(directory, { recursive: true })
const layout = nodeLayout({
  node: 'node-1',
  runDirectory: join(directory, 'run'),
  gatewaySocket: join(directory, 'gateway'),
  accessLogFile: join(directory, 'access.log'),
})
const mesh = await startMesh({
  store: memoryStore(),
  log: silentLog(),
  settings: { layout, authorityDirectory: directory, trustDomain: 'cluster.local', path: 'encrypted', outbound: 'ALLOW_ANY', maxConnections: 10_000 },
  env: process.env,
  progress: () => undefined,
})
process.stdout.write(`${await mesh.envoyPid()}\n`)
