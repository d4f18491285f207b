import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'

let fixture: Fixture

const workload = (name: string) => ({ namespace: 'default', name: `${name}-v1` })

async function deployed(name: string): Promise<void> {
  const delivery = await fixture.mesh.settled(await fixture.deploy(name), 5_000)
  expect(delivery).toMatchObject({ complete: true, stragglers: [] })
}

/** Serial number that an inbound listener shows in a fresh handshake. */
function serialOf(name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: fixture.inboundSocket(name), rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe.each([1, 2])('a mesh with real Envoys (%i)', (proxies) => {
  beforeAll(async () => {
    fixture = await startFixture({ proxies })
  })
  afterAll(async () => {
    await fixture.close()
  })

  it('has every type of resource acknowledged, and answers for a replica through mutual TLS', async () => {
    await deployed('types')
    const delivery = await fixture.mesh.setReplicas(workload('types'), [await fixture.replica('types')])
    expect(delivery).toMatchObject({ complete: true, stragglers: [], steps: [{ name: 'listeners' }, { name: 'endpoints' }] })
    const answer = await fixture.call('/function/types/a?b=c')
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({ name: 'types', url: '/a?b=c' })
    expect(answer.body).toContain('URI=spiffe://cluster.local/ns/weft-system/sa/ingress')
    const all = (await fixture.mesh.status()).proxies
    expect(all).toMatchObject(Array.from({ length: proxies }, () => ({ connected: true, restarts: 0, rejected: [] })))
    expect([...new Set(all.flatMap(({ types }) => types.map(({ type }) => type)))].toSorted()).toEqual([
      'Cluster',
      'ClusterLoadAssignment',
      'Listener',
      'RouteConfiguration',
      'ScopedRouteConfiguration',
      'Secret',
      'TypedExtensionConfig',
      'VirtualHost',
    ])
    expect(all.every(({ types }) => types.every(({ sentVersion, ackedVersion }) => sentVersion === ackedVersion))).toBe(true)
  })

  it('waits no longer for a replica that is taken back before its proxy listens for it', async () => {
    await deployed('fleeting')
    const arriving = fixture.mesh.setReplicas(workload('fleeting'), [await fixture.replica('fleeting')], 60_000)
    const leaving = fixture.mesh.setReplicas(workload('fleeting'), [], 60_000)
    expect(await Promise.all([arriving, leaving])).toMatchObject([{ complete: true }, { complete: true }])
    const answer = await fixture.call('/function/fleeting')
    expect({ status: answer.status, woken: fixture.woken.filter((name) => name === 'fleeting-v1') }).toEqual({ status: 200, woken: ['fleeting-v1'] })
  })

  it('lets a function call another by its name, which brings routes and clusters on demand', async () => {
    await deployed('caller')
    await deployed('callee')
    const caller = await fixture.replica('caller')
    await fixture.mesh.setReplicas(workload('caller'), [caller])
    await fixture.mesh.setReplicas(workload('callee'), [await fixture.replica('callee')])
    for (const host of ['callee.default:8080', 'callee', 'callee.default.svc.cluster.local']) {
      const answer = await fixture.call('/x', { socket: caller.outboundSocket ?? '', headers: { host } })
      expect({ host, status: answer.status }).toEqual({ host, status: 200 })
      expect(answer.body).toContain('URI=spiffe://cluster.local/ns/default/sa/caller')
    }
  })

  it('lets a function call others wherever they are placed', async () => {
    const callees = ['near', 'far', 'farther', 'farthest']
    await deployed('traveller')
    const traveller = await fixture.replica('traveller')
    await fixture.mesh.setReplicas(workload('traveller'), [traveller])
    for (const name of callees) await deployed(name)
    const places = new Set(['traveller', ...callees].map((name) => dirname(fixture.inboundSocket(name))))
    expect(places.size).toBe(proxies)
    for (const name of callees) {
      const answer = await fixture.call('/x', { socket: traveller.outboundSocket ?? '', headers: { host: name } })
      expect({ name, status: answer.status }).toEqual({ name, status: 200 })
      expect(answer.body).toContain('URI=spiffe://cluster.local/ns/default/sa/traveller')
    }
  })

  it('answers for a host that does not exist without hanging', async () => {
    await deployed('curious')
    const curious = await fixture.replica('curious')
    await fixture.mesh.setReplicas(workload('curious'), [curious])
    const answer = await fixture.call('/', { socket: curious.outboundSocket ?? '', headers: { host: 'nobody.default' } })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'HOST_NOT_FOUND' } })
  })

  it('holds calls at zero, wakes once for all of them, and loses no byte of a big body', async () => {
    await deployed('sleeper')
    const body = Buffer.alloc(3_000_000, 'x')
    const calls = await Promise.all(Array.from({ length: 20 }, (_, index) => fixture.call('/function/sleeper', index === 0 ? { method: 'POST', body } : {})))
    expect(calls.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(JSON.parse(calls[0]?.body ?? '')).toMatchObject({ bytes: 3_000_000 })
    expect(fixture.woken.filter((name) => name === 'sleeper-v1')).toHaveLength(1)
  })

  it('answers 503 with the reason and Retry-After when nothing can be woken', async () => {
    await deployed('broken')
    fixture.mesh.onWake(async () => ({ ok: false, status: 503, reason: 'the image is not there' }))
    const answer = await fixture.call('/function/broken')
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'NO_REPLICA', message: expect.stringContaining('the image is not there') } })
    fixture.mesh.onWake(async (name) => {
      fixture.woken.push(name.name)
      await fixture.mesh.setReplicas(name, [await fixture.replica(name.name)])
      return { ok: true }
    })
  })

  it('counts a call once that was held and has a replica then', async () => {
    await deployed('once')
    const port = fixture.layout.ingress?.port
    const answered = new Promise<number | undefined>((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port, path: '/function/once', method: 'POST', agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      call.on('error', reject)
      call.write('the first half')
      const told = () => fixture.load.filter((report) => report.workload.name === 'once-v1' && report.inProgress > 0)
      void eventually(() => (fixture.woken.includes('once-v1') && told().length >= 5 ? true : undefined)).then(() => call.end(), reject)
    })
    expect(await answered).toBe(200)
    const counts = fixture.load.filter((report) => report.workload.name === 'once-v1').map(({ inProgress }) => inProgress)
    expect(Math.max(...counts)).toBe(1)
  })

  it('does not wake a workload for a caller that may not call it', async () => {
    await deployed('guarded')
    const policy = await fixture.store.create({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'guarded', namespace: 'default' },
      spec: {
        selector: { matchLabels: { app: 'guarded' } },
        action: 'ALLOW',
        rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/caller'] } }] }],
      },
    })
    await fixture.mesh.settled(policy.metadata.resourceVersion ?? '', 5_000)
    const answer = await fixture.call('/function/guarded', { headers: { 'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/default/sa/caller' } })
    expect(answer.status).toBe(403)
    expect(fixture.woken).not.toContain('guarded-v1')
  })

  it('proves a replica through its listener as the prober, and says why when there is none', async () => {
    await deployed('probed')
    await fixture.mesh.setReplicas(workload('probed'), [await fixture.replica('probed')])
    expect(await fixture.mesh.probe(workload('probed'), 2_000)).toMatchObject({ ok: true })
    expect(await fixture.mesh.probe(workload('nobody'), 2_000)).toMatchObject({ ok: false, reason: 'the mesh does not know this workload' })
  })

  it('probes a workload that takes plain text only', async () => {
    await deployed('open')
    const disabled = await fixture.store.create({
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name: 'open', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'open' } }, mtls: { mode: 'DISABLE' } },
    })
    await fixture.mesh.settled(disabled.metadata.resourceVersion ?? '', 5_000)
    await fixture.mesh.setReplicas(workload('open'), [await fixture.replica('open')])
    expect(await fixture.mesh.probe(workload('open'), 2_000)).toMatchObject({ ok: true })
    expect((await fixture.call('/function/open')).status).toBe(200)
  })

  it('shows a new serial in a fresh handshake after certificates were rotated, and calls go on', async () => {
    await deployed('rotated')
    await fixture.mesh.setReplicas(workload('rotated'), [await fixture.replica('rotated')])
    const before = await serialOf('rotated')
    await fixture.mesh.rotate()
    const after = await eventually(async () => {
      const serial = await serialOf('rotated')
      return serial === before ? undefined : serial
    })
    expect((await fixture.mesh.certificates()).map(({ serial }) => serial.toUpperCase())).toContain(after.toUpperCase())
    expect((await fixture.call('/function/rotated')).status).toBe(200)
  })

  it('sets a refused resource aside by name, with the others in force', async () => {
    await deployed('culprit')
    const good = await fixture.replica('culprit')
    const bad = { ...(await fixture.replica('culprit')), outboundSocket: `/tmp/${'x'.repeat(120)}` }
    const delivery = await fixture.mesh.setReplicas(workload('culprit'), [good, bad], 3_000)
    expect(delivery.complete).toBe(false)
    expect(delivery.stragglers[0]?.reason).toContain(`outbound/default/culprit-v1/${bad.id}`)
    const rejected = async () => (await fixture.mesh.status()).proxies.flatMap((proxy) => proxy.rejected)
    expect(await rejected()).toMatchObject([
      { type: 'Listener', resource: `outbound/default/culprit-v1/${bad.id}`, cause: { kind: 'Revision', name: 'culprit-v1' } },
    ])
    expect(existsSync(good.outboundSocket ?? '')).toBe(true)
    expect((await fixture.call('/function/culprit')).status).toBe(200)
    expect(await fixture.mesh.setReplicas(workload('culprit'), [good])).toMatchObject({ complete: true })
    expect(await rejected()).toEqual([])
  })

  it('reports load of every caller, and once zero when it ends', async () => {
    await deployed('loaded')
    await fixture.mesh.setReplicas(workload('loaded'), [await fixture.replica('loaded')])
    const mine = () => fixture.load.filter((report) => report.workload.name === 'loaded-v1')
    await eventually(async () => {
      await fixture.call('/function/loaded')
      return mine().some(({ started }) => started > 0) ? true : undefined
    })
    await eventually(() => (mine().at(-1)?.started === 0 ? true : undefined))
    expect(mine().at(-1)).toMatchObject({ inProgress: 0, started: 0 })
  })

  it('counts calls by code and duration', async () => {
    await deployed('counted')
    await fixture.mesh.setReplicas(workload('counted'), [await fixture.replica('counted')])
    for (let index = 0; index < 7; index += 1) await fixture.call('/function/counted')
    const counted = await eventually(async () => {
      const found = (await fixture.mesh.invocations()).find((entry) => entry.function.name === 'counted')
      return found?.durationCount === 7 ? found : undefined
    })
    expect(counted).toMatchObject({ function: { namespace: 'default', name: 'counted' }, revision: 'v1', byCode: { 200: 7 }, started: 7 })
    expect(counted.durationBuckets.at(-1)).toEqual({ le: Number.POSITIVE_INFINITY, count: 7 })
  })

  it('shows the configuration of a workload without keys', async () => {
    await deployed('shown')
    await fixture.mesh.setReplicas(workload('shown'), [await fixture.replica('shown')])
    const [shown] = await fixture.mesh.configuration({ namespace: 'default', name: 'shown' })
    expect(shown).toMatchObject({ workload: workload('shown') })
    expect([shown?.listeners, shown?.routes, shown?.clusters, shown?.endpoints, shown?.secrets].map((part) => (part ?? []).length > 0)).toEqual([
      true,
      true,
      true,
      true,
      true,
    ])
    expect(JSON.stringify(shown)).not.toContain('PRIVATE KEY')
  })

  it('is back within a second with everything when Envoy is killed, outbound sockets too', async () => {
    for (let index = 0; index < 20; index += 1) {
      await deployed(`many-${index}`)
      await fixture.mesh.setReplicas(workload(`many-${index}`), [await fixture.replica(`many-${index}`)])
    }
    const last = await fixture.replica('many-19')
    await fixture.mesh.setReplicas(workload('many-19'), [last])
    process.kill((await fixture.mesh.envoyPid()) ?? 0, 'SIGKILL')
    const killedAt = Date.now()
    await eventually(async () => {
      const answers = await Promise.all(['0', '19'].map((index) => fixture.call(`/function/many-${index}`).catch(() => undefined)))
      return answers.every((answer) => answer?.status === 200) ? true : undefined
    })
    const backMs = Date.now() - killedAt
    const answer = await eventually(() => fixture.call('/', { socket: last.outboundSocket ?? '', headers: { host: 'many-0' } }).catch(() => undefined))
    expect(answer.status).toBe(200)
    expect((await fixture.mesh.status()).proxies[0]?.restarts).toBe(1)
    // A second on a quiet machine; the margin is for one that is not.
    expect(backMs).toBeLessThan(3_000)
  })
})

describe('a mesh whose address is taken', () => {
  it('does not start, and says so', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    await expect(startFixture({ port })).rejects.toMatchObject({ code: 'ENVOY_FAILED', message: expect.stringContaining('Listener ingress') })
    other.close()
  })
})
