import { describe, expect, it } from '@jest/globals'
import { listIn, makeWorld } from '../../test/world.ts'

const ANALYSIS = '/apis/mesh.weft.dev/v1alpha1/analysis'
const route = (host: string) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'routes', namespace: 'default' },
  spec: { hosts: ['temp'], http: [{ route: [{ destination: { host } }] }] },
})
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'temp', namespace: 'default' },
  spec: { selector: { app: 'x' }, ports: [{ port: 8080 }] },
}

describe('the analysis', () => {
  it('is of everything that is there', async () => {
    await using world = await makeWorld()
    expect((await world.call('GET', ANALYSIS)).json).toEqual([])
    await world.store.create(route('nope'))
    expect(listIn((await world.call('GET', ANALYSIS)).json)).toMatchObject([{ code: 'IST0101', severity: 'error', resource: { name: 'routes' } }])
  })

  it('is of what is given together with what is there, and applies nothing', async () => {
    await using world = await makeWorld()
    await world.store.create(service)
    await world.store.create(route('nope'))
    const answer = await world.call('POST', ANALYSIS, { documents: [{ ...route('temp'), apiVersion: 'networking.istio.io/v1beta1' }] })
    expect(answer.json).toEqual([])
    expect(
      listIn((await world.call('POST', ANALYSIS, { documents: [null, route('gone')] })).json).map((finding) => [finding['code'], finding['document']]),
    ).toEqual([
      ['IST0106', 0],
      ['IST0101', 1],
    ])
    expect(await world.contents()).toContain('"host":"nope"')
  })

  it('refuses what is no list', async () => {
    await using world = await makeWorld()
    expect((await world.call('POST', ANALYSIS, { documents: 'x' })).status).toBe(400)
    expect((await world.call('GET', ANALYSIS, undefined, { authorization: '' })).status).toBe(401)
  })
})
