import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { CompilerSettings } from '@weft/mesh-model'
import { graphOf } from '@weft/mesh-model/graph'
import { startNameGuard, type NameGuard } from '../name-guard/server.ts'
import { trafficOf } from '../statistics/traffic.ts'
import { compiled, compiledWith, functionOf, networking } from './testing/resources.ts'
import { tunnel } from './testing/streams.ts'
import { ask, mirror, World, type Answer } from './testing/world.ts'

const CALLER = 'default/control-v1'
const OTHER = 'default/temp-v1'
const FUNCTIONS = [...functionOf('control'), ...functionOf('temp')]
const EGRESS = 'istio-egressgateway.istio-system.svc.cluster.local'
const REGISTRY_ONLY = { outbound: 'REGISTRY_ONLY' } as const

const servers: (http.Server | net.Server)[] = []
let guard: NameGuard
let world: World
let plain: number
let secure: number
let strict: number

async function portOf(server: http.Server | net.Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

beforeAll(async () => {
  guard = await startNameGuard({ refused: ['127.0.0.2/32'], strict: true, source: { resolve4: async () => ['127.0.0.1'], resolve6: async () => [] } })
  plain = await portOf(http.createServer(mirror))
  world = await World.start(compiled(FUNCTIONS), async (starting) => void (await starting.addReplica(CALLER), await starting.addReplica(OTHER)), {
    outsideNames: guard,
    nameGuard: guard,
    ownAddresses: [],
  })
  const { certificate: cert, key } = world.authority.issueFor('edition.cnn.com')
  secure = await portOf(https.createServer({ cert, key }, mirror))
  const roots = join(world.directory, 'roots.pem')
  world.files.set(roots, world.authority.root)
  const mesh = world.authority.issue('spiffe://cluster.local/ns/legacy/sa/edition')
  strict = await portOf(
    https.createServer({ cert: mesh.certificate, key: mesh.key, ca: world.authority.root, requestCert: true, rejectUnauthorized: true }, (request, response) =>
      response.end((request.socket as tls.TLSSocket).getPeerCertificate().subjectaltname),
    ),
  )
})

afterAll(async () => {
  await world?.stop()
  await Promise.all(servers.map((server) => new Promise((resolve) => (server.close(resolve), 'closeAllConnections' in server && server.closeAllConnections()))))
  await guard?.close()
})

async function apply(resources: readonly Resource[], settings: Partial<CompilerSettings> = {}): Promise<void> {
  await world.apply(compiled([...FUNCTIONS, ...resources], 'encrypted', settings))
  expect(world.plane.refused).toEqual([])
}

const codeOf = ({ status, body }: Answer) => [status, status < 400 ? undefined : (JSON.parse(body) as { error: { code: string } }).error.code]

/** Istio's task "Egress Gateways"; its endpoint is on this machine. */
const entry = () =>
  networking('ServiceEntry', 'cnn', {
    hosts: ['edition.cnn.com'],
    ports: [
      { number: 80, name: 'http-port', protocol: 'HTTP', targetPort: plain },
      { number: 443, name: 'https', protocol: 'HTTPS', targetPort: secure },
    ],
    resolution: 'DNS',
  })
const gateway = (server: object) =>
  networking('Gateway', 'istio-egressgateway', { selector: { istio: 'egressgateway' }, servers: [{ hosts: ['edition.cnn.com'], ...server }] })
const rule = (trafficPolicy?: object) =>
  networking('DestinationRule', 'egressgateway-for-cnn', {
    host: EGRESS,
    subsets: [{ name: 'cnn', ...(trafficPolicy === undefined ? {} : { trafficPolicy }) }],
  })
const virtual = (spec: object) =>
  networking('VirtualService', 'direct-cnn-through-egress-gateway', { hosts: ['edition.cnn.com'], gateways: ['istio-egressgateway', 'mesh'], ...spec })
const httpThrough = (outsidePort: number) =>
  virtual({
    http: [
      { match: [{ gateways: ['mesh'], port: 80 }], route: [{ destination: { host: EGRESS, subset: 'cnn', port: { number: 80 } }, weight: 100 }] },
      {
        match: [{ gateways: ['istio-egressgateway'], port: 80 }],
        route: [{ destination: { host: 'edition.cnn.com', port: { number: outsidePort } }, weight: 100 }],
      },
    ],
  })
const HTTP_SERVER = { port: { number: 80, name: 'http', protocol: 'HTTP' } }
const tutorial = () => [entry(), gateway(HTTP_SERVER), rule(), httpThrough(80)]

const policy = (spec: object, namespace = 'istio-system'): Resource => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'outside', namespace },
  spec: { selector: { matchLabels: { istio: 'egressgateway' } }, ...spec },
})

