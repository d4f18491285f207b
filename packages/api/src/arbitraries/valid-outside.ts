import fc from 'fast-check'
import { validName } from './names.ts'
import { labels, maybe, documentOf, ISTIO, type Document, type World } from './pieces.ts'

const outsideName = validName().map((name) => `${name}.example.org`)

/** ServiceEntries of Istio, in all its versions. Their endpoints are addresses for documentation (RFC 5737). */
export function validServiceEntry(world: World = {}): fc.Arbitrary<Document> {
  const ports = fc.constantFrom<unknown>(
    [{ number: 80, name: 'http', protocol: 'HTTP' }],
    [{ number: 443, name: 'tls', protocol: 'TLS' }],
    [
      { number: 80, name: 'http' },
      { number: 5432, name: 'db', protocol: 'tcp' },
    ],
  )
  const common = {
    ports,
    location: maybe(fc.constantFrom('MESH_EXTERNAL', 'MESH_INTERNAL')),
    exportTo: maybe(fc.constantFrom(['.'], ['*'], ['default', 'dev'])),
  }
  const endpoint = fc.record({
    address: fc.constantFrom('192.0.2.1', '198.51.100.7', '2001:db8::1'),
    labels: maybe(labels),
    weight: maybe(fc.constantFrom(1, 100)),
  })
  const spec = fc.oneof(
    fc.record({
      ...common,
      hosts: fc.uniqueArray(fc.oneof(outsideName, fc.constant('*.example.net')), { minLength: 1, maxLength: 2 }),
      resolution: maybe(fc.constant('NONE')),
    }),
    fc.record({ ...common, hosts: fc.tuple(outsideName), resolution: fc.constantFrom('DNS', 'DNS_ROUND_ROBIN') }),
    fc.record({
      ...common,
      hosts: fc.tuple(outsideName),
      resolution: fc.constant('STATIC'),
      addresses: maybe(fc.constantFrom(['203.0.113.0/24'], ['203.0.113.7'])),
      endpoints: fc.array(endpoint, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ ...common, hosts: fc.tuple(outsideName), resolution: fc.constant('STATIC'), workloadSelector: fc.record({ labels }) }),
  )
  return documentOf(world, ISTIO, 'ServiceEntry', fc.record({ spec }))
}

/** WorkloadEntries of Istio, in all its versions. */
export function validWorkloadEntry(world: World = {}): fc.Arbitrary<Document> {
  const spec = fc.record({ address: fc.constantFrom('192.0.2.9', 'vm.example.org'), labels: maybe(labels), ports: maybe(fc.constant({ http: 8080 })) })
  return documentOf(world, ISTIO, 'WorkloadEntry', fc.record({ spec }))
}
