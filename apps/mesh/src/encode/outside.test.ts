import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { CompilerSettings, MeshSnapshot } from '@weft/mesh-model'
import { trafficOf } from '../statistics/traffic.ts'
import { startNameGuard } from '../name-guard/server.ts'
import type { NameGuard } from '../name-guard/server.ts'
import { compiled, functionOf, networking, virtualService } from './testing/resources.ts'
import { tunnel } from './testing/streams.ts'
import { ask, mirror, World } from './testing/world.ts'
import type { Answer } from './testing/world.ts'

const CALLER = 'default/control-v1'
const FUNCTIONS = [...functionOf('control'), ...functionOf('temp')]

/** What the test's name server says. 127.0.0.2 stands for an address that must not be reached. */
const NAMES: Record<string, readonly string[]> = {
  'named.example.org': ['127.0.0.1'],
  'secure.example.org': ['127.0.0.1'],
  'a.wild.example.org': ['127.0.0.1'],
  'evil.example.org': ['127.0.0.1', '127.0.0.2'],
  'b.evil.example.org': ['127.0.0.2'],
  'c.far.example.org': ['192.0.2.1'],
}

const source = {
  async resolve4(name: string): Promise<string[]> {
    const found = NAMES[name]
    if (found === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    return [...found]
  },
  async resolve6(): Promise<string[]> {
    return []
  },
}

const servers: (http.Server | net.Server)[] = []
const guards: NameGuard[] = []

async function portOf(server: http.Server | net.Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function guard(strict: boolean): Promise<{ readonly port: number }> {
  const running = await startNameGuard({ refused: ['127.0.0.2/32'], strict, source })
  guards.push(running)
  return running
}

const named = (name: string) =>
  http.createServer((request, response) => {
    response.setHeader('x-server', name)
    if (request.url !== '/never') mirror(request, response)
  })

let world: World
let plain: number
let second: number
let failing: number
let secure: number
let otherTls: number
let echo: number
let roots: string
let calls = 0
let pair: { readonly cert: string; readonly key: string }

beforeAll(async () => {
  plain = await portOf(named('one'))
  second = await portOf(named('two'))
  failing = await portOf(
    http.createServer((_request, response) => {
      calls += 1
      response.writeHead(calls % 2 === 1 ? 503 : 200).end()
    }),
  )
  echo = await portOf(net.createServer((socket) => socket.on('error', () => undefined).pipe(socket)))
  world = await World.start(compiled(FUNCTIONS), async (starting) => void (await starting.addReplica(CALLER), await starting.addReplica('default/temp-v1')), {
    outsideNames: await guard(true),
    nameGuard: await guard(false),
    ownAddresses: [],
  })
  const { certificate: cert, key } = world.authority.issueFor('secure.example.org')
  pair = { cert, key }
  const wild = world.authority.issueFor('*.wild.example.org')
  const byName = (name: string, done: (error: Error | null, context?: tls.SecureContext) => void) =>
    done(null, tls.createSecureContext(name.endsWith('wild.example.org') ? { cert: wild.certificate, key: wild.key } : { cert, key }))
  secure = await portOf(https.createServer({ cert, key, SNICallback: byName }, mirror))
  const other = world.authority.issueFor('other.example.org')
  otherTls = await portOf(https.createServer({ cert: other.certificate, key: other.key }, mirror))
  roots = join(world.directory, 'roots.pem')
  world.files.set(roots, world.authority.root)
})

afterAll(async () => {
  await world?.stop()
  await Promise.all(servers.map((server) => new Promise((resolve) => (server.close(resolve), 'closeAllConnections' in server && server.closeAllConnections()))))
  await Promise.all(guards.map((running) => running.close()))
})

async function apply(resources: readonly Resource[], settings: Partial<CompilerSettings> = {}): Promise<MeshSnapshot> {
  const snapshot = compiled([...FUNCTIONS, ...resources], 'encrypted', settings)
  await world.apply(snapshot)
  expect(world.plane.refused).toEqual([])
  return snapshot
}

const REGISTRY_ONLY = { outbound: 'REGISTRY_ONLY' } as const

/** A ServiceEntry of one host, called `outside`. */
function outside(spec: object, more: { readonly host?: string; readonly port?: object; readonly namespace?: string } = {}): Resource {
  const { host = 'api.example.org', port, namespace } = more
  return networking('ServiceEntry', 'outside', { hosts: [host], ports: [{ number: 80, name: 'http', protocol: 'HTTP', ...port }], ...spec }, namespace)
}

const at = (port: number, more: object = {}) => ({ address: '127.0.0.1', ports: { http: port }, ...more })

const codeOf = ({ status, body }: Answer) => [status, status < 400 ? undefined : (JSON.parse(body) as { error: { code: string } }).error.code]

/** HTTPS through CONNECT; `servername` is the server name that TLS says. @returns what came back, or why nothing did */
async function overTls(authority: string, servername: string): Promise<string> {
  const socket = await tunnel(world.outbound(CALLER), authority)
  if (typeof socket === 'number') return `refused ${socket}`
  return await new Promise((resolve) => {
    const secured = tls.connect({ socket, servername, ca: world.authority.root, checkServerIdentity: () => undefined })
    secured.on('error', () => resolve('closed'))
    secured.on('close', () => resolve('closed'))
    secured.on('secureConnect', () => {
      void ask({ path: '/', createConnection: () => secured }, { headers: { host: authority } }).then(
        ({ status }) => resolve(String(status)),
        () => resolve('closed'),
      )
    })
  })
}

describe('a host outside that a ServiceEntry names', () => {
  it('is reached on this machine only because of it', async () => {
    await apply([])
    expect((await world.from(CALLER, `http://127.0.0.1:${plain}/`)).status).toBe(403)
    await apply([outside({ resolution: 'STATIC', endpoints: [at(plain)] })])
    const answer = await world.from(CALLER, 'http://api.example.org/a?b=c')
    expect([answer.status, answer.headers['x-server'], answer.json().url, answer.json().headers['host']]).toEqual([200, 'one', '/a?b=c', 'api.example.org'])
    expect(Object.keys(answer.json().headers).filter((name) => name.startsWith('x-weft-') || name === 'x-forwarded-client-cert')).toEqual([])
    expect((await world.from(CALLER, `http://127.0.0.1:${plain}/`)).status).toBe(403)
    expect((await world.from(CALLER, `http://api.example.org:${plain}/`)).status).not.toBe(200)
  })

  it('is reached again when a change is in force, and not when it has gone', async () => {
    await apply([outside({ resolution: 'STATIC', endpoints: [at(second)] })])
    expect((await world.from(CALLER, 'http://api.example.org/')).headers['x-server']).toBe('two')
    await apply([], REGISTRY_ONLY)
    expect(codeOf(await world.from(CALLER, 'http://api.example.org/'))).toEqual([502, 'HOST_NOT_REGISTERED'])
  })

  it('is resolved by its name, or by those of its endpoints', async () => {
    await apply([outside({ resolution: 'DNS' }, { host: 'named.example.org', port: { targetPort: plain } })])
    expect((await world.from(CALLER, 'http://named.example.org/')).headers['x-server']).toBe('one')
    await apply([outside({ resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'named.example.org', ports: { http: second } }] })])
    expect((await world.from(CALLER, 'http://api.example.org/')).headers['x-server']).toBe('two')
    await apply([outside({ resolution: 'NONE' }, { host: 'named.example.org', port: { number: plain } })])
    expect((await world.from(CALLER, `http://named.example.org:${plain}/`)).headers['x-server']).toBe('one')
  })

  it('of which a name stands for an address that must not be reached is not reached, whatever other addresses it has', async () => {
    for (const resolution of ['DNS', 'DNS_ROUND_ROBIN', 'NONE']) {
      await apply([outside({ resolution }, { host: 'evil.example.org', port: { number: plain } })])
      expect([503, 'NO_REPLICA']).toEqual(codeOf(await world.from(CALLER, `http://evil.example.org:${plain}/`)))
    }
  })

  it('is called by an address that it names, and by no other', async () => {
    await apply([outside({ addresses: ['127.0.0.1'], resolution: 'NONE' }, { port: { number: plain } })])
    expect((await world.from(CALLER, `http://127.0.0.1:${plain}/`)).headers['x-server']).toBe('one')
    expect((await world.from(CALLER, `http://127.0.0.3:${plain}/`)).status).toBe(403)
    await apply([outside({ addresses: ['10.9.0.0/16'], resolution: 'STATIC', endpoints: [at(second)] })])
    expect((await world.from(CALLER, 'http://10.9.8.7/')).headers['x-server']).toBe('two')
    expect((await world.from(CALLER, 'http://10.8.8.7/')).status).toBe(403)
  })

  it('is never the platform itself', async () => {
    const platform = { platform: { addresses: ['127.0.0.0/8'], ports: [plain] } }
    const snapshot = (resources: readonly Resource[]) => compiled([...FUNCTIONS, ...resources], 'encrypted', platform)
    expect(() => snapshot([outside({ resolution: 'STATIC', endpoints: [at(plain)] })])).toThrow(
      /PlatformAddress: the endpoint 127\.0\.0\.1 is where the platform itself listens/,
    )
    Object.assign(world.layout, { platformPorts: [plain] })
    await apply([outside({ addresses: ['127.0.0.0/8'], resolution: 'NONE' }, { port: { number: plain } })])
    expect((await world.from(CALLER, `http://127.0.0.5:${plain}/`)).status).toBe(503)
    expect(await overTls(`127.0.0.5:${plain}`, 'api.example.org')).not.toBe('200')
    Object.assign(world.layout, { platformPorts: [] })
  })

  it('has the WorkloadEntries that it selects as its endpoints', async () => {
    const entry = (name: string, port: number, labels: object) => networking('WorkloadEntry', name, { address: '127.0.0.1', ports: { http: port }, labels })
    const selecting = outside({ resolution: 'STATIC', workloadSelector: { labels: { app: 'legacy' } } })
    await apply([selecting, entry('one', plain, { app: 'other' }), entry('two', second, { app: 'legacy' })])
    expect((await world.from(CALLER, 'http://api.example.org/')).headers['x-server']).toBe('two')
  })

  it('is passed on as bytes where its port is TCP', async () => {
    await apply(
      [outside({ resolution: 'STATIC', endpoints: [{ address: '127.0.0.1' }] }, { port: { number: 5432, name: 'db', protocol: 'TCP', targetPort: echo } })],
      REGISTRY_ONLY,
    )
    const socket = await tunnel(world.outbound(CALLER), 'api.example.org:5432')
    if (typeof socket === 'number') throw new Error(`refused: ${socket}`)
    const heard = new Promise((resolve) => socket.once('data', (data: Buffer) => resolve(data.toString())))
    socket.write('hello')
    expect(await heard).toBe('hello')
    socket.destroy()
    expect(codeOf(await world.from(CALLER, 'http://api.example.org:5432/'))).toEqual([501, 'USE_CONNECT'])
    expect(await tunnel(world.outbound(CALLER), 'api.example.org:5433')).toBe(502)
  })
})

