import { describe, expect, it } from '@jest/globals'
import { refKey, refOf, type Resource } from '@weft/core'
import * as fc from 'fast-check'
import {
  aFunction,
  aGrpcRoute,
  aHttpListener,
  aHttpRoute,
  anApiGateway,
  aReferenceGrant,
  aRevision,
  aSecret,
  aService,
  aVirtualService,
  newCompiler,
  removed,
  set,
} from '../../test/resources.ts'
import type { Change, MeshSnapshot } from '../index.ts'

const names = fc.constantFrom('a', 'b')
const namespaces = fc.constantFrom('default', 'team')
const created = fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z')
const place = { namespace: namespaces, created }
const hostnames = fc.uniqueArray(fc.constantFrom('a.org', '*.a.org', 'x.a.org'), { maxLength: 2 })

const anyFunction = fc.record({ name: names, ...place }).map(({ name, ...parts }) => aFunction(name, { ...parts, traffic: { v1: 100 } }))
const anyRevision = fc.record({ name: names, ...place }).map(({ name, ...parts }) => aRevision(name, 'v1', parts))
const anyService = fc.record({ name: names, app: names, ...place }).map(({ name, app, ...parts }) => aService(name, { app }, parts))
const anyVirtualService = fc
  .record({ name: names, host: names, ...place })
  .map(({ name, host, ...parts }) => aVirtualService(name, { hosts: [host], http: [{ route: [{ destination: { host } }] }] }, parts))
const parent = fc.oneof(
  fc.record({
    group: fc.constant(''),
    kind: fc.constant('Service'),
    name: names,
    namespace: namespaces,
    port: fc.option(fc.constantFrom(80, 99), { nil: undefined }),
  }),
  fc.record({ group: fc.constant('weft.dev'), kind: fc.constant('Function'), name: names }),
  fc.record({ name: names, namespace: namespaces, sectionName: fc.option(fc.constantFrom('l0', 'l1'), { nil: undefined }) }),
)
const backend = fc.record({ name: fc.constantFrom('a', 'b', 'ghost'), namespace: namespaces, port: fc.constant(8080), weight: fc.nat(3) })
const rule = fc.record({
  matches: fc.array(fc.constantFrom({ path: { value: '/a' } }, { method: 'GET' }, { path: { type: 'Exact', value: '/a/b' } }), { maxLength: 2 }),
  backendRefs: fc.array(backend, { maxLength: 2 }),
})
const parents = fc.uniqueArray(parent, { maxLength: 3, selector: (one) => JSON.stringify(one) })
const anyRoute = fc
  .record({ name: names, grpc: fc.boolean(), parentRefs: parents, hostnames, rules: fc.array(rule, { maxLength: 2 }), ...place })
  .map(({ name, grpc, parentRefs, hostnames: hosts, rules, ...parts }) =>
    grpc
      ? aGrpcRoute(name, { parentRefs, hostnames: hosts, rules: rules.map(({ backendRefs }) => ({ backendRefs })) }, parts)
      : aHttpRoute(name, { parentRefs, hostnames: hosts, rules }, parts),
  )
const allowedRoutes = fc.constantFrom<object>(
  {},
  { namespaces: { from: 'All' } },
  { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'x' } } } },
  { kinds: [{ kind: 'GRPCRoute' }] },
)
const listener = fc.record({
  hostname: fc.constantFrom('*.a.org', 'x.a.org'),
  port: fc.constantFrom(80, 9000),
  secure: fc.boolean(),
  allowedRoutes,
  certificate: namespaces,
})
const anyGateway = fc
  .record({ name: names, className: fc.constantFrom('weft', 'mine', 'other'), listeners: fc.array(listener, { minLength: 1, maxLength: 2 }), ...place })
  .map(({ name, listeners, ...parts }) =>
    anApiGateway(
      name,
      listeners.map(({ secure, certificate, ...rest }, index) => ({
        ...aHttpListener(`l${index}`, rest),
        ...(secure ? { protocol: 'HTTPS', port: 443, tls: { certificateRefs: [{ name: 'cert', namespace: certificate }] } } : {}),
      })),
      parts,
    ),
  )
const anyClass = fc.constantFrom('weft.dev/gateway-controller', 'example.org/other').map((controllerName): Resource => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: 'mine' },
  spec: { controllerName },
}))
const anyGrant = fc
  .record({ name: names, kind: fc.constantFrom('HTTPRoute', 'GRPCRoute', 'Gateway'), from: namespaces, to: fc.constantFrom('Service', 'Secret'), ...place })
  .map(({ name, kind, from, to, ...parts }) =>
    aReferenceGrant(name, { from: [{ group: 'gateway.networking.k8s.io', kind, namespace: from }], to: [{ group: '', kind: to }] }, parts),
  )
const anyNamespace = fc
  .record({ name: namespaces, team: fc.constantFrom('x', 'y') })
  .map(({ name, team }): Resource => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { team } } }))
const anySecret = fc
  .record({ ...place, whole: fc.boolean() })
  .map(({ whole, ...parts }) => aSecret('cert', whole ? { 'tls.crt': 'YQ==', 'tls.key': 'YQ==' } : { 'tls.crt': 'YQ==' }, parts))
const anyResource: fc.Arbitrary<Resource> = fc.oneof(
  { weight: 3, arbitrary: anyFunction },
  { weight: 3, arbitrary: anyRevision },
  { weight: 1, arbitrary: anyService },
  { weight: 1, arbitrary: anyVirtualService },
  { weight: 5, arbitrary: anyRoute },
  { weight: 4, arbitrary: anyGateway },
  { weight: 1, arbitrary: anyClass },
  { weight: 2, arbitrary: anyGrant },
  { weight: 2, arbitrary: anyNamespace },
  { weight: 2, arbitrary: anySecret },
)
const anyChange: fc.Arbitrary<Change> = fc
  .tuple(anyResource, fc.integer({ min: 0, max: 3 }))
  .map(([changed, die]) => (die === 0 ? removed(changed) : set(changed)))

const sorted = (map: ReadonlyMap<string, unknown>) => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1))
/** Everything that Gateways and routes have a say in. */
function contentOf({ workloads, hosts, gateways, listeners, gatewayHosts, chainNames, credentials, findings, statuses }: MeshSnapshot): unknown {
  return { findings, maps: [workloads, hosts, gateways, listeners, gatewayHosts, chainNames, credentials, statuses].map(sorted) }
}

function leftOf(changes: readonly Change[]): readonly Resource[] {
  const left = new Map<string, Resource>()
  for (const change of changes) {
    const key = refKey(change.type === 'set' ? refOf(change.resource) : change.ref)
    left.delete(key)
    if (change.type === 'set') left.set(key, change.resource)
  }
  return [...left.values()]
}

describe('Gateways and routes of the Gateway API', () => {
  it('mean the same, and say the same in their status, in whatever order and batches they came', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 30 }), fc.integer({ min: 2, max: 7 }), (changes, size) => {
        const single = newCompiler()
        for (const change of changes) single.apply([change])
        const batched = newCompiler()
        for (let i = 0; i < changes.length; i += size) batched.apply(changes.slice(i, i + size))
        const full = newCompiler().apply(leftOf(changes).toReversed().map(set)).snapshot
        expect(contentOf(single.snapshot)).toEqual(contentOf(full))
        expect(contentOf(batched.snapshot)).toEqual(contentOf(full))
      }),
      { numRuns: 300 },
    )
  })
})
