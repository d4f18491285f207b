import { describe, expect, it } from '@jest/globals'
import { createCompiler, type MeshSnapshot } from '@weft/mesh-model'
import { makeWorld } from '../../test/world.ts'

const BASE = '/apis/mesh.weft.dev/v1alpha1'

function snapshot(): MeshSnapshot {
  const template = { runtime: 'node22' }
  const metadata = { name: 'temp', namespace: 'default' }
  const resources = [
    { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata, spec: { template }, status: { traffic: [{ revision: 'v1', weight: 100 }] } },
    {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'Revision',
      metadata: { ...metadata, name: 'temp-v1' },
      spec: { function: 'temp', revision: 'v1', number: 1, template },
      status: { phase: 'Active' },
    },
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'only-a', namespace: 'default' },
      spec: {
        rules: [
          { from: [{ source: { principals: ['cluster.local/ns/default/sa/a'] } }] },
          { when: [{ key: 'request.headers[x-team]', values: ['red'] }] },
          { from: [{ source: { remoteIpBlocks: ['192.0.2.0/24'] } }] },
        ],
      },
    },
  ]
  return createCompiler({ proxies: ['node'] }).apply(resources.map((resource) => ({ type: 'set', resource }))).snapshot
}

describe('questions to the mesh', () => {
  it.each([
    ['the ingress', '', false, 'no-rule-matches'],
    ['a function by its name', '?from=a&method=post&path=/x', true, 'allow-rule'],
    ['an identity', '?from=cluster.local/ns/default/sa/a', true, 'allow-rule'],
    ['a call with a header', '?headers={"X-Team":"red"}', true, 'allow-rule'],
    ['a call with another value of the header', '?headers={"x-team":["blue"]}', false, 'no-rule-matches'],
    ['an address outside', '?address=192.0.2.9', true, 'allow-rule'],
    ['an address outside, of a call from within', '?address=192.0.2.9&from=b', false, 'no-rule-matches'],
    ['another namespace’s function', '?from=a.staging', false, 'no-rule-matches'],
  ])('are answered for %s', async (_name, query, allowed, because) => {
    await using world = await makeWorld()
    world.mesh.know(snapshot())
    const { status, json } = await world.call('GET', `${BASE}/authorization/temp${query}`)
    expect([status, json['allowed'], json]).toMatchObject([200, allowed, { checks: [{ because }] }])
  })

  it.each([
    ['a host that is not there', 'authorization/nope', 404],
    ['a name that is none', 'authorization/No_Pe', 400],
    ['a path that is none', 'authorization/temp?path=x', 400],
    ['an identity that is none', 'authorization/temp?from=a/b/c', 400],
    ['an address that is none', 'authorization/temp?address=x', 400],
    ['headers that are none', 'authorization/temp?headers=[]', 400],
    ['a description of nothing', 'description/nope', 404],
  ])('are refused for %s', async (_name, path, status) => {
    await using world = await makeWorld()
    world.mesh.know(snapshot())
    expect((await world.call('GET', `${BASE}/${path}`)).status).toBe(status)
  })

  it('give a host in words', async () => {
    await using world = await makeWorld()
    world.mesh.know(snapshot())
    const { json } = await world.call('GET', `${BASE}/description/temp.default`)
    expect(json).toMatchObject({ host: 'default/temp', routes: [{ when: 'Every call' }], workloads: [{ mtls: 'strict', fromOutside: false }] })
  })

  it('need credentials', async () => {
    await using world = await makeWorld()
    expect((await world.call('GET', `${BASE}/description/temp`, undefined, { authorization: '' })).status).toBe(401)
  })
})