describe('where only registered hosts may be called', () => {
  const registered = () => [
    outside(
      { resolution: 'STATIC', endpoints: [{ address: '127.0.0.1' }] },
      { host: 'secure.example.org', port: { number: 443, name: 'tls', protocol: 'TLS', targetPort: secure } },
    ),
    networking('ServiceEntry', 'wild', { hosts: ['*.wild.example.org', '*.evil.example.org'], ports: [{ number: secure, name: 'tls', protocol: 'HTTPS' }] }),
  ]

  it.each<[string, () => string, string, string]>([
    ['its own name', () => 'secure.example.org:443', 'secure.example.org', '200'],
    ['another registered name', () => 'secure.example.org:443', 'a.wild.example.org', 'closed'],
    ['a name that is not registered', () => 'secure.example.org:443', 'hidden.example.org', 'closed'],
    ['no name', () => 'secure.example.org:443', '', 'closed'],
    ['a name below its wildcard', () => `a.wild.example.org:${secure}`, 'a.wild.example.org', '200'],
    ['a name outside of its wildcard', () => `a.wild.example.org:${secure}`, 'secure.example.org', 'closed'],
    ['a name below its wildcard that stands for a refused address', () => `b.evil.example.org:${secure}`, 'b.evil.example.org', 'closed'],
  ])('TLS goes through CONNECT with %s as its server name or not', async (_, authority, serverName, expected) => {
    await apply(registered(), REGISTRY_ONLY)
    expect(await overTls(authority(), serverName)).toBe(expected)
  })

  it.each([['hidden.example.org:443'], ['secure.example.org:444'], ['wild.example.org:443']])('CONNECT to %s is refused', async (authority) => {
    await apply(registered(), REGISTRY_ONLY)
    expect(await overTls(authority, authority.replace(/:.*/, ''))).toBe('refused 502')
  })

  it('a name below a wildcard is resolved and called; others say why they are not', async () => {
    const policy = networking('DestinationRule', 'far', { host: '*.far.example.org', trafficPolicy: { connectionPool: { tcp: { connectTimeout: '50ms' } } } })
    await apply(
      [
        networking('ServiceEntry', 'far', { hosts: ['*.far.example.org', '*.evil.example.org'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] }),
        policy,
      ],
      REGISTRY_ONLY,
    )
    expect(codeOf(await world.from(CALLER, 'http://c.far.example.org/'))).toEqual([503, 'CALL_FAILED'])
    expect(codeOf(await world.from(CALLER, 'http://b.evil.example.org/'))).toEqual([403, 'CALL_FORBIDDEN'])
    expect(codeOf(await world.from(CALLER, 'http://far.example.org/'))).toEqual([502, 'HOST_NOT_REGISTERED'])
    expect((await world.from(CALLER, 'http://temp/')).status).toBe(200)
  })
})

