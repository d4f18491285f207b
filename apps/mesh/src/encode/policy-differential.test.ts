import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { evaluatePolicy } from '@weft/mesh-model'
import fc from 'fast-check'
import { inboundSocket, MESH_HEADERS } from './names.ts'
import type { Pem } from './testing/certificates.ts'
import { host, snapshot, workload } from './testing/model.ts'
import { anyPolicy } from './testing/policies.ts'
import { mutualTls } from './testing/streams.ts'
import { bearer, Issuer } from './testing/tokens.ts'
import { ask, World } from './testing/world.ts'

const SEED = 20_261_121
const POLICIES = 120
const CALLS = 10

const sent = fc.constantFrom<string[]>(['a'], ['b'], ['ab'], ['a', 'b'], ['b', 'a'], ['a', 'x'], ['x', 'a'], ['a, b'], ['a,x'], ['x'], [''])
const call = fc.record({
  as: fc.constantFrom('default/control', 'default/evil', 'shop/control', 'default/op'),
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  path: fc.constantFrom('/', '/a', '/a/b', '/a/../b', '//a', '/a//b?x=/healthz', '/healthz', '/healthz/', '/%61/b', '/b%2fa', '/a/./b', '/A'),
  address: fc.constantFrom(undefined, '203.0.113.7', '203.0.113.8', '198.51.100.1', '2001:db8::1'),
  claims: fc.option(
    fc.record(
      {
        iss: fc.constantFrom('https://a.example', 'https://b.example'),
        sub: fc.constantFrom('jason', 'jane', 'https://a.example', ''),
        aud: fc.constantFrom<string | string[]>('a', 'b', ['x', 'a'], []),
        azp: fc.constantFrom('a', 'ab'),
        groups: fc.constantFrom<unknown>(['a', 'b'], [], 'b', 7, { a: 'a' }, [['a']], null),
        scope: fc.constantFrom('a', 'x a', 'b ab', ''),
        a: fc.constantFrom<unknown>({ b: 'a' }, { b: ['ab'] }, 'a', {}),
        number: fc.constantFrom<unknown>(7, true, 'a'),
      },
      { requiredKeys: ['iss'] },
    ),
    { nil: undefined },
  ),
  headers: fc.record({ 'x-a': sent, 'x-b': sent }, { requiredKeys: [] }),
  host: fc.constantFrom('temp.default.', 'temp.default.:8080', 'temp.default', 'temp.default:8080', 'temp', 'Temp:80', 'other.default'),
})

const policies = fc.sample(anyPolicy, { seed: SEED, numRuns: POLICIES })
const calls = fc.sample(call, { seed: SEED, numRuns: POLICIES * CALLS })

const issuers = new Map(['https://a.example', 'https://b.example'].map((name) => [name, new Issuer(name)]))
const authentication = [...issuers.values()].map((issuer) => issuer.rule())
/** A token of the issuer that its claims name. */
const tokenOf = (claims: { readonly iss: string }) => bearer(issuers.get(claims.iss)?.token({ sub: undefined, ...claims }) ?? '')

let world: World
const pems = new Map<string, Pem>()

beforeAll(async () => {
  const all = policies.map((each, index) => workload(`p${index}`, { policy: each, serviceAccount: 'p', authentication }))
  world = await World.start(
    snapshot(
      all,
      all.map((each) => host(each.function)),
    ),
    async (starting) => {
      const shared = await starting.addReplica('default/p0-1')
      for (const each of all) starting.replicas.set(each.key, [{ id: shared.id, inboundSocket: shared.inboundSocket, serving: true }])
    },
  )
  for (const name of ['default/control', 'default/evil', 'shop/control', 'default/op']) {
    const [namespace, account] = name.split('/')
    pems.set(name, world.authority.issue(`spiffe://cluster.local/ns/${namespace}/sa/${account}`))
  }
})

afterAll(() => world?.stop())

/** Envoy answers before the last of its listeners is there. */
async function listenersThere(): Promise<void> {
  const deadline = Date.now() + 20_000
  while ((await world.envoy.admin('/listeners')).split('\n').filter((line) => line.includes('/p')).length < POLICIES) {
    if (Date.now() > deadline) throw new Error('listeners are missing')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('a policy in Envoy and in the model', () => {
  it(`say the same of ${POLICIES * CALLS} calls`, async () => {
    await listenersThere()
    expect(world.plane.refused).toEqual([])
    const differences: unknown[] = []
    const seen = new Set<number>()
    for (const [index, { as, method, path, host: authority, address, headers, claims }] of calls.entries()) {
      const number = index % POLICIES
      const given = policies[number]
      if (given === undefined) continue
      const socket = await mutualTls(inboundSocket(world.layout, `default/p${number}-1`), world.authority.root, pems.get(as))
      const { status } = await ask(
        { path, createConnection: () => socket },
        {
          method,
          headers: {
            host: authority,
            ...headers,
            ...(claims === undefined ? {} : tokenOf(claims)),
            'x-forwarded-for': '203.0.113.7',
            ...(address === undefined ? {} : { [MESH_HEADERS.client]: address }),
          },
        },
      )
      socket.destroy()
      const [namespace, account] = as.split('/')
      const principal = `cluster.local/ns/${namespace}/sa/${account}`
      const verdict = evaluatePolicy(given, {
        principal,
        method,
        path,
        host: authority,
        port: 8080,
        headers,
        ...(address === undefined ? {} : { address }),
        ...(claims === undefined ? {} : { claims }),
      })
      const expected = verdict.allowed ? 200 : verdict.because === 'bad-path' ? 400 : 403
      seen.add(status)
      if (status !== expected) differences.push({ as, method, path, authority, address, headers, claims, status, verdict, given })
    }
    expect(JSON.stringify(differences.slice(0, 3), null, 1)).toBe('[]')
    expect([...seen].toSorted((a, b) => a - b)).toEqual([200, 400, 403])
  }, 60_000)
})
