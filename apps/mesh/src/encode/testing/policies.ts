import type { AddressBlock, OperationMatch, PathMatch, PolicyCondition, PolicyRule, SourceMatch, StringMatch, WorkloadPolicy } from '@weft/mesh-model'
import fc from 'fast-check'

const text = (...values: readonly string[]): fc.Arbitrary<StringMatch> =>
  fc.oneof(
    fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const, 'suffix' as const), value: fc.constantFrom(...values) }),
    fc.constant({ kind: 'present' as const }),
  )
const some = <T>(values: fc.Arbitrary<T>) => fc.array(values, { minLength: 1, maxLength: 2 })
const principals = text('cluster.local/ns/default/sa/control', 'cluster.local/ns/default/sa/evil', 'cluster.local/ns/shop/', '/sa/control', 'cluster.local')
const namespaces = text('default', 'shop', 'sh', 'op')
const methods = text('GET', 'POST', 'P', 'T')
const paths: fc.Arbitrary<PathMatch> = fc.oneof(
  text('/', '/a', '/a/b', '/a/', '/b', 'b', '/healthz'),
  fc.record({ kind: fc.constant('template' as const), value: fc.constantFrom('/{*}', '/a/{*}', '/{*}/b', '/a/{**}', '/{**}') }),
)
const hosts = text('temp.default:8080', 'temp.default', 'TEMP', '.default', 'temp')
const ports = fc.array(fc.constantFrom(80, 8080, 9090), { minLength: 1, maxLength: 2 })

const tokens = fc.record({
  issuer: text('https://a.example', 'https://b.example', 'https://', 'example'),
  subject: text('jason', 'ja', 'son', 'https://a.example'),
})

const blocks: fc.Arbitrary<AddressBlock> = fc.constantFrom(
  { address: '203.0.113.7', bits: 32 },
  { address: '203.0.113.0', bits: 24 },
  { address: '0.0.0.0', bits: 0 },
  { address: '2001:db8::', bits: 32 },
)

const source = fc.record(
  {
    ipBlocks: some(blocks),
    notIpBlocks: some(blocks),
    remoteIpBlocks: some(blocks),
    notRemoteIpBlocks: some(blocks),
    principals: some(principals),
    notPrincipals: some(principals),
    namespaces: some(namespaces),
    notNamespaces: some(namespaces),
    requestPrincipals: some(tokens),
    notRequestPrincipals: some(tokens),
  },
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
const values = text('a', 'b', 'ab', 'a, b', 'é')
const condition = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      { kind: fc.constant('header'), name: fc.constantFrom('x-a', 'x-b'), values: some(values), notValues: some(values) },
      { requiredKeys: ['kind', 'name'] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('source'), source }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('operation'), operation }) },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        kind: fc.constant('claim'),
        path: fc.constantFrom(['aud'], ['azp'], ['groups'], ['scope'], ['a', 'b'], ['number']),
        values: some(values),
        notValues: some(values),
      },
      { requiredKeys: ['kind', 'path'] },
    ),
  },
) as fc.Arbitrary<PolicyCondition>
const rule: fc.Arbitrary<PolicyRule> = fc.record({
  conditions: fc.array(condition, { maxLength: 2 }),
  policy: fc.constant({ group: 'security.istio.io', kind: 'AuthorizationPolicy', namespace: 'default', name: 'p' }),
  index: fc.nat(5),
  sources: fc.oneof(fc.constant([]), fc.array(source, { maxLength: 2 })),
  operations: fc.oneof(fc.constant([]), fc.array(operation, { maxLength: 2 })),
})
/** Policies of every kind of condition, over few values, so that calls of few kinds meet them. */
export const anyPolicy: fc.Arbitrary<WorkloadPolicy> = fc.record({
  deny: fc.array(rule, { maxLength: 2 }),
  allow: fc.option(fc.array(rule, { maxLength: 3 }), { nil: undefined }),
})
