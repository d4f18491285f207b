import http from 'node:http'
import { connect, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { freePort } from '../testing/free-port.ts'
import { testAuthority } from './testing/certificates.ts'
import { replica } from './testing/model.ts'
import { compiled, functionOf } from './testing/resources.ts'
import { serveConnections } from './testing/streams.ts'
import { World } from './testing/world.ts'

const metadata = (name: string) => ({ name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' })
const raw = (name: string, revisions = 1): readonly Resource[] =>
  functionOf(name, revisions).map((resource) => {
    const spec = resource.spec as { template: object }
    return { ...resource, spec: { ...spec, template: { ...spec.template, protocol: 'tcp', port: 6379 } } }
  })

let world: World
let ports: { readonly tcp: number; readonly tls: number; readonly ended: number }
let resources: readonly Resource[]
const servers: (Server | http.Server)[] = []

/** A function that speaks TLS itself: its runtime joins a CONNECT with a server that has a certificate for the name. */
function serveTls(name: string, directory: string): string {
  const authority = testAuthority(join(directory, `${name}-ca`))
  const { certificate, key } = authority.issueFor(name)
  const inner = tls.createServer({ cert: certificate, key }, (socket) => socket.end(`${name} says hello\n`))
  inner.listen(0, '127.0.0.1')
  servers.push(inner)
  const path = join(directory, `${name}-s`)
  const server = http.createServer()
  server.on('connect', (_request, socket) => {
    const far = connect((inner.address() as AddressInfo).port, '127.0.0.1')
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    socket.pipe(far).pipe(socket)
    for (const each of [socket, far]) each.on('error', () => undefined)
  })
  server.listen(path)
  servers.push(server)
  return path
}

const gateway = (...list: readonly unknown[]): Resource => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: metadata('outside'),
  spec: { selector: { istio: 'ingressgateway' }, servers: list },
})
const routes = (name: string, spec: object): Resource => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: metadata(name),
  spec: { gateways: ['outside'], ...spec },
})
const to = (host: string, more: object = {}) => ({ destination: { host, ...more } })
const names = { one: 'one.example.com', two: 'two.example.com' }

beforeAll(async () => {
  ports = { tcp: await freePort(), tls: await freePort(), ended: await freePort() }
  const passthrough = { port: { number: ports.tls, name: 'tls', protocol: 'TLS' }, hosts: ['*.example.com'], tls: { mode: 'PASSTHROUGH' } }
  resources = [
    ...raw('cache'),
    ...raw('other'),
    ...raw('one'),
    ...raw('two'),
    gateway({ port: { number: ports.tcp, name: 'tcp', protocol: 'TCP' }, hosts: ['*'] }, passthrough),
    routes('tcp', { hosts: ['*'], tcp: [{ match: [{ port: ports.tcp }], route: [to('cache')] }] }),
    routes('tls', { hosts: Object.values(names), tls: Object.entries(names).map(([fn, name]) => ({ match: [{ sniHosts: [name] }], route: [to(fn)] })) }),
  ]
  world = await World.start(compiled(resources), async (starting) => {
    for (const name of ['cache', 'other']) {
      const { path, server } = serveConnections(name)
      servers.push(server)
      starting.replicas.set(`default/${name}-v1`, [replica(name, path)])
    }
    for (const [fn, name] of Object.entries(names)) starting.replicas.set(`default/${fn}-v1`, [replica(fn, serveTls(name, starting.directory))])
  })
}, 30_000)
afterAll(async () => {
  await world?.stop()
  for (const server of servers) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
})

/** What somebody outside gets over a connection; `''` when it is closed without a word. */
function outside(port: number, enough: RegExp, say = ''): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let seen = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      seen += text
      if (enough.test(seen)) socket.destroy()
    })
    socket.on('error', () => resolve(seen)).on('close', () => resolve(seen))
    if (say !== '') socket.write(say)
  })
}

function outsideTls(servername: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: ports.tls, servername, rejectUnauthorized: false })
    let seen = ''
    socket.setEncoding('utf8').on('data', (text: string) => (seen += text))
    socket.on('secureConnect', () => (seen += `[${String(socket.getPeerCertificate().subjectaltname)}] `))
    socket.on('error', () => resolve('refused')).on('close', () => resolve(seen))
  })
}

describe('a Gateway that carries connections', () => {
  it('takes raw TCP on its port to a function', async () => {
    expect(world.plane.refused).toEqual([])
    expect(await outside(ports.tcp, /HELLO/, 'hello')).toBe('cache\nHELLO')
  })

  it('lets TLS through by the server name: the function shows its own certificate', async () => {
    expect(await outsideTls(names.one)).toBe('[DNS:one.example.com] one.example.com says hello\n')
    expect(await outsideTls(names.two)).toBe('[DNS:two.example.com] two.example.com says hello\n')
    expect(await outsideTls('three.example.com')).toBe('refused')
  })

  it('goes by shares', async () => {
    const half = routes('tcp', {
      hosts: ['*'],
      tcp: [
        {
          route: [
            { ...to('cache'), weight: 50 },
            { ...to('other'), weight: 50 },
          ],
        },
      ],
    })
    await world.apply(compiled([...resources.filter(({ metadata: { name } }) => name !== 'tcp'), half]))
    const seen = new Set<string>()
    for (let index = 0; index < 40; index += 1) seen.add((await outside(ports.tcp, /\n/)).trim())
    expect([...seen].toSorted()).toEqual(['cache', 'other'])
  })

  it('asks the policy of the function, which knows the gateway and the address of who is outside', async () => {
    const policy = (source: object): Resource => ({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: metadata('cache'),
      spec: {
        selector: { matchLabels: { app: 'cache' } },
        rules: [{ from: [{ source: { principals: ['cluster.local/ns/weft-system/sa/ingress'], ...source } }] }],
      },
    })
    await world.apply(compiled([...resources, policy({ ipBlocks: ['127.0.0.0/8'] })]))
    expect(await outside(ports.tcp, /\n/)).toBe('cache\n')
    await world.apply(compiled([...resources, policy({ notIpBlocks: ['127.0.0.0/8'] })]))
    expect(await outside(ports.tcp, /\n/)).toBe('')
  })

  it('closes what goes nowhere, and has no listener without routes', async () => {
    const nowhere = routes('tcp', { hosts: ['*'], tcp: [{ route: [to('nobody')] }] })
    const rest = resources.filter(({ metadata: { name } }) => name !== 'tcp')
    await world.apply(compiled([...rest, nowhere]))
    expect(await outside(ports.tcp, /\n/)).toBe('')
    expect(world.plane.refused).toEqual([])
  })
})