describe('calls to a host outside by way of the egress gateway', () => {
  it('go on to it as they came, and nobody outside is told who called', async () => {
    await apply(tutorial(), REGISTRY_ONLY)
    const answer = await world.from(CALLER, 'http://edition.cnn.com/politics?a=b', { method: 'POST', body: 'x'.repeat(100_000) })
    const { url, headers, bytes, method } = answer.json()
    expect([answer.status, method, url, headers['host'], bytes]).toEqual([200, 'POST', '/politics?a=b', 'edition.cnn.com', 100_000])
    expect(Object.keys(headers).filter((name) => name.startsWith('x-weft-') || name === 'x-forwarded-client-cert')).toEqual([])
  })

  it('are under the policies that select the gateway, by who calls and what is asked for', async () => {
    const from = (name: string) => [{ source: { principals: [`cluster.local/ns/default/sa/${name}`] } }]
    const statusOf = async (caller: string, path = '/') => (await world.from(caller, `http://edition.cnn.com${path}`)).status
    await apply([...tutorial(), policy({ rules: [{ from: from('control') }] })])
    expect([await statusOf(CALLER), await statusOf(OTHER)]).toEqual([200, 403])
    await apply([
      ...tutorial(),
      policy({ action: 'DENY', rules: [{ to: [{ operation: { paths: ['/secret*'], hosts: ['edition.cnn.com'], ports: ['80'] } }] }] }),
    ])
    expect([await statusOf(CALLER), await statusOf(CALLER, '/secret'), await statusOf(OTHER, '/secret/x')]).toEqual([200, 403, 403])
    await apply([...tutorial(), policy({})])
    expect([await statusOf(CALLER), await statusOf(OTHER)]).toEqual([403, 403])
    await apply([...tutorial(), policy({}, 'weft-system')])
    expect(await statusOf(CALLER)).toBe(403)
    await apply([...tutorial(), policy({}, 'default')])
    expect(await statusOf(CALLER)).toBe(200)
  })

  it('are refused when a policy of the gateway is not understood', async () => {
    await world.apply(compiledWith([...FUNCTIONS, ...tutorial(), policy({ rules: [{ when: [{ key: 'experimental.x', values: ['a'] }] }] })]))
    expect((await world.from(CALLER, 'http://edition.cnn.com/')).status).toBe(403)
  })

  it('are answered 404 there where no Gateway or route takes them, and 503 where nothing listens', async () => {
    const elsewhere = networking('Gateway', 'istio-egressgateway', {
      selector: { app: 'istio-egressgateway' },
      servers: [{ hosts: ['www.example.com'], ...HTTP_SERVER }],
    })
    await apply([entry(), elsewhere, rule(), httpThrough(80)])
    expect(codeOf(await world.from(CALLER, 'http://edition.cnn.com/'))).toEqual([404, 'ROUTE_NOT_FOUND'])
    await apply([entry(), rule(), httpThrough(80)])
    expect(codeOf(await world.from(CALLER, 'http://edition.cnn.com/'))).toEqual([503, 'TARGET_MISSING'])
    await apply(tutorial())
    expect((await world.from(CALLER, 'http://edition.cnn.com/')).status).toBe(200)
  })

  it('go to what the author of the route sees, and no further', async () => {
    const hidden = { ...entry(), spec: { ...(entry() as unknown as { spec: object }).spec, exportTo: ['.'] } }
    await apply([hidden, gateway(HTTP_SERVER), rule(), httpThrough(80)])
    expect((await world.from(CALLER, 'http://edition.cnn.com/')).status).toBe(200)
    const foreign = networking(
      'VirtualService',
      'foreign',
      {
        hosts: ['edition.cnn.com'],
        gateways: ['default/istio-egressgateway'],
        http: [{ route: [{ destination: { host: 'edition.cnn.com', port: { number: 80 } } }] }],
      },
      'shop',
    )
    const toGateway = virtual({ gateways: ['mesh'], http: [{ route: [{ destination: { host: EGRESS, subset: 'cnn' } }] }] })
    await apply([hidden, gateway(HTTP_SERVER), rule(), foreign, toGateway])
    expect(codeOf(await world.from(CALLER, 'http://edition.cnn.com/'))).toEqual([503, 'TARGET_MISSING'])
  })

  it('with two hosts in one header, or with a name of somebody else, get nowhere', async () => {
    await apply(tutorial(), REGISTRY_ONLY)
    for (const host of [
      'edition.cnn.com,www.example.com',
      'www.example.com@edition.cnn.com',
      'www.example.com',
      `127.0.0.1:${plain}`,
      `edition.cnn.com:${plain}`,
    ]) {
      expect((await world.from(CALLER, 'http://edition.cnn.com/', { headers: { host } })).status).not.toBe(200)
    }
  })

  it('never reach the platform or this machine by a wildcard', async () => {
    const wild = networking('ServiceEntry', 'wild', { hosts: ['*.cnn.com'], ports: [{ number: plain, name: 'http', protocol: 'HTTP' }] })
    const any = networking('Gateway', 'istio-egressgateway', { selector: { istio: 'egressgateway' }, servers: [{ hosts: ['*.cnn.com'], ...HTTP_SERVER }] })
    const route = virtual({
      hosts: ['*.cnn.com'],
      http: [
        { match: [{ gateways: ['mesh'] }], route: [{ destination: { host: EGRESS, port: { number: 80 } } }] },
        { route: [{ destination: { host: 'a.cnn.com', port: { number: plain } } }] },
      ],
    })
    await apply([wild, any, route])
    expect((await world.from(CALLER, `http://a.cnn.com:${plain}/`)).status).toBe(403)
  })

  it('are counted at both ends of the gateway', async () => {
    await apply(tutorial())
    await world.from(CALLER, 'http://edition.cnn.com/')
    const snapshot = compiled([...FUNCTIONS, ...tutorial()])
    const seen = trafficOf(await world.envoy.admin('/stats/prometheus'), snapshot)
      .filter(({ code }) => code === '200')
      .map(({ reporter, source, destination, security }) => [reporter, source.workload, destination.workload, security])
    expect(seen).toContainEqual(['source', 'control-v1', 'egressgateway-80', 'unknown'])
    expect(seen).toContainEqual(['destination', 'control-v1', 'egressgateway-80', 'mutual_tls'])
    expect(seen).toContainEqual(['source', 'egressgateway-80', 'edition.cnn.com', 'unknown'])
    const { edges } = graphOf([], trafficOf(await world.envoy.admin('/stats/prometheus'), snapshot))
    expect(edges.map(({ from, to, lock }) => [from, to, lock])).toEqual(
      expect.arrayContaining([
        ['default/control-v1', 'weft-system/egressgateway-80', 'all'],
        ['weft-system/egressgateway-80', 'default/edition.cnn.com', 'unknown'],
      ]),
    )
  })
})

