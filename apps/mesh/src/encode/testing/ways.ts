import http2 from 'node:http2'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Resource } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { freePort } from '../../testing/free-port.ts'
import { holdSocket, inboundSocket, MESH_HEADERS } from '../names.ts'
import { testAuthority, type Pem, type TestAuthority } from './certificates.ts'
import { replica } from './model.ts'
import { compiled, functionOf, networking } from './resources.ts'
import { serveConnections, tunnel } from './streams.ts'
import { World } from './world.ts'

/** A request as a function saw it. */
export interface Seen {
  readonly by: string
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A way by which bytes come to a listener that reads HTTP, and from there to a function. */
export interface Way {
  readonly name: string
  /** Opens a connection; with TLS it speaks `protocol`. */
  open(protocol: Protocol): Promise<Duplex>
  /** The host by which the function is called. */
  readonly host: string
  /** What stands before the function's own paths. */
  readonly prefix: string
  /** Header lines that a request must have to come through: `name: value\r\n`. */
  readonly headers: string
  /** Who stands there: a stranger or a function says nothing about identity or routing, a peer's proxy only what proxies tell each other. */
  readonly from: 'outside' | 'function' | 'peer' | 'proxy'
}

/** The name that Gateways have. */
export const PUBLIC = 'shop.example.com'
/** Paths below it are forbidden to everybody, as are DELETE, and calls whose `x-role` is `guest`. */
export const FORBIDDEN_PATH = '/secret'
const FORBIDDEN = [
  { to: [{ operation: { paths: [FORBIDDEN_PATH, `${FORBIDDEN_PATH}/*`] } }, { operation: { methods: ['DELETE'] } }] },
  { when: [{ key: 'request.headers[x-role]', values: ['guest'] }] },
]
const POLICY: Resource = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'guard', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    selector: { matchLabels: { guarded: 'yes' } },
    action: 'DENY',
    rules: FORBIDDEN,
  },
}

const metadata = (name: string) => ({ name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' })
const shaped = (name: string, template: object): readonly Resource[] =>
  functionOf(name).map((resource) => {
    const spec = resource.spec as { template: { labels?: object } }
    const labels = { ...spec.template.labels, guarded: name === 'cache' ? 'no' : 'yes' }
    return { ...resource, spec: { ...spec, template: { ...spec.template, ...template, labels } } }
  })

/** A host outside, which is called by way of the egress gateway. */
const OUTSIDE = 'outside.example.org'
const EGRESS = 'istio-egressgateway.istio-system.svc.cluster.local'

/** All that sends calls to {@link OUTSIDE} through the egress gateway, whose policy forbids there what is forbidden here. */
function egress(port: number): readonly Resource[] {
  const server = { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: [OUTSIDE] }
  const through = (gateway: string, host: string) => ({ match: [{ gateways: [gateway], port: 80 }], route: [{ destination: { host, port: { number: 80 } } }] })
  return [
    networking('ServiceEntry', 'outside', {
      hosts: [OUTSIDE],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: port }],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1' }],
    }),
    networking('Gateway', 'out', { selector: { istio: 'egressgateway' }, servers: [server] }),
    networking('VirtualService', 'out', { hosts: [OUTSIDE], gateways: ['mesh', 'out'], http: [through('mesh', EGRESS), through('out', OUTSIDE)] }),
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { ...metadata('egress'), namespace: 'istio-system' },
      spec: { selector: { matchLabels: { istio: 'egressgateway' } }, action: 'DENY', rules: FORBIDDEN },
    },
  ]
}

/** Ports of the Gateway's servers. */
export interface Ports {
  readonly http: number
  readonly https: number
  readonly mutual: number
  readonly tcp: number
}

