import { describe, expect, it } from '@jest/globals'
import { leadsOut, waysOut } from './outside-of.ts'

describe('ways out of the mesh', () => {
  it('are those that routes name, and those behind their tunnels', () => {
    const routes = [
      { virtual_hosts: [{ routes: [{ route: { cluster: 'outside/default/a.test/80/-/-/-' } }, { route: { cluster: 'pair/default/a/default/b' } }] }] },
      { routes: [{ route: { weighted_clusters: { clusters: [{ name: 'tunnel/default/b.test/443/-/-/-' }, { name: 'egress' }] } } }] },
    ]
    const tunnels = [
      { name: 'tunnel/default/b.test/443/-/-/-', json: { filter_chains: [{ filters: [{ typed_config: { cluster: 'bytes/default/b.test/443/-/-/-' } }] }] } },
      { name: 'tunnel/default/c.test/443/-/-/-', json: { cluster: 'bytes/default/c.test/443/-/-/-' } },
    ]
    expect([...waysOut(routes, tunnels)].toSorted()).toEqual([
      'bytes/default/b.test/443/-/-/-',
      'egress',
      'outside/default/a.test/80/-/-/-',
      'tunnel/default/b.test/443/-/-/-',
    ])
  })

  it.each(['outside', 'outside/x', 'local/default/a', '', 'https://outside/a/b/c'])('are not %j', (name) => expect(leadsOut(name)).toBe(false))
})
