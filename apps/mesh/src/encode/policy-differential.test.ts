import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { evaluatePolicy } from '@weft/mesh-model'
import type { OperationMatch, PolicyRule, SourceMatch, StringMatch, WorkloadPolicy } from '@weft/mesh-model'
import fc from 'fast-check'
import { inboundSocket } from './names.ts'
import type { Pem } from './testing/certificates.ts'
import { host, snapshot, workload } from './testing/model.ts'
import { mutualTls } from './testing/streams.ts'
import { ask, World } from './testing/world.ts'

const SEED = 20_261_121
const POLICIES = 60
const CALLS = 8

const text = (...values: readonly string[]): fc.Arbitrary<StringMatch> =>
  fc.oneof(
    fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const, 'suffix' as const), value: fc.constantFrom(...values) }),
    fc.constant({ kind: 'present' as const }),
  )
const some = (values: fc.Arbitrary<StringMatch>) => fc.array(values, { minLength: 1, maxLength: 2 })
const principals = text('cluster.local/ns/default/sa/control', 'cluster.local/ns/default/sa/evil', 'cluster.local/ns/shop/', '/sa/control', 'cluster.local')
const namespaces = text('default', 'shop', 'sh', 'op')
const methods = text('GET', 'POST', 'P', 'T')
const paths = text('/', '/a', '/a/b', '/a/', '/b', 'b', '/healthz')
const hosts = text('temp.default', 'TEMP', '.default', 'temp')
const ports = fc.array(fc.constantFrom(80, 8080, 9090), { minLength: 1, maxLength: 2 })

const source = fc.record(
  { principals: some(principals), notPrincipals: some(principals), namespaces: some(namespaces), notNamespaces: some(namespaces) },
  { requiredKeys: [] },
) as fc.Arbitrary<SourceMatch>
const operation = fc.record(
  {
    methods: some(methods),
    notMethods: some(methods),
    paths: some(paths),
    notPaths: some(paths),
    hosts: some(hosts),
    notHosts: some(hosts),
    ports,
    notPorts: ports,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<OperationMatch>
const rule: fc.Arbitrary<PolicyRule> = fc.record({
  policy: fc.constant({ group: 'security.istio.io', kind: 'AuthorizationPolicy', namespace: 'default', name: 'p' }),
  index: fc.nat(5),
  sources: fc.array(source, { maxLength: 2 }),
  operations: fc.array(operation, { maxLength: 2 }),
})
const policy: fc.Arbitrary<WorkloadPolicy> = fc.record({
  deny: fc.array(rule, { maxLength: 2 }),
  allow: fc.option(fc.array(rule, { maxLength: 3 }), { nil: undefined }),
})
const call = fc.record({
  as: fc.constantFrom('default/control', 'default/evil', 'shop/control', 'default/op'),
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  path: fc.constantFrom('/', '/a', '/a/b', '/a/../b', '//a', '/a//b?x=/healthz', '/healthz', '/healthz/', '/%61/b', '/b%2fa', '/a/./b', '/A'),
  host: fc.constantFrom('temp.default', 'temp.default:8080', 'temp', 'Temp:80', 'other.default'),
})

const policies = fc.sample(policy, { seed: SEED, numRuns: POLICIES })
const calls = fc.sample(call, { seed: SEED, numRuns: POLICIES * CALLS })

let world: World
const pems = new Map<string, Pem>()

beforeAll(async () => {
  const all = policies.map((each, index) => workload(`p${index}`, { policy: each }))
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

describe('a policy in Envoy and in the model', () => {
  it(`say the same of ${POLICIES * CALLS} calls`, async () => {
    expect(world.plane.refused).toEqual([])
    const differences: unknown[] = []
    const seen = new Set<number>()
    for (const [index, { as, method, path, host: authority }] of calls.entries()) {
      const number = index % POLICIES
      const given = policies[number]
      if (given === undefined) continue
      const socket = await mutualTls(inboundSocket(world.layout, `default/p${number}-1`), world.authority.root, pems.get(as))
      const { status } = await ask({ path, createConnection: () => socket }, { method, headers: { host: authority } })
      socket.destroy()
      const [namespace, account] = as.split('/')
      const verdict = evaluatePolicy(given, { principal: `cluster.local/ns/${namespace}/sa/${account}`, method, path, host: authority, port: 8080 })
      const expected = verdict.allowed ? 200 : verdict.because === 'bad-path' ? 400 : 403
      seen.add(status)
      if (status !== expected) differences.push({ as, method, path, authority, status, verdict, given })
    }
    expect(JSON.stringify(differences.slice(0, 3), null, 1)).toBe('[]')
    expect([...seen].toSorted((a, b) => a - b)).toEqual([200, 400, 403])
  }, 60_000)
})