function resources(ports: Ports, server: Pem, root: string): readonly Resource[] {
  const base64 = (value: string) => Buffer.from(value).toString('base64')
  const secret = { 'tls.crt': base64(server.certificate), 'tls.key': base64(server.key), 'ca.crt': base64(root) }
  const hosts = [PUBLIC]
  const secure = (number: number, mode: string) => ({ port: { number, name: mode, protocol: 'HTTPS' }, hosts, tls: { mode, credentialName: 'shop' } })
  const servers = [
    { port: { number: ports.http, name: 'http', protocol: 'HTTP' }, hosts },
    { port: { number: ports.tcp, name: 'tcp', protocol: 'TCP' }, hosts: ['*'] },
    secure(ports.https, 'SIMPLE'),
    secure(ports.mutual, 'MUTUAL'),
  ]
  const to = (host: string) => [{ destination: { host } }]
  return [
    ...['echo', 'both', 'caller', 'sleepy'].flatMap((name) => shaped(name, {})),
    ...shaped('rpc', { protocol: 'http2' }),
    ...shaped('cache', { protocol: 'tcp', port: 6379 }),
    POLICY,
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: metadata('both'),
      spec: { selector: { matchLabels: { app: 'both' } }, mtls: { mode: 'PERMISSIVE' } },
    },
    { apiVersion: 'v1', kind: 'Secret', metadata: metadata('shop'), data: secret } as Resource,
    networking('Gateway', 'web', { selector: { istio: 'ingressgateway' }, servers }),
    networking('VirtualService', 'shop', {
      hosts,
      gateways: ['web'],
      http: [{ match: [{ uri: { prefix: '/rpc/' } }], rewrite: { uri: '/' }, route: to('rpc') }, { route: to('echo') }],
    }),
    networking('VirtualService', 'tcp', { hosts: ['*'], gateways: ['web'], tcp: [{ match: [{ port: ports.tcp }], route: to('cache') }] }),
  ]
}

/** Every kind of listener, with functions behind them that tell what they saw. */
export interface Ways {
  readonly world: World
  readonly authority: TestAuthority
  readonly ports: Ports
  /** All that functions saw, in order. */
  readonly seen: Seen[]
  readonly all: readonly Way[]
  /** A connection to the inbound listener of a workload, as the function `caller`. */
  peer(workload: string, protocol: Protocol): Promise<Duplex>
  stop(): Promise<void>
}

