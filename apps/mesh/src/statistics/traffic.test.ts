import { request } from 'node:http'
import { afterEach, describe, expect, it } from '@jest/globals'
import type { TrafficStatistics } from '@weft/mesh-model'
import { eventually, startFixture, type Fixture } from '../testing/fixture.ts'
import { trafficOf } from './traffic.ts'

let fixture: Fixture | undefined
afterEach(async () => {
  await fixture?.close()
  fixture = undefined
})

const text = ({ reporter, source, destination, code, security, requests }: TrafficStatistics) =>
  `${reporter}: ${source.workload} -> ${destination.workload} ${code} ${security} ${requests}`

/** A call from within, through the outbound socket of a replica. */
function callFrom(socketPath: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/', headers: { host }, agent: false }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    call.on('error', reject)
    call.end()
  })
}

describe('the traffic that the proxy counts', () => {
  it.each([1, 2])('is told by both sides, with who called whom, the outcome, and whether both proved who they are, with %i Envoys', async (proxies) => {
    fixture = await startFixture({ proxies })
    const { mesh, store, deploy, call, replica } = fixture
    await deploy('a')
    await mesh.settled(await deploy('b'), 5_000)
    const own = await replica('a-v1')
    await mesh.setReplicas({ namespace: 'default', name: 'a-v1' }, [own])
    // the very first call may come before Envoy has the host; what it then answers is not what is counted here
    await eventually(async () => ((await callFrom(own.outboundSocket ?? '', 'b')) === 200 ? true : undefined))
    expect((await call('/function/b', { method: 'POST', body: Buffer.alloc(2_000) })).status).toBe(200)
    const policy = { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata: { name: 'none', namespace: 'default' }, spec: {} }
    await mesh.settled((await store.create(policy)).metadata.resourceVersion ?? '', 5_000)
    expect(await callFrom(own.outboundSocket ?? '', 'b')).toBe(403)
    const traffic = await eventually(async () => {
      const now = (await mesh.traffic()).filter(({ code }) => code !== '503' && code !== '404')
      // Envoy tells histograms one question later than counters, when its workers' are put together.
      const told = (of: (one: (typeof now)[number]) => number) => now.reduce((sum, one) => sum + of(one), 0) >= 6
      return told(({ requests }) => requests) && told(({ duration }) => duration.count) ? now : undefined
    })
    expect(traffic.map(text).toSorted()).toEqual([
      'destination: a-v1 -> b-v1 200 mutual_tls 1',
      'destination: a-v1 -> b-v1 403 mutual_tls 1',
      'destination: ingress -> b-v1 200 mutual_tls 1',
      'source: a-v1 -> b-v1 200 unknown 1',
      'source: a-v1 -> b-v1 403 unknown 1',
      'source: ingress -> b-v1 200 unknown 1',
    ])
    const posted = traffic.find((one) => one.reporter === 'destination' && one.source.workload === 'ingress')
    expect(posted?.duration.count).toBe(1)
    expect(posted?.requestBytes?.sum).toBeGreaterThan(1_800)
    expect(posted?.destination).toEqual({
      workload: 'b-v1',
      namespace: 'default',
      principal: 'spiffe://cluster.local/ns/default/sa/b',
      app: 'b',
      version: 'v1',
      service: 'b',
    })
  })

  it('keeps its names when a workload has left', async () => {
    fixture = await startFixture()
    const { mesh, store, deploy, call } = fixture
    await mesh.settled(await deploy('leaver'), 5_000)
    expect((await call('/function/leaver')).status).toBe(200)
    const told = async () => ({
      traffic: (await mesh.traffic())
        .map(({ reporter, destination, requests }) => `${reporter} ${destination.service} ${destination.version} ${requests}`)
        .toSorted(),
      invocations: (await mesh.invocations()).map((one) => [one.function.name, one.revision]),
    })
    const before = await eventually(async () => {
      const now = await told()
      return now.traffic.length === 2 ? now : undefined
    })
    expect(before.traffic).toEqual(['destination leaver v1 1', 'source leaver v1 1'])
    expect(before.invocations).toEqual([['leaver', 'v1']])
    await store.remove({ group: 'weft.dev', kind: 'Revision', namespace: 'default', name: 'leaver-v1' })
    const gone = await store.remove({ group: 'weft.dev', kind: 'Function', namespace: 'default', name: 'leaver' })
    expect(await mesh.settled(gone.metadata.resourceVersion ?? '', 5_000)).toMatchObject({ complete: true })
    const after = await told()
    expect(after.traffic).toEqual(before.traffic)
    expect(after.invocations.every(([name]) => name === 'leaver')).toBe(true)
  })

  it('leaves out the prober and the control API, and names the outside as Istio does', () => {
    const line = (labels: string) => `envoy_traffic_requests{${labels},code="200",flags="-",protocol="HTTP/2"} 1\n`
    const given = [
      line('side="destination",workload="default/a-v1",peer="spiffe://cluster.local/ns/weft-system/sa/prober",tls="TLSv1.3"'),
      line('side="source",workload="ingress",peer="",cluster="gateway"'),
      line('side="source",workload="default/a-v1",peer="",cluster="egress"'),
      line('side="source",workload="default/a-v1",peer="",cluster="outside/default/*.example.org/80/-/-/-"'),
      line('side="source",workload="default/a-v1",peer="",cluster="tunnel/default/example.org/443/-/-/-"'),
      line('side="source",workload="default/a-v1",peer="",cluster="-",blocked="yes"'),
      line('side="destination",workload="default/gone-v1",peer="",tls=""'),
    ]
    const found = trafficOf(given.join(''), { trustDomain: 'cluster.local', workloads: new Map() })
    expect(found.map(text)).toEqual([
      'source: a-v1 -> PassthroughCluster 200 unknown 1',
      'source: a-v1 -> *.example.org 200 unknown 1',
      'source: a-v1 -> example.org 200 unknown 1',
      'source: a-v1 -> BlackHoleCluster 200 unknown 1',
      'destination: unknown -> gone-v1 200 none 1',
    ])
  })
})
