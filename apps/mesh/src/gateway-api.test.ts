import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { parseResource } from '@weft/api'
import { refOf, type Resource } from '@weft/core'
import { testAuthority, type TestAuthority } from './encode/testing/certificates.ts'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'
import { freePort } from './testing/free-port.ts'
import { gatewayCall } from './testing/tls-client.ts'

// The cases are those of the conformance suite of the Gateway API v1.4 (profile GATEWAY-HTTP), as tables.

const GATEWAY_API = 'gateway.networking.k8s.io'
let fixture: Fixture
let authority: TestAuthority
let ports: { readonly http: number; readonly https: number; readonly other: number }

const resource = (kind: string, name: string, spec: unknown, { namespace = 'default', version = 'v1' } = {}): Resource =>
  parseResource({ apiVersion: `${GATEWAY_API}/${version}`, kind, metadata: { name, namespace }, spec })
const http = (name: string, hostname?: string, more: object = {}) => ({
  name,
  port: 80,
  protocol: 'HTTP',
  ...(hostname === undefined ? {} : { hostname }),
  ...more,
})
const gateway = (name: string, ...listeners: readonly object[]) => resource('Gateway', name, { gatewayClassName: 'weft', listeners })
const to = (name: string) => [{ name, port: 8080 }]
const at = (path: string, backend: string) => ({ matches: [{ path: { value: path } }], backendRefs: to(backend) })
const route = (name: string, parents: readonly object[], hostnames: readonly string[], ...rules: readonly object[]) =>
  resource('HTTPRoute', name, { parentRefs: parents, ...(hostnames.length === 0 ? {} : { hostnames }), rules })

/** Writes resources, new or over what is there, and waits until they are in force. */
async function apply(...resources: readonly Resource[]): Promise<void> {
  for (const one of resources) {
    const known = await fixture.store.get(refOf(one))
    const written =
      known === undefined ? await fixture.store.create(one) : await fixture.store.update({ ...one, metadata: { ...known.metadata, ...one.metadata } })
    await fixture.mesh.settled(written.metadata.resourceVersion ?? '', 5_000)
  }
}

async function remove(one: Resource): Promise<void> {
  const { metadata } = await fixture.store.remove(refOf(one))
  await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)
}

/** The function that answered, or the status of another answer. */
async function outcome(host: string, path = '/', more: Partial<Parameters<typeof gatewayCall>[0]> = {}): Promise<string | number> {
  const { status, body } = await gatewayCall({ port: ports.http, host, path, ...more })
  return status === 200 ? (JSON.parse(body) as { name: string }).name : status
}

const tls = (servername: string) => ({ port: ports.https, tls: { servername, root: authority.root } })
const secretOf = (name: string, host: string): Resource => {
  const { certificate, key } = authority.issueFor(host)
  const data = { 'tls.crt': Buffer.from(certificate).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') }
  return parseResource({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, data })
}

beforeAll(async () => {
  ports = { http: await freePort(), https: await freePort(), other: await freePort() }
  fixture = await startFixture({
    layout: (directory) => {
      authority = testAuthority(join(directory, 'authority'))
      return { ingress: { address: '127.0.0.1', port: ports.http, tls: { port: ports.https } } }
    },
  })
  for (const name of ['one', 'two', 'three']) {
    await fixture.deploy(name)
    await fixture.mesh.setReplicas({ namespace: 'default', name: `${name}-v1` }, [await fixture.replica(name)])
  }
  await apply(
    gateway('hosts', http('l1', 'very.specific.com'), http('l2', '*.wildcard.io'), http('l3', '*.anotherwildcard.io')),
    route('s1', [{ name: 'hosts' }], ['non.matching.com', '*.nonmatchingwildcard.io', 'very.specific.com'], at('/s1', 'one')),
    route('s2', [{ name: 'hosts' }], ['non.matching.com', 'wildcard.io', 'foo.wildcard.io', 'foo.bar.wildcard.io'], at('/s2', 'two')),
    route('s3', [{ name: 'hosts' }], ['non.matching.com', '*.specific.com'], at('/s3', 'three')),
    route('s4', [{ name: 'hosts' }], ['*.anotherwildcard.io'], at('/s4', 'one')),
    gateway('listeners', http('b1', 'bar.com'), http('b2', 'foo.bar.com'), http('b3', '*.bar.com'), http('b4', '*.foo.com')),
    route('of-b1', [{ name: 'listeners', sectionName: 'b1' }], [], { backendRefs: to('one') }),
    route('of-b2', [{ name: 'listeners', sectionName: 'b2' }], [], { backendRefs: to('two') }),
    route(
      'of-b3',
      [
        { name: 'listeners', sectionName: 'b3' },
        { name: 'listeners', sectionName: 'b4' },
      ],
      [],
      { backendRefs: to('three') },
    ),
    gateway('shared', http('web', '*.shared.org')),
    route('part1', [{ name: 'shared' }], ['example.shared.org'], at('/', 'one'), {
      matches: [{ headers: [{ name: 'version', value: 'one' }] }],
      backendRefs: to('one'),
    }),
    route('part2', [{ name: 'shared' }], ['example.shared.org'], at('/v2', 'two'), {
      matches: [{ headers: [{ name: 'version', value: 'two' }] }],
      backendRefs: to('two'),
    }),
    secretOf('cert', 'secure.example.org'),
    gateway(
      'secure',
      { name: 'https', port: 443, protocol: 'HTTPS', hostname: 'secure.example.org', tls: { certificateRefs: [{ name: 'cert' }] } },
      http('plain', 'secure.example.org'),
    ),
    route('secure', [{ name: 'secure', sectionName: 'https' }], ['secure.example.org'], at('/', 'one')),
    route('to-https', [{ name: 'secure', sectionName: 'plain' }], [], {
      filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }],
    }),
    gateway('ports', http('other', 'port.example.org', { port: ports.other })),
    route('ports', [{ name: 'ports', port: ports.other }], [], at('/', 'two')),
  )
}, 60_000)
afterAll(async () => fixture?.close())