describe('TLS that begins in the mesh', () => {
  const entry = (port: number, more: object = {}) => outside({ resolution: 'STATIC', endpoints: [at(port)], ...more }, { host: 'secure.example.org' })
  const rule = (settings: object, more: object = {}) =>
    networking('DestinationRule', 'tls', { host: 'secure.example.org', trafficPolicy: { tls: { mode: 'SIMPLE', ...settings }, ...more } })

  it.each<[string, () => readonly Resource[], number]>([
    ['roots that have signed the certificate', () => [entry(secure), rule({ caCertificates: roots })], 200],
    ['the roots of the system, which have not', () => [entry(secure), rule({})], 503],
    ['a certificate for another name', () => [entry(otherTls), rule({ caCertificates: roots })], 503],
    ['a certificate with a name that the rule takes', () => [entry(otherTls), rule({ caCertificates: roots, subjectAltNames: ['other.example.org'] })], 200],
    [
      'a certificate with a name that the ServiceEntry takes',
      () => [entry(otherTls, { subjectAltNames: ['other.example.org'] }), rule({ caCertificates: roots })],
      200,
    ],
    ['a certificate without the name that the rule takes', () => [entry(secure), rule({ caCertificates: roots, subjectAltNames: ['other.example.org'] })], 503],
    ['any certificate, where nobody checks', () => [entry(otherTls), rule({ insecureSkipVerify: true })], 200],
    ['a file of roots that is not there', () => [entry(secure), rule({ caCertificates: '/nowhere.pem' })], 503],
    ['no TLS on the other side', () => [entry(plain), rule({ caCertificates: roots })], 503],
  ])('is answered as it should with %s', async (_, resources, status) => {
    Object.assign(world.layout, { systemRoots: '/etc/ssl/certs/ca-certificates.crt' })
    await apply(resources())
    expect((await world.from(CALLER, 'http://secure.example.org/')).status).toBe(status)
  })

  it('shows a certificate of its own, from a Secret, with the roots in it', async () => {
    const { certificate, key } = world.authority.issueFor('client.example.org')
    const strict = await portOf(https.createServer({ ...pair, requestCert: true, ca: world.authority.root }, mirror))
    const data = Object.fromEntries(
      Object.entries({ 'tls.crt': certificate, 'tls.key': key, 'ca.crt': world.authority.root }).map(([name, pem]) => [
        name,
        Buffer.from(pem).toString('base64'),
      ]),
    )
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'client', namespace: 'default' }, data } as unknown as Resource
    const mutual = rule({ mode: 'MUTUAL', credentialName: 'client' })
    await apply([entry(strict), mutual])
    expect(codeOf(await world.from(CALLER, 'http://secure.example.org/'))).toEqual([503, 'TARGET_MISSING'])
    await apply([entry(strict), mutual, secret])
    expect((await world.from(CALLER, 'http://secure.example.org/')).status).toBe(200)
    await apply([entry(strict), rule({ caCertificates: roots })])
    expect((await world.from(CALLER, 'http://secure.example.org/')).status).not.toBe(200)
  })

  it('takes the place of http on another port by a route (the pattern of Istio’s documentation)', async () => {
    const hosts = networking('ServiceEntry', 'secure', {
      hosts: ['secure.example.org'],
      ports: [
        { number: 80, name: 'http', protocol: 'HTTP' },
        { number: 443, name: 'https', protocol: 'HTTPS', targetPort: secure },
      ],
      resolution: 'DNS',
    })
    const route = virtualService('secure.example.org', [
      { match: [{ port: 80 }], route: [{ destination: { host: 'secure.example.org', subset: 'tls', port: { number: 443 } } }] },
    ])
    const portLevelSettings = [{ port: { number: 443 }, tls: { mode: 'SIMPLE', caCertificates: roots, sni: 'secure.example.org' } }]
    const origination = networking('DestinationRule', 'secure', {
      host: 'secure.example.org',
      subsets: [{ name: 'tls', trafficPolicy: { portLevelSettings } }],
    })
    await apply([hosts, route, origination], REGISTRY_ONLY)
    expect((await world.from(CALLER, 'http://secure.example.org/a')).json().url).toBe('/a')
    expect(await overTls('secure.example.org:443', 'secure.example.org')).toBe('200')
  })

  it('says in the status that any certificate is taken', () => {
    const { findings } = compiled([rule({ insecureSkipVerify: true })])
    expect(findings.map(({ reason }) => reason)).toContain('TlsNotVerified')
  })
})

