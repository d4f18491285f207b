import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { compiled, functionOf, networking } from './testing/resources.ts'
import { echoUpgrade, upgrade } from './testing/streams.ts'
import { World } from './testing/world.ts'

const CALLER = 'default/control-v1'
const HOST = 'live.example.org'
const outside = http.createServer((_request, response) => response.end())
let world: World

function resources(port: number): readonly Resource[] {
  return [
    ...functionOf('control'),
    networking('ServiceEntry', 'live', {
      hosts: [HOST],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: port }],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1' }],
    }),
    networking('Gateway', 'egress', {
      selector: { istio: 'egressgateway' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: [HOST] }],
    }),
    networking('VirtualService', 'live', {
      hosts: [HOST],
      gateways: ['mesh', 'egress'],
      http: [
        { match: [{ gateways: ['mesh'] }], route: [{ destination: { host: 'egressgateway.weft-system' } }] },
        { match: [{ gateways: ['egress'] }], route: [{ destination: { host: HOST } }] },
      ],
    }),
  ]
}

const closed: Resource = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'closed', namespace: 'weft-system' },
  spec: { selector: { matchLabels: { 'weft.dev/gateway': 'egress' } } },
}

beforeAll(async () => {
  outside.on('upgrade', echoUpgrade)
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve))
  world = await World.start(compiled(resources((outside.address() as AddressInfo).port)), async (starting) => void (await starting.addReplica(CALLER)))
})
afterAll(async () => {
  await world?.stop()
  outside.closeAllConnections()
  await new Promise((resolve) => outside.close(resolve))
})

describe('a WebSocket through the egress gateway', () => {
  it('carries bytes both ways, and is refused where the gateway is closed', async () => {
    const options = { socketPath: world.outbound(CALLER), path: '/live', headers: { host: HOST } }
    expect((await world.from(CALLER, `http://${HOST}/`)).status).toBe(200)
    expect(await upgrade(options, 'hello')).toBe('hello')
    await world.apply(compiled([...resources((outside.address() as AddressInfo).port), closed]))
    expect(await upgrade(options, 'hello')).toBe('403')
  })
})
