import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { host, snapshot, workload } from './testing/model.ts'
import { mirror, World } from './testing/world.ts'

/** Callees with a certificate of the right authority that says another name. */
const IMPOSTORS: Readonly<Record<string, string>> = {
  another: 'spiffe://cluster.local/ns/default/sa/evil',
  longer: 'spiffe://cluster.local/ns/default/sa/longer2',
  shorter: 'spiffe://cluster.local/ns/default/sa/short',
  below: 'spiffe://cluster.local/ns/default/sa/below/x',
  elsewhere: 'spiffe://cluster.local/ns/shop/sa/elsewhere',
  foreign: 'spiffe://corp.example/ns/default/sa/foreign',
}

let world: World

beforeAll(async () => {
  const names = ['control', 'honest', ...Object.keys(IMPOSTORS)]
  world = await World.start(
    snapshot(
      names.map((name) => workload(name)),
      names.map((name) => host(name)),
    ),
    async (starting) => {
      for (const [account, id] of Object.entries(IMPOSTORS)) starting.identities.set(account, id)
      for (const name of names) await starting.addReplica(`default/${name}-1`, mirror)
    },
  )
})
afterAll(() => world?.stop())

describe('a callee whose certificate has another identity', () => {
  it.each(Object.entries(IMPOSTORS))('gets no call, from outside or from a function: %s as %s', async (name) => {
    const answers = [await world.get(`/function/${name}`), await world.from('default/control-1', `http://${name}/`)]
    expect(answers.map(({ status }) => status)).toEqual([503, 503])
    expect(answers.map((answer) => answer.json().error.code)).toEqual(['CALL_FAILED', 'CALL_FAILED'])
  })

  it('and one that is who it says does', async () => {
    expect((await world.get('/function/honest')).status).toBe(200)
    expect((await world.from('default/control-1', 'http://honest/')).status).toBe(200)
  })
})