describe('TLS that begins at the egress gateway', () => {
  const MUTUAL_SERVER = { port: { number: 80, name: 'https-port-for-tls-origination', protocol: 'HTTPS' }, tls: { mode: 'ISTIO_MUTUAL' } }
  const toGateway = () =>
    rule({
      loadBalancer: { simple: 'ROUND_ROBIN' },
      portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'ISTIO_MUTUAL', sni: 'edition.cnn.com' } }],
    })
  const origination = (settings: object) =>
    networking('DestinationRule', 'originate-tls-for-edition-cnn-com', {
      host: 'edition.cnn.com',
      trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' }, portLevelSettings: [{ port: { number: 443 }, tls: settings }] },
    })

  it('is spoken by it, as in Istio’s task of that name', async () => {
    const roots = join(world.directory, 'roots.pem')
    await apply([entry(), gateway(MUTUAL_SERVER), toGateway(), httpThrough(443), origination({ mode: 'SIMPLE', caCertificates: roots })], REGISTRY_ONLY)
    const answer = await world.from(CALLER, 'http://edition.cnn.com/politics')
    expect([answer.status, answer.json().url]).toEqual([200, '/politics'])
    await apply([entry(), gateway(MUTUAL_SERVER), toGateway(), httpThrough(443)], REGISTRY_ONLY)
    expect((await world.from(CALLER, 'http://edition.cnn.com/politics')).status).not.toBe(200)
  })

  it('has the identity of the gateway with ISTIO_MUTUAL, and of the caller without a gateway', async () => {
    const member = networking('ServiceEntry', 'cnn', {
      hosts: ['edition.cnn.com'],
      location: 'MESH_INTERNAL',
      ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: strict }],
      resolution: 'DNS',
      subjectAltNames: ['spiffe://cluster.local/ns/legacy/sa/edition'],
    })
    const mutual = networking('DestinationRule', 'mutual', { host: 'edition.cnn.com', trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } })
    await apply([member, mutual])
    expect((await world.from(CALLER, 'http://edition.cnn.com/')).body).toBe('URI:spiffe://cluster.local/ns/default/sa/control')
    await apply([member, mutual, gateway(HTTP_SERVER), rule(), httpThrough(80)])
    expect((await world.from(CALLER, 'http://edition.cnn.com/')).body).toBe('URI:spiffe://cluster.local/ns/weft-system/sa/egressgateway')
    await apply([
      networking('ServiceEntry', 'cnn', { ...(member as unknown as { spec: object }).spec, subjectAltNames: ['spiffe://cluster.local/ns/legacy/sa/other'] }),
      mutual,
    ])
    expect((await world.from(CALLER, 'http://edition.cnn.com/')).status).toBe(503)
  })
})

