import { describe, expect, it } from '@jest/globals'
import { cli, testGateway } from '../testing/world.ts'

const SETTLED = 'GET /apis/mesh.weft.dev/v1alpha1/settled'
const THERE = { complete: true, stragglers: [], steps: [] }
const BEHIND = { complete: false, stragglers: [{ proxy: 'node-2', reason: 'has not acknowledged Listener https/8443' }], steps: [] }

describe('weft mesh wait', () => {
  it('says that everything is in force', async () => {
    await using gateway = await testGateway({ [SETTLED]: [200, THERE] })
    expect(await cli(['mesh', 'wait', '--timeout', '1500ms'], { gateway })).toEqual({
      code: 0,
      out: 'Everything that is stored is in force at every proxy.\n',
      err: '',
    })
    expect(gateway.seen[0]?.path).toContain('timeoutSeconds=2')
  })

  it('fails with what is missing', async () => {
    await using gateway = await testGateway({ [SETTLED]: [200, BEHIND] })
    const outcome = await cli(['mesh', 'wait'], { gateway })
    expect(outcome).toMatchObject({ code: 1, err: expect.stringContaining('proxy node-2 has not acknowledged Listener https/8443') })
    expect(outcome.err).toContain('weft mesh status')
  })

  it.each(['0s', '301s', 'soon'])('takes no time-out of %s', async (timeout) => {
    await using gateway = await testGateway({ [SETTLED]: [200, THERE] })
    expect(await cli(['mesh', 'wait', '--timeout', timeout], { gateway })).toMatchObject({ code: 2, err: expect.stringContaining('--timeout') })
    expect(gateway.seen).toEqual([])
  })
})

describe('what commands write', () => {
  it.each([
    ['POST', ['create', 'key', '--from-literal', 'x']],
    ['PUT', ['update', 'key', '--from-literal', 'x']],
    ['DELETE', ['remove', 'key']],
  ])('is waited for: %s of a secret', async (method, words) => {
    await using gateway = await testGateway({ [`${method} /system/secrets`]: [200], [SETTLED]: [200, THERE] })
    expect(await cli(['secret', ...words], { gateway })).toMatchObject({ code: 0, err: '' })
    expect(gateway.seen.map((one) => `${one.method} ${one.path.split('?')[0]}`)).toEqual([`${method} /system/secrets`, SETTLED])
  })

  it('is written where the mesh cannot be asked, with a warning', async () => {
    await using gateway = await testGateway({ 'POST /system/secrets': [201], [SETTLED]: [503, { error: { message: 'the mesh is closed', help: '' } }] })
    const outcome = await cli(['secret', 'create', 'key', '--from-literal', 'x'], { gateway })
    expect(outcome).toMatchObject({ code: 0, out: 'Created secret key.\n', err: expect.stringContaining('the mesh is closed') })
  })

  it('is told to be on its way, when not every proxy has it', async () => {
    await using gateway = await testGateway({ 'POST /system/secrets': [201], [SETTLED]: [200, BEHIND] })
    expect((await cli(['secret', 'create', 'key', '--from-literal', 'x'], { gateway })).err).toBe(
      'Stored, but not in force everywhere yet (proxy node-2 has not acknowledged Listener https/8443). It goes on by itself; see: weft mesh status\n',
    )
  })
})
