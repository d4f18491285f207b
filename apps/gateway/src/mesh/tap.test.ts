import { describe, expect, it } from '@jest/globals'
import type { TapEvent } from '@weft/mesh-model'
import { makeWorld } from '../../test/world.ts'

const TAP = '/apis/mesh.weft.dev/v1alpha1/tap'
const END: TapEvent = { kind: 'end', reason: 'limit' }

async function worldWithTemp() {
  const world = await makeWorld()
  await world.mesh.setReplicas({ namespace: 'default', name: 'temp' }, [])
  return world
}

describe('a tap', () => {
  it('is a line per event, with everything that was asked for', async () => {
    await using world = await worldWithTemp()
    world.mesh.show({ kind: 'dropped', count: 2 }, END)
    const query = 'method=post&path=/a*&minStatus=400&from=control&fromNamespace=shop&maxRps=7&limit=3&duration=90s&direction=inbound'
    const { status, headers, text } = await world.call('GET', `${TAP}/temp?${query}`)
    expect([status, headers['content-type'], text]).toEqual([200, 'application/x-ndjson', `{"kind":"dropped","count":2}\n${JSON.stringify(END)}\n`])
    expect(world.mesh.taps).toEqual([
      {
        name: { namespace: 'default', name: 'temp' },
        filter: {
          direction: 'inbound',
          method: 'POST',
          path: { kind: 'prefix', value: '/a' },
          status: { from: 400, to: 599 },
          from: { kind: 'workload', name: { namespace: 'default', name: 'control' } },
          fromNamespace: 'shop',
        },
        maxRps: 7,
        limit: 3,
        durationMs: 90_000,
      },
    ])
  })

  it('has limits also when nobody names them, and classes of statuses', async () => {
    await using world = await worldWithTemp()
    await world.call('GET', `${TAP}/temp?status=5xx&path=*.html`)
    await world.call('GET', `${TAP}/temp?status=0`)
    expect(world.mesh.taps).toMatchObject([
      { filter: { status: { from: 500, to: 599 }, path: { kind: 'suffix', value: '.html' } }, maxRps: 100, durationMs: 600_000 },
      { filter: { status: { from: 0, to: 0 } } },
    ])
  })

  it('refuses what it cannot do with 400 and what is wrong', async () => {
    await using world = await worldWithTemp()
    for (const query of [
      'maxRps=0',
      'maxRps=1001',
      'maxRps=x',
      'limit=0',
      'limit=1.5',
      'duration=0s',
      'duration=2h',
      'duration=-1',
      'duration=soon',
      'status=600',
      'status=2x',
      'status=404&minStatus=400',
      'minStatus=99',
      'direction=both',
      'method=GET%20/',
      'method=',
      'path=',
      'path=*a*',
      'path=a*b',
      'from=Not_a_name',
      'from=cluster.local/ns/x',
      'from=..%2F..',
      `path=${'x'.repeat(1025)}`,
    ]) {
      const { status, json } = await world.call('GET', `${TAP}/temp?${query}`)
      expect([query, status, json['error']?.['message']]).toEqual([query, 400, expect.stringMatching(/./)])
    }
    expect(world.mesh.taps).toEqual([])
  })

  it('needs a name that there is, and credentials', async () => {
    await using world = await worldWithTemp()
    const missing = await world.call('GET', `${TAP}/none`)
    expect([missing.status, missing.json]).toMatchObject([404, { error: { code: 'HOST_NOT_FOUND' } }])
    expect((await world.call('GET', `${TAP}/%2e%2e%2fx`)).status).toBe(400)
    expect((await world.call('GET', `${TAP}/temp`, undefined, { authorization: '' })).status).toBe(401)
  })
})