describe('what is exported to some namespaces', () => {
  const shown = (exportTo: readonly string[], port: number, namespace: string) =>
    networking(
      'ServiceEntry',
      `se-${namespace}`,
      { hosts: ['api.example.org'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'STATIC', endpoints: [at(port)], exportTo },
      namespace,
    )

  it.each<[string, () => readonly Resource[], string | undefined]>([
    ['to all', () => [shown(['*'], plain, 'shop')], 'one'],
    ['to its own namespace', () => [shown(['.'], plain, 'shop')], undefined],
    ['to the caller\u2019s', () => [shown(['default'], plain, 'shop')], 'one'],
    ['to none', () => [shown(['~'], plain, 'default')], undefined],
    ['by two namespaces: the caller\u2019s own is meant', () => [shown(['*'], plain, 'shop'), shown(['.'], second, 'default')], 'two'],
  ])('a ServiceEntry %s', async (_, resources, server) => {
    await apply(resources(), REGISTRY_ONLY)
    const answer = await world.from(CALLER, 'http://api.example.org/')
    expect([answer.status, answer.headers['x-server']]).toEqual(server === undefined ? [502, undefined] : [200, server])
  })

  it('a VirtualService and a DestinationRule hold only for those', async () => {
    const entry = shown(['*'], plain, 'default')
    const routes = (exportTo: readonly string[]) =>
      networking('VirtualService', 'v', { hosts: ['api.example.org', 'temp'], exportTo, http: [{ directResponse: { status: 418 } }] })
    const rule = (exportTo: readonly string[]) =>
      networking('DestinationRule', 'd', { host: 'api.example.org', exportTo, trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates: roots } } })
    await apply([entry, routes(['shop']), rule(['shop'])])
    expect([(await world.from(CALLER, 'http://api.example.org/')).status, (await world.from(CALLER, 'http://temp/')).status]).toEqual([200, 200])
    await apply([entry, routes(['.'])])
    expect([(await world.from(CALLER, 'http://api.example.org/')).status, (await world.from(CALLER, 'http://temp/')).status]).toEqual([418, 418])
    expect((await world.get('/function/temp')).status).not.toBe(418)
    await apply([entry, rule(['.'])])
    expect((await world.from(CALLER, 'http://api.example.org/')).status).toBe(503)
  })

  it('a Service is known there only', async () => {
    const service = (exportTo: string): Resource => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'hot', namespace: 'default', annotations: { 'networking.istio.io/exportTo': exportTo } },
      spec: { selector: { app: 'temp' }, ports: [{ port: 80 }] },
    })
    await apply([service('.')])
    expect((await world.from(CALLER, 'http://hot/')).status).toBe(200)
    await apply([service('shop, ~')])
    expect(codeOf(await world.from(CALLER, 'http://hot/'))).toEqual([404, 'HOST_NOT_FOUND'])
    expect((await world.get('/function/hot')).status).toBe(404)
  })
})

