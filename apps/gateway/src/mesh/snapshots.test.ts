import { describe, expect, it } from '@jest/globals'
import { createCompiler } from '@weft/mesh-model'
import { makeWorld } from '../../test/world.ts'

const DIFF = '/apis/mesh.weft.dev/v1alpha1/snapshots/diff'

async function worldWithSnapshot() {
  const world = await makeWorld()
  world.mesh.know(createCompiler({ proxies: ['node-1'] }).snapshot)
  return world
}

describe('what changed between snapshots', () => {
  it('is asked for by versions, which come as text', async () => {
    await using world = await worldWithSnapshot()
    const newest = (await world.call('GET', DIFF)).json['to']
    const range = `from=${JSON.stringify(newest)}&to=${JSON.stringify(newest)}`
    expect((await world.call('GET', `${DIFF}?${range}`)).json).toMatchObject({ from: newest, to: newest, changes: [] })
    const unknown = await world.call('GET', `${DIFF}?from=7&to=9`)
    expect([unknown.status, unknown.json]).toMatchObject([404, { error: { code: 'SNAPSHOT_NOT_KEPT' } }])
  })

  it('is refused for what is no version', async () => {
    await using world = await worldWithSnapshot()
    for (const query of ['from=x', 'from=-1', 'to=1.5', 'to=1e3', 'from='])
      expect([query, (await world.call('GET', `${DIFF}?${query}`)).status]).toEqual([query, 400])
  })
})