/** Starts Envoy with a listener of every kind. */
export async function startWays(path: MeshSnapshot['path']): Promise<Ways> {
  const ports = { http: await freePort(), https: await freePort(), mutual: await freePort(), tcp: await freePort() }
  const directory = mkdtempSync('/tmp/weft-ways-')
  const authority = testAuthority(join(directory, 'ca'))
  const seen: Seen[] = []
  const rpc = serveRpc(join(directory, 'rpc'), seen)
  const cache = serveConnections('cache')
  const outside = createServer(recorder('outside', seen))
  await new Promise<void>((resolve) => outside.listen(0, LOCAL, resolve))
  const { port: outsidePort } = outside.address() as AddressInfo
  const world = await World.start(
    compiled([...egress(outsidePort), ...resources(ports, authority.issueFor(PUBLIC), authority.root)], path),
    async (starting) => {
      for (const name of ['echo', 'both', 'caller']) await starting.addReplica(`default/${name}-v1`, recorder(name, seen))
      starting.replicas.set('default/rpc-v1', [replica('rpc', join(directory, 'rpc'))])
      starting.replicas.set('default/cache-v1', [replica('cache', cache.path)])
      starting.wake = async () => 200
    },
  )
  const identity = world.authority.issue('spiffe://cluster.local/ns/default/sa/caller')
  const peer: Ways['peer'] = (workload, protocol) =>
    overTls({ path: inboundSocket(world.layout, workload), ca: world.authority.root, cert: identity.certificate, key: identity.key }, protocol)
  const client = authority.issueFor('client.example.com')
  const all = waysOf({ world, ports, authority, client, peer })
  await Promise.all(all.map(there))
  return {
    world,
    authority,
    ports,
    seen,
    peer,
    all,
    async stop() {
      await world.stop()
      rpc.close()
      outside.closeAllConnections()
      outside.close()
      cache.server.closeAllConnections()
      cache.server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

type Protocol = 'http/1.1' | 'h2'

const LOCAL = '127.0.0.1'
const CALLER = 'default/caller-v1'

function waysOf({ world, ports, authority, client, peer }: Pick<Ways, 'world' | 'ports' | 'authority' | 'peer'> & { readonly client: Pem }): readonly Way[] {
  const gateway = { host: PUBLIC, prefix: '', headers: '', from: 'outside' } as const
  const secure = { host: LOCAL, ca: authority.root, servername: PUBLIC }
  const inside = { host: 'echo', prefix: '', headers: '' } as const
  const tcp = (port: number) => async () => opened(connect({ host: LOCAL, port }))
  const unix = (path: string) => async () => opened(connect({ path }))
  const held = `${MESH_HEADERS.workload}: default/echo-v1\r\n`
  return [
    { name: 'the ingress', ...gateway, host: 'somewhere', prefix: '/function/echo', open: tcp(world.port) },
    { name: 'the ingress, to a function of HTTP/2', ...gateway, host: 'somewhere', prefix: '/function/rpc', open: tcp(world.port) },
    { name: 'a Gateway', ...gateway, open: tcp(ports.http) },
    { name: 'a Gateway, to a function of HTTP/2', ...gateway, prefix: '/rpc', open: tcp(ports.http) },
    { name: 'a Gateway with TLS', ...gateway, open: (protocol) => overTls({ ...secure, port: ports.https }, protocol) },
    {
      name: 'a Gateway with mutual TLS',
      ...gateway,
      open: (protocol) => overTls({ ...secure, port: ports.mutual, cert: client.certificate, key: client.key }, protocol),
    },
    { name: 'an outbound listener', ...inside, from: 'function', open: unix(world.outbound(CALLER)) },
    { name: 'an outbound listener, to a function of HTTP/2', ...inside, host: 'rpc', from: 'function', open: unix(world.outbound(CALLER)) },
    { name: 'CONNECT to a mesh name', ...inside, from: 'function', open: () => throughTunnel(world.outbound(CALLER), 'echo:80') },
    { name: 'an inbound listener', ...inside, from: 'peer', open: (protocol) => peer('default/echo-v1', protocol) },
    { name: 'an inbound listener of HTTP/2', ...inside, host: 'rpc', from: 'peer', open: (protocol) => peer('default/rpc-v1', protocol) },
    { name: 'an inbound listener in plain text', ...inside, host: 'both', from: 'peer', open: unix(inboundSocket(world.layout, 'default/both-v1')) },
    { name: 'an outbound listener, to a host outside by the egress gateway', ...inside, host: OUTSIDE, from: 'function', open: unix(world.outbound(CALLER)) },
    { name: 'the egress gateway', ...inside, host: OUTSIDE, from: 'peer', open: (protocol) => peer('weft-system/egressgateway-80', protocol) },
    { name: 'the hold listener', ...inside, from: 'proxy', headers: held, open: unix(holdSocket(world.layout)) },
  ]
}

/** Envoy answers before the last of its listeners is there. */
async function there(way: Way): Promise<void> {
  for (const deadline = Date.now() + 20_000; ;) {
    try {
      const socket = await way.open('http/1.1')
      socket.on('error', () => undefined).destroy()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

function opened(socket: Duplex, event = 'connect'): Promise<Duplex> {
  return new Promise((resolve, reject) => socket.once('error', reject).once(event, () => resolve(socket)))
}

function overTls(options: tls.ConnectionOptions, protocol: Protocol): Promise<Duplex> {
  return opened(tls.connect({ ...options, ALPNProtocols: [protocol], checkServerIdentity: () => undefined }), 'secureConnect')
}

async function throughTunnel(socketPath: string, authority: string): Promise<Duplex> {
  const socket = await tunnel(socketPath, authority)
  if (typeof socket === 'number') throw new Error(`CONNECT ${authority}: ${socket}`)
  return socket
}

function recorder(by: string, seen: Seen[]): RequestListener {
  return (request, response) => {
    let body = ''
    request.setEncoding('latin1').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      seen.push({ by, method: request.method ?? '', path: request.url ?? '', headers: request.headers, body })
      response.end('seen')
    })
  }
}

/** The same over HTTP/2 without TLS. */
function serveRpc(path: string, seen: Seen[]): http2.Http2Server {
  const server = http2.createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      if (request.aborted || request.stream.aborted) return
      seen.push({ by: 'rpc', method: request.method, path: request.url, headers: request.headers, body })
      response.end('seen')
    })
  })
  server.listen(path)
  return server
}
