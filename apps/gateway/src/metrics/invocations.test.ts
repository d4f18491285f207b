import { describe, expect, it } from '@jest/globals'
import { calls, MemoryMesh } from '@weft/mesh-model/memory'
import { makeWorld } from '../../test/world.ts'
import { InvocationTotals } from './invocations.ts'
import { METRICS } from './names.ts'

const KEY = 'default/temp'

describe('totals of invocations', () => {
  it('sum the revisions of a function', async () => {
    const mesh = new MemoryMesh()
    mesh.count(calls('temp', 'v1', 90), calls('temp', 'v2', 10, '500'), calls('other', '1', 5))
    const total = (await new InvocationTotals(mesh).read()).get(KEY)
    expect(total).toMatchObject({ started: 100, completed: 100, byCode: { '200': 90, '500': 10 }, durationCount: 100 })
    expect(total?.buckets).toEqual([
      { le: 0.005, count: 0 },
      { le: 0.05, count: 100 },
    ])
  })

  it('never go back when a proxy begins anew', async () => {
    const mesh = new MemoryMesh()
    const totals = new InvocationTotals(mesh)
    const seen: (number | undefined)[] = []
    for (const count of [10, 25, 3, 7, 0, 2]) {
      mesh.count(calls('temp', 'v1', count))
      seen.push((await totals.read()).get(KEY)?.completed)
    }
    expect(seen).toEqual([10, 25, 28, 32, 32, 34])
  })

  it('stay when a revision is not reported any more', async () => {
    const mesh = new MemoryMesh()
    const totals = new InvocationTotals(mesh)
    mesh.count(calls('temp', 'v1', 10))
    await totals.read()
    mesh.count(calls('temp', 'v2', 1))
    expect((await totals.read()).get(KEY)?.completed).toBe(11)
  })

  it('are those of the last time when the mesh does not answer', async () => {
    const mesh = new MemoryMesh()
    const totals = new InvocationTotals(mesh)
    mesh.count(calls('temp', 'v1', 10))
    await totals.read()
    mesh.invocations = () => Promise.reject(new Error('no proxy'))
    expect((await totals.read()).get(KEY)?.completed).toBe(10)
  })

  it('are one reading however many ask at once', async () => {
    const mesh = new MemoryMesh()
    let readings = 0
    mesh.invocations = () => Promise.resolve([calls('temp', 'v1', (readings += 1))])
    const totals = new InvocationTotals(mesh)
    await Promise.all([totals.read(), totals.read(), totals.read()])
    expect(readings).toBe(1)
  })
})

describe('the metrics listener', () => {
  it('serves the numbers under the names of OpenFaaS, by function and namespace', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', { service: 'temp', image: 'temp:1' })
    world.mesh.count(calls('temp', '00001', 3), calls('temp', '00002', 1, '404'))
    const { body, statusCode, headers } = await world.gateway.metrics.inject({ url: '/metrics' })
    expect([statusCode, headers['content-type']]).toEqual([200, expect.stringContaining('text/plain; version=0.0.4')])
    for (const line of [
      'gateway_function_invocation_total{function_name="temp.default",code="200"} 3',
      'gateway_function_invocation_total{function_name="temp.default",code="404"} 1',
      'gateway_function_invocation_started{function_name="temp.default"} 4',
      'gateway_functions_seconds_bucket{function_name="temp.default",le="0.05"} 4',
      'gateway_functions_seconds_bucket{function_name="temp.default",le="+Inf"} 4',
      'gateway_functions_seconds_count{function_name="temp.default"} 4',
      'gateway_service_count{function_name="temp.default"} 0',
      'http_requests_total{method="POST",path="/system/functions",status="202"} 1',
    ]) {
      expect(body.split('\n')).toContain(line)
    }
    for (const name of Object.keys(METRICS)) expect(body).toContain(`# TYPE ${name} `)
    expect(body).toContain('process_cpu_seconds_total')
  })

  it('forgets the numbers of a function that was removed', async () => {
    await using world = await makeWorld()
    world.mesh.count(calls('temp', '00001', 3))
    await world.call('POST', '/system/functions', { service: 'temp', image: 'temp:1' })
    await world.gateway.metrics.inject({ url: '/metrics' })
    await world.call('DELETE', '/system/functions', { functionName: 'temp' })
    world.mesh.count()
    expect((await world.gateway.metrics.inject({ url: '/metrics' })).body).not.toContain('function_name="temp.default"')
  })

  it.each([
    ['GET', 200, 'OK'],
    ['POST', 405, ''],
  ])('answers %s /healthz with %i', async (method, status, text) => {
    await using world = await makeWorld()
    const response = await world.gateway.metrics.inject({ method: method as 'GET', url: '/healthz' })
    expect([response.statusCode, response.body]).toEqual([status, text])
  })

  it('bounds its labels: names that were only asked for make none', async () => {
    await using world = await makeWorld()
    for (let index = 0; index < 5; index++) await world.call('GET', `/system/function/unknown-${index}`)
    const { body } = await world.gateway.metrics.inject({ url: '/metrics' })
    expect(body).not.toContain('unknown-')
  })
})
