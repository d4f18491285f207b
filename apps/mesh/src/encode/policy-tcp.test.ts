import http from 'node:http'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { evaluatePolicy, tcpPolicy } from '@weft/mesh-model'
import fc from 'fast-check'
import { MESH_HEADERS } from './names.ts'
import type { Pem } from './testing/certificates.ts'
import { replica, snapshot, workload } from './testing/model.ts'
import { anyPolicy } from './testing/policies.ts'
import { mutualTls, serveConnections } from './testing/streams.ts'
import { World } from './testing/world.ts'

const SEED = 20_261_122
const POLICIES = 80
const CALLS = 8
/** One that policies name now and then. */
const PORT = 9090

const policies = fc.sample(anyPolicy, { seed: SEED, numRuns: POLICIES }).map(tcpPolicy)
const calls = fc.sample(
  fc.record({
    as: fc.constantFrom('default/control', 'default/evil', 'shop/control', 'default/op'),
    address: fc.constantFrom(undefined, '203.0.113.7', '203.0.113.8', '198.51.100.1', '2001:db8::1'),
  }),
  { seed: SEED, numRuns: POLICIES * CALLS },
)

let world: World
let server: http.Server
const pems = new Map<string, Pem>()

beforeAll(async () => {
  const served = serveConnections('any')
  server = served.server
  const all = policies.map((policy, index) => workload(`p${index}`, { policy, protocol: 'tcp', port: PORT, serviceAccount: 'p' }))
  world = await World.start(snapshot(all, []), async (starting) => {
    for (const each of all) starting.replicas.set(each.key, [replica('r', served.path)])
  })
  for (const name of ['default/control', 'default/evil', 'shop/control', 'default/op']) {
    const [namespace, account] = name.split('/')
    pems.set(name, world.authority.issue(`spiffe://cluster.local/ns/${namespace}/sa/${account}`))
  }
  const deadline = Date.now() + 20_000
  while ((await world.admin('/listeners')).split('\n').filter((line) => line.includes('/p')).length < POLICIES) {
    if (Date.now() > deadline) throw new Error('listeners are missing')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}, 60_000)

afterAll(async () => {
  await world?.stop()
  server?.closeAllConnections()
  server?.close()
})

function connected(socket: TLSSocket, address: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = address === undefined ? {} : { [MESH_HEADERS.client]: address }
    const request = http.request({ createConnection: () => socket, method: 'CONNECT', path: `p.default:${PORT}`, headers })
    request.on('connect', (response) => resolve(response.statusCode ?? 0)).on('error', reject)
    request.end()
  })
}

describe('a policy for raw TCP in Envoy and in the model', () => {
  it(`say the same of ${POLICIES * CALLS} connections`, async () => {
    expect(world.plane.refused).toEqual([])
    const differences: unknown[] = []
    const seen = new Set<number>()
    for (const [index, { as, address }] of calls.entries()) {
      const number = index % POLICIES
      const policy = policies[number]
      if (policy === undefined) continue
      const socket = await mutualTls(world.inboundSocket(`default/p${number}-1`), world.authority.root, pems.get(as))
      const status = await connected(socket, address)
      socket.destroy()
      const [namespace, account] = as.split('/')
      const principal = `cluster.local/ns/${namespace}/sa/${account}`
      const verdict = evaluatePolicy(policy, { principal, port: PORT, ...(address === undefined ? {} : { address }) })
      seen.add(status)
      if (status !== (verdict.allowed ? 200 : 403)) differences.push({ as, address, status, verdict, policy })
    }
    expect(JSON.stringify(differences.slice(0, 3), null, 1)).toBe('[]')
    expect([...seen].toSorted((a, b) => a - b)).toEqual([200, 403])
  }, 60_000)
})
