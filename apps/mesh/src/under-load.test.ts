import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'
import { meanwhile } from './testing/load.ts'

let fixture: Fixture

const workload = (name: string) => ({ namespace: 'default', name: `${name}-v1` })

let deployments = 0

/** @returns its name: each has its own, since a test that is tried again finds what it left behind */
async function deployed(prefix: string): Promise<string> {
  deployments += 1
  const name = `${prefix}-${deployments}`
  await fixture.mesh.settled(await fixture.deploy(name), 5_000)
  return name
}

describe.each([1, 2])('under load no call fails, with %i Envoys', (proxies) => {
  beforeAll(async () => {
    fixture = await startFixture({ proxies })
  })
  afterAll(async () => {
    await fixture.close()
  })

  it('while certificates are rotated 20 times', async () => {
    const rotating = await deployed('rotating')
    await fixture.mesh.setReplicas(workload(rotating), [await fixture.replica(rotating)])
    const outcomes = await meanwhile(fixture, rotating, async () => {
      for (let count = 0; count < 20; count += 1) {
        const before = (await fixture.mesh.certificates()).find(({ identity }) => identity.endsWith(`/${rotating}`))?.serial
        await fixture.mesh.rotate()
        await eventually(async () => {
          const after = (await fixture.mesh.certificates()).find(({ identity }) => identity.endsWith(`/${rotating}`))?.serial
          return after === before ? undefined : true
        })
      }
    })
    expect(outcomes).toEqual(['200'])
  })

  it('while replicas go to zero and come back 25 times', async () => {
    const flipping = await deployed('flipping')
    const outcomes = await meanwhile(fixture, flipping, async (answered) => {
      for (let count = 0; count < 25; count += 1) {
        await fixture.mesh.setReplicas(workload(flipping), [])
        const before = answered()
        await eventually(() => (answered() > before + 20 ? true : undefined))
      }
    })
    expect(fixture.woken.filter((name) => name === workload(flipping).name).length).toBeGreaterThanOrEqual(25)
    expect(outcomes).toEqual(['200'])
  })

  it('while 25 other functions come and go', async () => {
    const steady = await deployed('steady')
    await fixture.mesh.setReplicas(workload(steady), [await fixture.replica(steady)])
    const outcomes = await meanwhile(fixture, steady, async () => {
      for (let count = 0; count < 25; count += 1) {
        const passing = await deployed('passing')
        await fixture.store.remove({ group: 'weft.dev', kind: 'Revision', ...workload(passing) })
        const { metadata } = await fixture.store.remove({ group: 'weft.dev', kind: 'Function', namespace: 'default', name: passing })
        await fixture.mesh.settled(metadata.resourceVersion ?? '', 2_000)
      }
    })
    expect(outcomes).toEqual(['200'])
  })
})
