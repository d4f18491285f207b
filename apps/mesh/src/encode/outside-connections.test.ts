import net from 'node:net'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import type { CompilerSettings } from '@weft/mesh-model'
import { startNameGuard, type NameGuard } from '../name-guard/server.ts'
import { freePort } from '../testing/free-port.ts'
import { compiled, functionOf, networking } from './testing/resources.ts'
import { tunnel } from './testing/streams.ts'
import { World } from './testing/world.ts'

const CALLER = 'default/control-v1'
const OTHER = 'default/temp-v1'
const FUNCTIONS = [...functionOf('control'), ...functionOf('temp')]
const EGRESS = 'istio-egressgateway.istio-system.svc.cluster.local'

const servers: net.Server[] = []
let guard: NameGuard
let world: World
let one: number
let two: number
let secureOne: number
let secureTwo: number
let ingressTls: number

async function portOf(server: net.Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Says its name, and leaves it to who called to end the connection. */
const banner = (name: string) => net.createServer((socket) => void socket.on('error', () => undefined).write(`${name}\n`))

beforeAll(async () => {
  guard = await startNameGuard({ refused: [], strict: true, source: { resolve4: async () => ['127.0.0.1'], resolve6: async () => [] } })
  ;[one, two] = [await portOf(banner('one')), await portOf(banner('two'))]
  ingressTls = await freePort()
  world = await World.start(compiled(FUNCTIONS), async (starting) => void (await starting.addReplica(CALLER), await starting.addReplica(OTHER)), {
    outsideNames: guard,
    nameGuard: guard,
    ownAddresses: [],
  })
  const secure = (name: string) => {
    const { certificate: cert, key } = world.authority.issueFor(name)
    return tls.createServer({ cert, key }, (socket) => void socket.on('error', () => undefined).write(`${name}\n`))
  }
  ;[secureOne, secureTwo] = [await portOf(secure('one.example.org')), await portOf(secure('two.example.org'))]
})

afterAll(async () => {
  await world?.stop()
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  await guard?.close()
})

async function apply(resources: readonly Resource[], settings: Partial<CompilerSettings> = { outbound: 'REGISTRY_ONLY' }): Promise<void> {
  await world.apply(compiled([...FUNCTIONS, ...resources], 'encrypted', settings))
  expect(world.plane.refused).toEqual([])
}

/** A host outside with raw TCP on 5432 and TLS on 443. */
const outside = (name: string, tcp: () => number, secured: () => number): Resource =>
  networking('ServiceEntry', name, {
    hosts: [`${name}.example.org`],
    ports: [
      { number: 5432, name: 'db', protocol: 'TCP', targetPort: tcp() },
      { number: 443, name: 'tls', protocol: 'TLS', targetPort: secured() },
    ],
    resolution: 'STATIC',
    endpoints: [{ address: '127.0.0.1' }],
  })
const hosts = () => [
  outside(
    'one',
    () => one,
    () => secureOne,
  ),
  outside(
    'two',
    () => two,
    () => secureTwo,
  ),
]
const to = (host: string, port: number, more: object = {}) => ({ destination: { host, port: { number: port } }, ...more })
const routes = (spec: object, host = 'one.example.org') => networking('VirtualService', 'one', { hosts: [host], ...spec })

/** What a caller hears from a place; how it was refused, or `closed`. */
async function hear(caller: string, authority: string): Promise<string> {
  const socket = await tunnel(world.outbound(caller), authority)
  if (typeof socket === 'number') return `refused ${socket}`
  return await new Promise((resolve) => {
    let seen = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      seen += text
      if (seen.endsWith('\n')) socket.destroy()
    })
    socket.on('error', () => undefined).on('close', () => resolve(seen.trim() || 'closed'))
  })
}

/** The first to come by a new port of the gateway may find its certificate on its way. */
async function until(heard: () => Promise<string>): Promise<string> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const answer = await heard()
    if (answer !== 'closed' || Date.now() > deadline) return answer
  }
}

function hearTls(stream: { readonly socket: net.Socket } | { readonly host: string; readonly port: number }, servername: string): Promise<string> {
  return new Promise((resolve) => {
    let seen = ''
    const secured = tls.connect({ ...stream, servername, ca: world.authority.root, checkServerIdentity: () => undefined })
    secured.setEncoding('utf8').on('data', (text: string) => {
      seen += text
      if (seen.endsWith('\n')) secured.destroy()
    })
    secured.on('error', () => undefined).on('close', () => resolve(seen.trim() || 'closed'))
  })
}