describe('Gateways of the Gateway API', () => {
  it('are accepted by Envoy whole', async () => {
    const { proxies, findings } = await fixture.mesh.status()
    expect([proxies[0]?.rejected, findings]).toEqual([[], []])
  })

  it.each<readonly [string, string, string | number]>([
    ['very.specific.com', '/s1', 'one'],
    ['very.specific.com:1234', '/s1', 'one'],
    ['non.matching.com', '/s1', 404],
    ['foo.nonmatchingwildcard.io', '/s1', 404],
    ['foo.wildcard.io', '/s1', 404],
    ['very.specific.com', '/non-matching-prefix', 404],
    ['foo.wildcard.io', '/s2', 'two'],
    ['foo.bar.wildcard.io', '/s2', 'two'],
    ['other.wildcard.io', '/s2', 404],
    ['wildcard.io', '/s2', 404],
    ['very.specific.com', '/s3', 'three'],
    ['foo.specific.com', '/s3', 404],
    ['foo.anotherwildcard.io', '/s4', 'one'],
    ['foo.bar.anotherwildcard.io', '/s4', 'one'],
    ['anotherwildcard.io', '/s4', 404],
    ['foo.anotherwildcard.io', '/s1', 404],
    ['bar.com', '/', 'one'],
    ['foo.bar.com', '/', 'two'],
    ['baz.bar.com', '/', 'three'],
    ['multiple.prefixes.bar.com', '/', 'three'],
    ['multiple.prefixes.foo.com', '/', 'three'],
    ['foo.com', '/nothing', 404],
  ])('%s%s: %s', async (host, path, expected) => {
    expect(await outcome(host, path)).toBe(expected)
  })

  it.each<readonly [string, Readonly<Record<string, string>>, string]>([
    ['/', {}, 'one'],
    ['/example', {}, 'one'],
    ['/', { version: 'one' }, 'one'],
    ['/v2', {}, 'two'],
    ['/v2example', {}, 'one'],
    ['/', { version: 'two' }, 'two'],
    ['/v2/', { version: 'one' }, 'two'],
  ])('match across routes: %s %j goes to %s', async (path, headers, expected) => {
    expect(await outcome('example.shared.org', path, { headers })).toBe(expected)
  })

  it('end TLS with the certificate of a Secret, and send plain calls there', async () => {
    expect(await outcome('secure.example.org', '/', tls('secure.example.org'))).toBe('one')
    const { status, headers } = await gatewayCall({ port: ports.http, host: 'secure.example.org', path: '/a?b=c' })
    expect([status, new URL(headers.location ?? '').href]).toEqual([301, 'https://secure.example.org/a?b=c'])
  })

  it('listen on ports of their own', async () => {
    expect(await outcome('port.example.org', '/', { port: ports.other })).toBe('two')
    expect(await outcome('port.example.org')).toBe(404)
  })

  it('say in their status what is in force', async () => {
    const status = async (name: string) => (await fixture.store.get({ group: GATEWAY_API, kind: 'Gateway', namespace: 'default', name }))?.status
    expect(await eventually(() => status('listeners'))).toMatchObject({
      addresses: [{ type: 'IPAddress', value: '127.0.0.1' }],
      conditions: [
        { type: 'Accepted', status: 'True', observedGeneration: 1 },
        { type: 'Programmed', status: 'True', observedGeneration: 1 },
      ],
      listeners: ['b1', 'b2', 'b3', 'b4'].map((name) => ({ name, attachedRoutes: 1 })),
    })
  })

  it('take routes of another namespace when the listener lets them, backends only by a grant, and both can be withdrawn', async () => {
    const open = (from: string) => gateway('open', http('web', 'open.example.org', { allowedRoutes: { namespaces: { from } } }))
    const foreign = resource(
      'HTTPRoute',
      'foreign',
      { parentRefs: [{ name: 'open', namespace: 'default' }], rules: [{ backendRefs: [{ name: 'one', namespace: 'default', port: 8080 }] }] },
      { namespace: 'edge' },
    )
    const from = [{ group: GATEWAY_API, kind: 'HTTPRoute', namespace: 'edge' }]
    const grant = resource('ReferenceGrant', 'edge', { from, to: [{ group: '', kind: 'Service' }] }, { version: 'v1beta1' })
    const becomes = (expected: string | number) => eventually(async () => ((await outcome('open.example.org')) === expected ? true : undefined))
    await apply(open('Same'), foreign)
    await becomes(404)
    await apply(open('All'))
    await becomes(500)
    await apply(grant)
    await becomes('one')
    await remove(grant)
    await becomes(500)
    await apply(grant, open('Same'))
    await becomes(404)
  })

  it('give their calls up with their routes', async () => {
    const gone = route('gone', [{ name: 'shared' }], ['gone.shared.org'], at('/', 'three'))
    await apply(gone)
    await eventually(async () => ((await outcome('gone.shared.org')) === 'three' ? true : undefined))
    await remove(gone)
    await eventually(async () => ((await outcome('gone.shared.org')) === 404 ? true : undefined))
  })
})
