import { describe, expect, it } from '@jest/globals'
import { cli, testGateway } from '../testing/world.ts'

const PATH = 'GET /apis/mesh.weft.dev/v1alpha1/snapshots'
const cause = (name: string) => ({ group: 'networking.istio.io', kind: 'VirtualService', namespace: 'default', name })
const CHANGES = {
  from: 4,
  to: 5,
  snapshots: [{ version: 5, at: 1, cause: [cause('temp')] }],
  changes: [
    { kind: 'host', key: 'default/temp', change: 'changed', fields: ['routes[default].targets[0].weight: 100 -> 90'], by: [cause('temp')] },
    { kind: 'workload', key: 'default/temp-v2', change: 'added', fields: [], by: [cause('other')] },
  ],
}

describe('weft mesh diff', () => {
  it('tells the last change and its cause', async () => {
    await using gateway = await testGateway({ [`${PATH}/diff`]: [200, CHANGES] })
    expect(await cli(['mesh', 'diff'], { gateway })).toEqual({
      code: 0,
      err: '',
      out: 'Snapshot 4 -> 5, by VirtualService default/temp\nhost default/temp changed\n  routes[default].targets[0].weight: 100 -> 90\nworkload default/temp-v2 added\n',
    })
  })

  it('says of each thing what caused it, where several did', async () => {
    const snapshots = [{ version: 5, at: 1, cause: [cause('temp'), cause('other')] }]
    await using gateway = await testGateway({ [`${PATH}/diff`]: [200, { ...CHANGES, snapshots }] })
    const { out } = await cli(['mesh', 'diff'], { gateway })
    expect(out).toMatch(/^host default\/temp changed, by VirtualService default\/temp$/m)
    expect(out).toMatch(/^workload default\/temp-v2 added, by VirtualService default\/other$/m)
  })

  it('asks for what changed between two versions', async () => {
    await using gateway = await testGateway({ [`${PATH}/diff`]: [200, { ...CHANGES, changes: [] }] })
    expect((await cli(['mesh', 'diff', '2', '5'], { gateway })).out).toContain('Nothing that a proxy has is different.')
    expect(gateway.seen.at(-1)?.path).toMatch(/\?from=2&to=5$/)
    expect(JSON.parse((await cli(['mesh', 'diff', '2', '5', '-o', 'json'], { gateway })).out)).toMatchObject({ from: 4, to: 5 })
  })

  it('lists what is remembered, a crowd of causes in short', async () => {
    const entry = { version: 7, at: Date.now(), cause: Array.from({ length: 8 }, (_, index) => cause(`r${index}`)) }
    await using gateway = await testGateway({ [PATH]: [200, [entry]] })
    expect((await cli(['mesh', 'diff', '--list'], { gateway })).out).toMatch(/VERSION +AGE +CAUSE\n7 .*VirtualService default\/r4, and 3 more/)
  })

  it.each([[['x']], [['1', '2', '3']]])('refuses %j', async (versions) => {
    expect(await cli(['mesh', 'diff', ...versions])).toMatchObject({ code: 2, err: expect.stringContaining('versions') })
  })
})
