import { describe, expect, it } from '@jest/globals'
import { makeWorld } from '../../test/world.ts'

describe('namespaces', () => {
  it('are there from the start: default, and not the platform’s own', async () => {
    await using world = await makeWorld()
    expect((await world.call('GET', '/system/namespaces')).json).toEqual(['default'])
  })

  it.each([
    ['/system/namespace/', '/system/namespace/prod'],
    ['/system/namespace', '/system/namespaces/prod'],
    ['/system/namespaces', '/system/namespace/prod/'],
    ['/system/namespaces/', '/system/namespaces/prod/'],
    ['/system/namespace/prod', '/system/namespace/prod'],
  ])('are created at %s, and read, changed and removed at %s', async (create, one) => {
    await using world = await makeWorld()
    const body = { name: 'prod', labels: { openfaas: '1' }, annotations: { openfaas: '1' } }
    expect((await world.call('POST', create, body)).status).toBe(201)
    expect((await world.call('POST', create, body)).status).toBe(409)
    expect((await world.call('GET', one)).json).toEqual(body)
    expect((await world.call('PUT', one, { ...body, labels: { a: 'b' } })).status).toBe(202)
    expect((await world.call('GET', one)).json).toMatchObject({ labels: { a: 'b' } })
    expect((await world.call('GET', '/system/namespaces')).json).toEqual(['default', 'prod'])
    expect((await world.call('DELETE', one, { name: 'prod', labels: { openfaas: '1' } })).status).toBe(202)
    expect((await world.call('GET', one)).status).toBe(404)
  })

  it.each(['/system/namespace/prod', '/api/v1/namespaces/prod'])('are removed without a body too, with everything in them: %s', async (url) => {
    await using world = await makeWorld()
    await world.call('POST', '/system/namespace/', { name: 'prod' })
    await world.call('POST', '/system/functions', { service: 'temp', image: 'temp:1', namespace: 'prod' })
    await world.call('POST', '/system/functions', { service: 'temp', image: 'temp:1' })
    await world.call('POST', '/system/secrets', { name: 'key', value: 'x', namespace: 'prod' })
    expect((await world.call('DELETE', url)).status).toBeLessThan(300)
    expect(await world.contents()).not.toContain('prod')
    expect((await world.call('GET', '/system/function/temp')).status).toBe(200)
  })

  it.each([
    ['POST', '/system/namespace/', { name: 'default' }, 409],
    ['POST', '/system/namespace/', { name: 'openfaas-fn' }, 409],
    ['POST', '/system/namespace/', { name: 'weft-system' }, 403],
    ['POST', '/system/namespace/', { name: 'istio-system' }, 409],
    ['DELETE', '/system/namespace/istio-system', undefined, 403],
    ['POST', '/system/namespace/', { name: 'Not_A_Name' }, 400],
    ['POST', '/system/namespace/', {}, 400],
    ['DELETE', '/system/namespace/default', undefined, 403],
    ['DELETE', '/system/namespace/openfaas-fn', undefined, 403],
    ['DELETE', '/system/namespace/weft-system', undefined, 403],
    ['DELETE', '/api/v1/namespaces/weft-system', undefined, 403],
    ['PUT', '/system/namespace/nope', { labels: {} }, 404],
    ['DELETE', '/system/namespace/nope', undefined, 404],
    ['GET', '/system/namespace/..%2f', undefined, 400],
  ])('%s %s with %j answers %i and changes nothing', async (method, url, body, status) => {
    await using world = await makeWorld()
    const before = await world.contents()
    expect((await world.call(method, url, body)).status).toBe(status)
    expect(await world.contents()).toBe(before)
  })
})