async function overTls(caller: string, authority: string, servername: string): Promise<string> {
  const socket = await tunnel(world.outbound(caller), authority)
  return typeof socket === 'number' ? `refused ${socket}` : await hearTls({ socket }, servername)
}

describe('connections to a host outside', () => {
  it.each<[string, object, readonly string[]]>([
    ['no route', {}, ['one', 'one.example.org']],
    ['a route of another port', { tcp: [{ match: [{ port: 5433 }], route: [to('two.example.org', 5432)] }] }, ['one', 'one.example.org']],
    ['a route of its port', { tcp: [{ match: [{ port: 5432 }], route: [to('two.example.org', 5432)] }] }, ['two', 'one.example.org']],
    ['a route by its server name', { tls: [{ match: [{ sniHosts: ['one.example.org'] }], route: [to('two.example.org', 443)] }] }, ['one', 'two.example.org']],
    [
      'a route by another server name',
      { tls: [{ match: [{ sniHosts: ['www.example.org'] }], route: [to('two.example.org', 443)] }] },
      ['one', 'one.example.org'],
    ],
    ['a route to nowhere', { tcp: [{ match: [{ port: 5432 }], route: [to('nobody.example.org', 5432)] }] }, ['refused 503', 'one.example.org']],
  ])('go by %s of a VirtualService', async (_name, spec, [tcp, secured]) => {
    await apply([...hosts(), ...(Object.keys(spec).length === 0 ? [] : [routes(spec)])])
    expect(await hear(CALLER, 'one.example.org:5432')).toBe(tcp)
    expect(await overTls(CALLER, 'one.example.org:443', 'one.example.org')).toBe(secured)
  })

  it('that are TLS have the name that was called as their server name, wherever a route sends them', async () => {
    await apply([...hosts(), routes({ tls: [{ match: [{ sniHosts: ['one.example.org'] }], route: [to('two.example.org', 443)] }] })])
    expect(await overTls(CALLER, 'one.example.org:443', 'two.example.org')).toBe('closed')
  })

  it('go where the labels of their callers say', async () => {
    const byCaller = routes({ tcp: [{ match: [{ port: 5432, sourceLabels: { app: 'temp' } }], route: [to('two.example.org', 5432)] }] })
    await apply([...hosts(), byCaller])
    expect([await hear(CALLER, 'one.example.org:5432'), await hear(OTHER, 'one.example.org:5432')]).toEqual(['one', 'two'])
  })

  it('go by shares', async () => {
    const half = [to('one.example.org', 443, { weight: 50 }), to('two.example.org', 443, { weight: 50 })]
    await apply([...hosts(), routes({ tls: [{ match: [{ sniHosts: ['one.example.org'] }], route: half }] })])
    const heard = new Set<string>()
    for (let index = 0; index < 40; index += 1) heard.add(await overTls(CALLER, 'one.example.org:443', 'one.example.org'))
    expect([...heard].toSorted()).toEqual(['one.example.org', 'two.example.org'])
  })
})