describe('calls to the outside', () => {
  it('are counted under the names that Istio gives them', async () => {
    const snapshot = await apply([outside({ resolution: 'STATIC', endpoints: [at(plain)] })], REGISTRY_ONLY)
    await world.from(CALLER, 'http://api.example.org/')
    await world.from(CALLER, 'http://hidden.example.org/')
    const deadline = Date.now() + 5000
    const read = async () => trafficOf(await world.envoy.admin('/stats/prometheus?usedonly&filter=%5Etraffic%5C.'), snapshot)
    const seen = async () => (await read()).map(({ destination, code }) => `${destination.service} ${code}`)
    while (!(await seen()).includes('BlackHoleCluster 502') && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await seen()).toEqual(expect.arrayContaining(['api.example.org 200', 'BlackHoleCluster 502']))
  })
})

describe('routes to hosts outside', () => {
  const entry = () => outside({ resolution: 'STATIC', endpoints: [at(plain, { labels: { zone: 'a' } }), at(second, { labels: { zone: 'b' } })] })
  const subsets = networking('DestinationRule', 'zones', { host: 'api.example.org', subsets: ['a', 'b'].map((zone) => ({ name: zone, labels: { zone } })) })
  const to = (subset?: string, weight?: number) => ({
    destination: { host: 'api.example.org', ...(subset === undefined ? {} : { subset }) },
    ...(weight === undefined ? {} : { weight }),
  })

  it('choose a subset of the endpoints by a header', async () => {
    await apply([
      entry(),
      subsets,
      virtualService('api.example.org', [{ match: [{ headers: { zone: { exact: 'b' } } }], route: [to('b')] }, { route: [to('a')] }]),
    ])
    for (const _again of [1, 2, 3]) {
      expect((await world.from(CALLER, 'http://api.example.org/', { headers: { zone: 'b' } })).headers['x-server']).toBe('two')
      expect((await world.from(CALLER, 'http://api.example.org/')).headers['x-server']).toBe('one')
    }
  })

  it('share calls between the mesh and the outside, with headers of their own', async () => {
    const share = { ...to('a', 50), headers: { request: { set: { 'x-side': 'outside' } } } }
    await apply([entry(), subsets, virtualService('temp', [{ route: [share, { destination: { host: 'temp' }, weight: 50 }] }])])
    const sides = await Promise.all(Array.from({ length: 40 }, async () => (await world.from(CALLER, 'http://temp/')).json().headers['x-side']))
    expect(new Set(sides)).toEqual(new Set(['outside', undefined]))
  })

  it('rewrite, redirect, fail on purpose, change headers and time out', async () => {
    await apply([
      entry(),
      subsets,
      virtualService('api.example.org', [
        {
          match: [{ uri: { prefix: '/old' } }],
          rewrite: { uri: '/new', authority: 'inside' },
          route: [to('a')],
          headers: { response: { set: { 'x-seen': 'yes' } } },
        },
        { match: [{ uri: { exact: '/gone' } }], redirect: { uri: '/new' } },
        { match: [{ uri: { exact: '/fault' } }], fault: { abort: { httpStatus: 418 } }, route: [to('a')] },
        { match: [{ uri: { exact: '/never' } }], timeout: '50ms', route: [to('a')] },
      ]),
    ])
    const rewritten = await world.from(CALLER, 'http://api.example.org/old/x')
    expect([rewritten.json().url, rewritten.json().headers['host'], rewritten.headers['x-seen']]).toEqual(['/new/x', 'inside', 'yes'])
    expect((await world.from(CALLER, 'http://api.example.org/gone')).status).toBe(301)
    expect((await world.from(CALLER, 'http://api.example.org/fault')).status).toBe(418)
    expect(codeOf(await world.from(CALLER, 'http://api.example.org/never'))).toEqual([504, 'CALL_TIMEOUT'])
    expect(codeOf(await world.from(CALLER, 'http://api.example.org/other'))).toEqual([404, 'ROUTE_NOT_FOUND'])
  })

  it('try again as the route says', async () => {
    const failingEntry = outside({ resolution: 'STATIC', endpoints: [at(failing)] })
    await apply([failingEntry, virtualService('api.example.org', [{ route: [to()], retries: { attempts: 2, retryOn: '5xx' } }])])
    for (const _again of [1, 2, 3]) expect((await world.from(CALLER, 'http://api.example.org/')).status).toBe(200)
  })

  it('copy calls to the outside', async () => {
    const copied: string[] = []
    const port = await portOf(
      http.createServer((request, response) => {
        copied.push(request.headers.host ?? '')
        response.end()
      }),
    )
    const copies = outside({ resolution: 'STATIC', endpoints: [at(port)] })
    await apply([copies, virtualService('temp', [{ route: [{ destination: { host: 'temp' } }], mirror: { host: 'api.example.org' } }])])
    expect((await world.from(CALLER, 'http://temp/')).status).toBe(200)
    const deadline = Date.now() + 5000
    while (copied.length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(copied).toEqual(['temp-shadow'])
  })

  it('of a wildcard stand behind those of a name', async () => {
    const fixed = (body: string) => [{ directResponse: { status: 200, body: { string: body } } }]
    const routes = (name: string, hosts: readonly string[], list: readonly unknown[]) => networking('VirtualService', name, { hosts, http: list })
    await apply([
      routes('all', ['*.example.org'], fixed('wild')),
      routes('one', ['api.example.org'], fixed('exact')),
      routes('mesh', ['*.default.svc.cluster.local'], fixed('mesh')),
    ])
    expect((await world.from(CALLER, 'http://api.example.org/')).body).toBe('exact')
    expect((await world.from(CALLER, 'http://b.example.org/')).body).toBe('wild')
    expect((await world.from(CALLER, 'http://temp/')).body).toBe('mesh')
  })
})
