import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { parseAllDocuments } from 'yaml'
import { TYPE_URLS } from './names.ts'
import { host, layout, replica, route, snapshot, workload } from './testing/model.ts'
import { compiledWith, functionOf } from './testing/resources.ts'
import { Validation, type ValidatedNode } from './testing/validate.ts'
import { WholeEncoder } from './testing/whole.ts'
import { World } from './testing/world.ts'
import type { Collector, Json, TelemetrySettings } from './types.ts'

const node = new WholeEncoder().encode({
  snapshot: snapshot([workload('a'), workload('b')], [host('a'), host('b')]),
  node: 'node-1',
  layouts: new Map([['node-1', layout('/run/weft', { ingress: { address: '127.0.0.1', port: 8080 } })]]),
  replicas: new Map([['default/a-1', [replica('r', '/s/in', '/s/out')]]]),
  demand: { virtualHosts: new Set(['outbound/default/a-1/b']), clusters: new Set(['pair/weft-system/ingress/default/b-1']) },
})

function validated(...nodes: readonly ValidatedNode[]): Promise<string | undefined> {
  const validation = new Validation()
  for (const each of nodes) validation.add(each)
  return validation.run()
}

type Kind = Exclude<keyof ValidatedNode, 'endpoints'>
const URLS: Readonly<Record<Kind, string>> = {
  listeners: TYPE_URLS.listener,
  clusters: TYPE_URLS.cluster,
  routes: TYPE_URLS.route,
  virtualHosts: TYPE_URLS.virtualHost,
  scopedRoutes: TYPE_URLS.scopedRoute,
  extensions: TYPE_URLS.extension,
  credentials: TYPE_URLS.secret,
}
const ANY = 'type.googleapis.com/envoy.extensions.filters'
const broken = (kind: Kind, name: string, json: Json): ValidatedNode => ({ [kind]: new Map([[name, { typeUrl: URLS[kind], name, json: { name, ...json } }]]) })
const badRegex = { safe_regex: { regex: '(' } }
const hosts = (match: Json) => [{ name: 'v', domains: ['*'], routes: [{ match, direct_response: { status: 200 } }] }]

describe('what Envoy says of a configuration before it serves', () => {
  it('is nothing when it is right, of many worlds at once', async () => {
    const other = broken('clusters', 'missing', { type: 'STATIC', connect_timeout: { seconds: 1 }, load_assignment: { cluster_name: 'missing' } })
    expect(await validated(node, node, other)).toBeUndefined()
  })

  it.each<[string, ValidatedNode, RegExp]>([
    ['a filter of a listener', broken('listeners', 'l', { internal_listener: {}, filter_chains: [{ filters: [{ name: 'none.of.ours' }] }] }), /none\.of\.ours/],
    ['a path of a socket', broken('listeners', 'l', { address: { pipe: { path: `/${'x'.repeat(120)}` } } }), /exceeds maximum/],
    ['a cluster', broken('clusters', 'c', { type: 'STATIC', lb_policy: 'CLUSTER_PROVIDED' }), /provided LB/],
    [
      'an endpoint of a cluster',
      {
        ...broken('clusters', 'c', { type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } } }),
        endpoints: new Map([
          [
            'c',
            {
              typeUrl: TYPE_URLS.endpoints,
              name: 'c',
              json: {
                cluster_name: 'c',
                endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'no-address', port_value: 1 } } } }] }],
              },
            },
          ],
        ]),
      },
      /no-address/,
    ],
    ['a route', broken('routes', 'r', { virtual_hosts: hosts(badRegex) }), /missing \)/],
    ['a virtual host', broken('virtualHosts', 'v', { domains: ['*'], routes: [{ match: badRegex, direct_response: { status: 200 } }] }), /missing \)/],
    ['a scope', broken('scopedRoutes', 's', { route_configuration_name: 'r' }), /Key/i],
    [
      'a filter that is sent by itself',
      broken('extensions', 'x', {
        typed_config: { '@type': `${ANY}.http.rbac.v3.RBAC`, rules: { action: 'ALLOW', policies: { p: { permissions: [{ any: true }] } } } },
      }),
      /Principals/i,
    ],
    [
      'a certificate',
      broken('credentials', 'identity/default/a', { tls_certificate: { certificate_chain: { inline_string: 'no' }, private_key: { inline_string: 'no' } } }),
      /certificate|chain/i,
    ],
  ])('names what is wrong with %s', async (_, bad, words) => {
    expect(await validated(node, bad)).toMatch(words)
  })
})

