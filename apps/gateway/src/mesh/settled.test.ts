import { describe, expect, it } from '@jest/globals'
import type { Delivery } from '@weft/mesh-model'
import { makeWorld } from '../../test/world.ts'

const SETTLED = '/apis/mesh.weft.dev/v1alpha1/settled'
const BEHIND: Delivery = { complete: false, stragglers: [{ proxy: 'node-2', reason: 'not connected' }], steps: [] }

describe('whether what is stored is in force', () => {
  it('is asked of the mesh, for the newest version that is stored', async () => {
    await using world = await makeWorld()
    const asked: (readonly [string, number])[] = []
    Object.assign(world.mesh, { settled: async (version: string, deadlineMs: number) => (asked.push([version, deadlineMs]), BEHIND) })
    expect(await world.call('GET', SETTLED)).toMatchObject({ status: 200, json: BEHIND })
    const made = await world.store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'newest' } })
    await world.call('GET', SETTLED)
    await world.call('GET', `${SETTLED}?resourceVersion=7&timeoutSeconds=300`)
    expect(asked.slice(1)).toEqual([
      [made.metadata.resourceVersion, 10_000],
      ['7', 300_000],
    ])
  })

  it.each(['timeoutSeconds=0', 'timeoutSeconds=301', 'timeoutSeconds=1e2', 'timeoutSeconds=', 'resourceVersion=new', 'resourceVersion=-1'])(
    'is not answered to %s',
    async (query) => {
      await using world = await makeWorld()
      expect((await world.call('GET', `${SETTLED}?${query}`)).status).toBe(400)
    },
  )
})