/** HTTPS of the function's own, through CONNECT. @returns the status, or how it ended */
async function overTls(caller: string, authority: string, servername: string): Promise<string> {
  const socket = await tunnel(world.outbound(caller), authority)
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

/** The same, again while a change is on its way to the proxy. */
async function untilOpen(caller: string, authority: string, servername: string): Promise<string> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const answer = await overTls(caller, authority, servername)
    if (answer !== 'closed' || Date.now() > deadline) return answer
  }
}

describe('TLS that goes through the egress gateway', () => {
  const through = () => [
    entry(),
    gateway({ port: { number: 443, name: 'tls', protocol: 'TLS' }, tls: { mode: 'PASSTHROUGH' } }),
    rule(),
    virtual({
      gateways: ['mesh', 'istio-egressgateway'],
      tls: [
        {
          match: [{ gateways: ['mesh'], port: 443, sniHosts: ['edition.cnn.com'] }],
          route: [{ destination: { host: EGRESS, subset: 'cnn', port: { number: 443 } } }],
        },
        {
          match: [{ gateways: ['istio-egressgateway'], port: 443, sniHosts: ['edition.cnn.com'] }],
          route: [{ destination: { host: 'edition.cnn.com', port: { number: 443 } }, weight: 100 }],
        },
      ],
    }),
  ]

  it('is told by its server name, which must be the name that was called', async () => {
    await apply(through(), REGISTRY_ONLY)
    expect(await untilOpen(CALLER, 'edition.cnn.com:443', 'edition.cnn.com')).toBe('200')
    expect(await overTls(CALLER, 'edition.cnn.com:443', 'www.example.com')).toBe('closed')
    expect(await overTls(CALLER, 'edition.cnn.com:443', '')).toBe('closed')
    expect((await world.from(CALLER, 'http://edition.cnn.com/')).status).toBe(200)
  })

  it('is under the policies of the gateway, which know who connects and to what', async () => {
    const from = [{ source: { principals: ['cluster.local/ns/default/sa/control'] } }]
    await apply([...through(), policy({ rules: [{ from, to: [{ operation: { hosts: ['edition.cnn.com'], ports: ['443'] } }] }] })], REGISTRY_ONLY)
    expect(await untilOpen(CALLER, 'edition.cnn.com:443', 'edition.cnn.com')).toBe('200')
    expect(await overTls(OTHER, 'edition.cnn.com:443', 'edition.cnn.com')).toBe('closed')
    await apply([...through(), policy({ rules: [{ to: [{ operation: { hosts: ['www.example.com'] } }] }] })], REGISTRY_ONLY)
    expect(await overTls(CALLER, 'edition.cnn.com:443', 'edition.cnn.com')).toBe('closed')
    await apply([...through(), policy({ action: 'DENY', rules: [{ to: [{ operation: { methods: ['GET'] } }] }] })], REGISTRY_ONLY)
    expect(await overTls(CALLER, 'edition.cnn.com:443', 'edition.cnn.com')).toBe('closed')
  })
})