describe('a world of these tests', () => {
  it('does not end well when a configuration that it had is not taken', async () => {
    const wrong = route('default/a-1', { matches: [{ path: { match: { kind: 'regex', value: '(' }, ignoreCase: false }, headers: [], queryParameters: [] }] })
    const world = await World.start(snapshot([workload('a')], [host('a', [wrong])]))
    await expect(world.stop()).rejects.toThrow('missing )')
  })
})

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const [BOOKINFO, ISTIO, COLD_ROOM, SECURITY] = ['functions/bookinfo/mesh', 'test/e2e/fixtures/istio-bookinfo', 'functions/cold-room/mesh', 'functions/security']
const COLLECTOR: Collector = { protocol: 'grpc', host: 'collector.test', port: 4317, path: '' }
const PLAIN: TelemetrySettings = { accessLog: { format: 'json', only: 'all' } }
const TELEMETRY: readonly TelemetrySettings[] = [
  { accessLog: { format: 'text', only: 'errors' }, tracing: { collector: COLLECTOR, samplingPercent: 1 } },
  {
    accessLog: { format: 'otlp', only: 'errors', collector: { ...COLLECTOR, protocol: 'http/protobuf', path: '/x' } },
    tracing: { collector: { ...COLLECTOR, protocol: 'http/protobuf' }, samplingPercent: 100 },
  },
]

const filesOf = (directory: string) => readdirSync(join(ROOT, directory)).flatMap((file) => (file.endsWith('.yaml') ? [join(directory, file)] : []))

/** Resources of a file that say nothing of a namespace are in `default`. */
function resourcesOf(file: string): readonly Resource[] {
  const documents = parseAllDocuments(readFileSync(join(ROOT, file), 'utf8')).map((document) => document.toJS() as Resource | null)
  return documents.flatMap((resource) =>
    resource?.kind === undefined ? [] : [{ ...resource, metadata: { ...resource.metadata, namespace: resource.metadata.namespace ?? 'default' } }],
  )
}

/** Everything that a node has when each function is called by the first. */
function wholeOf(resources: readonly Resource[], path: MeshSnapshot['path'], telemetry: TelemetrySettings): ValidatedNode {
  const world = compiledWith(resources, path)
  const replicas = new Map([...world.workloads.keys()].map((key, index) => [key, [replica(`r${index}`, `/s/in${index}`, `/s/out${index}`)]]))
  const names = [...world.hosts.values()].flatMap(({ name, ports }) => ports.map((port) => `${name}:${port}`))
  const [caller = ''] = world.workloads.keys()
  const virtualHosts = new Set(names.map((name) => `outbound/${caller}/${name}`))
  const ingress = { address: '127.0.0.1', port: 8080, tls: { port: 8443 } }
  const layouts = new Map([['node-1', layout('/run/weft', { ingress, telemetry })]])
  return new WholeEncoder().encode({ snapshot: world, node: 'node-1', layouts, replicas, demand: { virtualHosts, clusters: new Set() } })
}

const bookinfo = [...functionOf('productpage'), ...functionOf('details', 2), ...functionOf('reviews', 3), ...functionOf('ratings', 2)]
const coldRoom = ['control', 'temp', 'tempv1', 'tempv2', 'thermostat', 'humidity', 'hello', 'frontend'].flatMap((name) => functionOf(name, 2))
const services = filesOf(BOOKINFO).flatMap(resourcesOf)
const SUBSETS = resourcesOf(join(ISTIO, 'destination-rule-all.yaml'))

describe('files that people have', () => {
  it.each<[string, readonly (readonly Resource[])[]]>([
    ['Istio’s Bookinfo', filesOf(ISTIO).map((file) => [...bookinfo, ...services, ...SUBSETS, ...resourcesOf(file)])],
    ['the samples', [COLD_ROOM, SECURITY].flatMap(filesOf).map((file) => [...coldRoom, ...resourcesOf(file)])],
  ])(
    'of %s become configurations that Envoy takes, with all kinds of telemetry',
    async (_, worlds) => {
      const validation = new Validation()
      for (const resources of worlds) validation.add(wholeOf(resources, 'encrypted', PLAIN))
      validation.add(wholeOf(worlds[0] ?? [], 'direct', PLAIN))
      for (const telemetry of TELEMETRY) validation.add(wholeOf(worlds[0] ?? [], 'encrypted', telemetry))
      expect(validation.size).toBeGreaterThan(100)
      expect(await validation.run()).toBeUndefined()
    },
    60_000,
  )
})
