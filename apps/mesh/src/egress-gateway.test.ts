import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { placedOn } from '@weft/mesh-model'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'

const GATEWAY = { namespace: 'weft-system', name: 'egressgateway' }
let outside: Server
let port: number

beforeAll(async () => {
  outside = createServer((incoming, response) => response.end(`outside ${incoming.url}`))
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve))
  port = (outside.address() as AddressInfo).port
})
afterAll(async () => {
  await new Promise((resolve) => (outside.close(resolve), outside.closeAllConnections()))
})

const networking = (kind: string, name: string, spec: object): Resource => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { name, namespace: 'default' },
  spec,
})
const gateway = networking('Gateway', 'egress', {
  selector: { istio: 'egressgateway' },
  servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['legacy.example.org'] }],
})
const resources = () => [
  networking('ServiceEntry', 'legacy', {
    hosts: ['legacy.example.org'],
    ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
    resolution: 'STATIC',
    endpoints: [{ address: '127.0.0.1', ports: { http: port } }],
  }),
  networking('VirtualService', 'legacy', {
    hosts: ['legacy.example.org'],
    gateways: ['mesh', 'egress'],
    http: [
      {
        match: [{ gateways: ['mesh'] }],
        route: [{ destination: { host: 'istio-egressgateway.istio-system.svc.cluster.local', port: { number: 80 } } }],
      },
      { match: [{ gateways: ['egress'] }], route: [{ destination: { host: 'legacy.example.org', port: { number: 80 } } }] },
    ],
  }),
]
const closed: Resource = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'outside', namespace: 'istio-system' },
  spec: { selector: { matchLabels: { istio: 'egressgateway' } } },
}

function callFrom(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/a', headers: { host: 'legacy.example.org' }, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve(`${response.statusCode} ${body}`))
    })
    call.on('error', reject)
    call.end()
  })
}

/** A function that the last of the proxies serves. */
function functionFor(proxies: number): string {
  const nodes = Array.from({ length: proxies }, (_, index) => `node-${index + 1}`)
  return ['a', 'b', 'c', 'd', 'e', 'f'].find((name) => placedOn(nodes, `default/${name}-v1`) === `node-${proxies}`) ?? 'a'
}

describe.each([1, 2])('the egress gateway in the running mesh, with proxies: %i', (proxies) => {
  let fixture: Fixture
  beforeAll(async () => {
    fixture = await startFixture({ proxies, settings: { outbound: 'REGISTRY_ONLY' } })
  })
  afterAll(() => fixture.close())

  it('is there while a Gateway wants it, and under its policies, for callers of every proxy', async () => {
    const { mesh, store, deploy, replica } = fixture
    const name = functionFor(proxies)
    await mesh.settled(await deploy(name), 5_000)
    const own = await replica(`${name}-v1`)
    await mesh.setReplicas({ namespace: 'default', name: `${name}-v1` }, [own])
    const becomes = async (pattern: RegExp) => {
      await eventually(async () => (pattern.test(await callFrom(own.outboundSocket ?? '')) ? true : undefined))
    }
    await becomes(/^502 .*HOST_NOT_REGISTERED/s)
    expect(await mesh.configuration(GATEWAY)).toEqual([])
    for (const resource of resources()) await store.create(resource)
    await becomes(/^503 .*TARGET_MISSING/s)
    const made = await store.create(gateway)
    await becomes(/^200 outside \/a$/)
    expect((await mesh.configuration(GATEWAY)).map(({ listeners }) => listeners.length)).toEqual([1])
    expect((await mesh.describe(GATEWAY))?.workloads).toMatchObject([{ identity: 'spiffe://cluster.local/ns/weft-system/sa/egressgateway' }])
    const policy = await store.create(closed)
    await becomes(/^403 /)
    await store.remove(
      { group: 'security.istio.io', kind: 'AuthorizationPolicy', ...policy.metadata, namespace: 'istio-system' },
      policy.metadata.resourceVersion,
    )
    await becomes(/^200 outside \/a$/)
    await store.remove({ group: 'networking.istio.io', kind: 'Gateway', namespace: 'default', name: 'egress' }, made.metadata.resourceVersion)
    await becomes(/^503 .*TARGET_MISSING/s)
    expect(await mesh.configuration(GATEWAY)).toEqual([])
    expect((await mesh.status()).proxies.map(({ rejected }) => rejected)).toEqual(Array.from({ length: proxies }, () => []))
  })
})
