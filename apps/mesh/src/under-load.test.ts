import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'

let fixture: Fixture

const workload = (name: string) => ({ namespace: 'default', name: `${name}-v1` })

/** Calls a function without a pause from 8 sides while something happens, which is told how many calls were answered. @returns the outcomes that came */
async function meanwhile(name: string, work: (answered: () => number) => Promise<void>): Promise<readonly string[]> {
  const outcomes = new Set<string>()
  let answered = 0
  let done = false
  const caller = async () => {
    while (!done) {
      const outcome = await fixture.call(`/function/${name}`, { method: 'POST', body: Buffer.from('x') }).then(
        ({ status, body }) => (status === 200 ? '200' : `${status} ${body}`),
        (error: Error) => error.message,
      )
      outcomes.add(outcome)
      answered += 1
    }
  }
  const callers = Array.from({ length: 8 }, caller)
  try {
    await work(() => answered)
  } finally {
    done = true
    await Promise.all(callers)
  }
  return [...outcomes]
}

async function deployed(name: string): Promise<void> {
  await fixture.mesh.settled(await fixture.deploy(name), 5_000)
}

describe.each([1, 2])('under load no call fails, with %i Envoys', (proxies) => {
  beforeAll(async () => {
    fixture = await startFixture({ proxies })
  })
  afterAll(async () => {
    await fixture.close()
  })

  it('while certificates are rotated 20 times', async () => {
    await deployed('rotating')
    await fixture.mesh.setReplicas(workload('rotating'), [await fixture.replica('rotating')])
    const outcomes = await meanwhile('rotating', async () => {
      for (let count = 0; count < 20; count += 1) {
        const before = (await fixture.mesh.certificates()).find(({ identity }) => identity.endsWith('/rotating'))?.serial
        await fixture.mesh.rotate()
        await eventually(async () => {
          const after = (await fixture.mesh.certificates()).find(({ identity }) => identity.endsWith('/rotating'))?.serial
          return after === before ? undefined : true
        })
      }
    })
    expect(outcomes).toEqual(['200'])
  })

  it('while replicas go to zero and come back 25 times', async () => {
    await deployed('flipping')
    const outcomes = await meanwhile('flipping', async (answered) => {
      for (let count = 0; count < 25; count += 1) {
        await fixture.mesh.setReplicas(workload('flipping'), [])
        const before = answered()
        await eventually(() => (answered() > before + 20 ? true : undefined))
      }
    })
    expect(fixture.woken.filter((name) => name === 'flipping-v1').length).toBeGreaterThanOrEqual(25)
    expect(outcomes).toEqual(['200'])
  })

  it('while 25 other functions come and go', async () => {
    await deployed('steady')
    await fixture.mesh.setReplicas(workload('steady'), [await fixture.replica('steady')])
    const outcomes = await meanwhile('steady', async () => {
      for (let count = 0; count < 25; count += 1) {
        await deployed(`passing-${count}`)
        await fixture.store.remove({ group: 'weft.dev', kind: 'Revision', namespace: 'default', name: `passing-${count}-v1` })
        const { metadata } = await fixture.store.remove({ group: 'weft.dev', kind: 'Function', namespace: 'default', name: `passing-${count}` })
        await fixture.mesh.settled(metadata.resourceVersion ?? '', 2_000)
      }
    })
    expect(outcomes).toEqual(['200'])
  })
})