describe('connections through the egress gateway', () => {
  const gateway = (...list: readonly object[]) =>
    networking('Gateway', 'egress', { selector: { 'weft.dev/gateway': 'egress' }, servers: list.map((server) => ({ hosts: ['one.example.org'], ...server })) })
  const TCP = { port: { number: 5432, name: 'tcp', protocol: 'TCP' } }
  const TLS = { port: { number: 443, name: 'tls', protocol: 'TLS' }, tls: { mode: 'PASSTHROUGH' } }

  it('of raw TCP go on as bytes', async () => {
    const through = routes({
      gateways: ['mesh', 'egress'],
      tcp: [
        { match: [{ gateways: ['mesh'], port: 5432 }], route: [to('egressgateway.weft-system.svc.cluster.local', 5432)] },
        { match: [{ gateways: ['egress'], port: 5432 }], route: [to('two.example.org', 5432)] },
      ],
    })
    await apply([...hosts(), gateway(TCP), through])
    expect(await until(() => hear(CALLER, 'one.example.org:5432'))).toBe('two')
  })

  it('end when a policy of the gateway forbids them, and others stay', async () => {
    const through = routes({
      gateways: ['mesh', 'egress'],
      tcp: [
        { match: [{ gateways: ['mesh'], port: 5432 }], route: [to(EGRESS, 5432)] },
        { match: [{ gateways: ['egress'], port: 5432 }], route: [to('two.example.org', 5432)] },
      ],
    })
    const denied: Resource = {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'p', namespace: 'istio-system' },
      spec: {
        selector: { matchLabels: { istio: 'egressgateway' } },
        action: 'DENY',
        rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/temp'] } }], to: [{ operation: { methods: ['GET'] } }] }],
      },
    }
    await apply([...hosts(), gateway(TCP), through])
    expect(await until(() => hear(CALLER, 'one.example.org:5432'))).toBe('two')
    const [mine, other] = [await tunnel(world.outbound(CALLER), 'one.example.org:5432'), await tunnel(world.outbound(OTHER), 'one.example.org:5432')]
    if (typeof mine === 'number' || typeof other === 'number') throw new Error('refused')
    const closed = new Promise((resolve) => other.on('error', () => undefined).on('close', resolve))
    for (const socket of [mine, other]) await new Promise((resolve) => socket.once('data', resolve))
    other.resume()
    await apply([...hosts(), gateway(TCP), through, denied])
    await closed
    expect(mine.destroyed).toBe(false)
    mine.destroy()
    expect(await hear(OTHER, 'one.example.org:5432')).toBe('closed')
  })

  it('go by shares, some of them past it', async () => {
    const through = routes({
      gateways: ['mesh', 'egress'],
      tls: [
        {
          match: [{ gateways: ['mesh'], sniHosts: ['one.example.org'] }],
          route: [to(EGRESS, 443, { weight: 50 }), to('one.example.org', 443, { weight: 50 })],
        },
        { match: [{ gateways: ['egress'], sniHosts: ['one.example.org'] }], route: [to('two.example.org', 443)] },
      ],
    })
    await apply([...hosts(), gateway(TLS), through])
    const open = () => overTls(CALLER, 'one.example.org:443', 'one.example.org')
    while ((await until(open)) !== 'two.example.org') continue
    const heard = new Set<string>()
    for (let index = 0; index < 40; index += 1) heard.add(await open())
    expect([...heard].toSorted()).toEqual(['one.example.org', 'two.example.org'])
  })

  it('take every name below a wildcard to one place (Istio’s “Egress using wildcard hosts”)', async () => {
    const wild = networking('ServiceEntry', 'wild', { hosts: ['*.wiki.org'], ports: [{ number: 443, name: 'https', protocol: 'HTTPS' }] })
    const through = routes(
      {
        gateways: ['mesh', 'egress'],
        tls: [
          { match: [{ gateways: ['mesh'], port: 443, sniHosts: ['*.wiki.org'] }], route: [to(EGRESS, 443)] },
          { match: [{ gateways: ['egress'], port: 443, sniHosts: ['*.wiki.org'] }], route: [to('two.example.org', 443)] },
        ],
      },
      '*.wiki.org',
    )
    await apply([...hosts(), wild, gateway({ ...TLS, hosts: ['*.wiki.org'] }), through])
    expect(await until(() => overTls(CALLER, 'de.wiki.org:443', 'de.wiki.org'))).toBe('two.example.org')
    expect(await overTls(CALLER, 'de.wiki.org:443', 'one.example.org')).toBe('closed')
    expect(await overTls(CALLER, 'wiki.org:443', 'wiki.org')).toBe('refused 502')
  })
})

describe('connections from outside that an ingress Gateway lets through', () => {
  it('go on to hosts of ServiceEntries, by their server names and by shares', async () => {
    const gateway = networking('Gateway', 'ingress', {
      selector: { istio: 'ingressgateway' },
      servers: [{ port: { number: ingressTls, name: 'tls', protocol: 'TLS' }, hosts: ['*.example.org'], tls: { mode: 'PASSTHROUGH' } }],
    })
    const through = (target: object) =>
      networking('VirtualService', 'through', {
        hosts: ['one.example.org'],
        gateways: ['ingress'],
        tls: [{ match: [{ sniHosts: ['one.example.org'] }], route: [target] }],
      })
    const place = { host: '127.0.0.1', port: ingressTls }
    await apply([...hosts(), gateway, through(to('one.example.org', 443))])
    expect(await hearTls(place, 'one.example.org')).toBe('one.example.org')
    expect(await hearTls(place, 'two.example.org')).toBe('closed')
    await apply([...hosts(), gateway, through(to('two.example.org', 443))])
    expect(await hearTls(place, 'one.example.org')).toBe('two.example.org')
    await apply([gateway, through(to('two.example.org', 443))])
    expect(await hearTls(place, 'one.example.org')).toBe('closed')
  })
})
