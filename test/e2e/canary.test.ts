import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startLoad, TestPlatform, until } from '@weft/test-harness'

const INTERVAL_MS = 2_000
/** How often the controller looks, and how long that may take on a busy machine. */
const TICK_MS = 1_500

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start()
  await deploy('v1', `export default () => new Response('v1')`)
  await platform.weftOk(['canary', 'start', 'shop', '--steps', '20,60', '--interval', '2s', '--success-rate', '95', '--p99', '2s', '--min-requests', '20'])
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

async function deploy(revision: string, code: string): Promise<void> {
  const source = join(platform.dataDir, 'shop.mjs')
  await writeFile(source, code)
  await platform.weftOk(['deploy', 'shop', '--from-file', source, '--runtime', 'fetch', '--revision', revision])
}

interface Status {
  readonly phase?: string
  readonly stable?: string
  readonly history?: readonly { readonly at: string; readonly reason: string }[]
}

async function status(): Promise<Status> {
  const canary = JSON.parse(await platform.weftOk(['canary', 'status', 'shop', '-o', 'json'])) as { status?: Status }
  return canary.status ?? {}
}

describe('a canary', () => {
  it('brings a good revision to all calls, step by step, and loses none', async () => {
    await until('stable known', async () => (await status()).stable === 'v1')
    const load = startLoad(`${platform.gateway}/function/shop`, 4)
    await deploy('v2', `export default () => new Response('v2')`)
    await until('a share of the calls', async () => (await platform.call('shop')).text === 'v2')
    await until('success', async () => (await status()).phase === 'Succeeded', 40_000, 250)
    await until('all calls', async () => (await Promise.all(Array.from({ length: 20 }, () => platform.call('shop')))).every((answer) => answer.text === 'v2'))
    const { failures } = await load.stop()
    expect(failures).toEqual([])
    expect((await status()).history?.map((event) => event.reason)).toEqual(['Started', 'Advanced', 'Advanced', 'Promoted'])
  }, 90_000)

  it('takes a bad revision out within one interval', async () => {
    const load = startLoad(`${platform.gateway}/function/shop`, 4)
    await deploy('v3', `export default () => new Response('broken', { status: 500 })`)
    await until('the roll-back', async () => (await status()).phase === 'Failed', 20_000, 100)
    await until('no more failures', async () =>
      (await Promise.all(Array.from({ length: 40 }, () => platform.call('shop')))).every((answer) => answer.text === 'v2'),
    )
    const { failures } = await load.stop()
    expect(failures.length).toBeGreaterThan(0)
    const { stable, history = [] } = await status()
    expect(stable).toBe('v2')
    const [began, ended] = history.slice(-2)
    expect([began?.reason, ended?.reason]).toEqual(['Advanced', 'RolledBack'])
    expect(Date.parse(ended?.at ?? '') - Date.parse(began?.at ?? '')).toBeLessThanOrEqual(INTERVAL_MS + TICK_MS)
  }, 90_000)

  it('owns the split while it runs, and obeys promote', async () => {
    await deploy('v4', `export default () => new Response('v4')`)
    await until('a run', async () => (await status()).phase === 'Progressing')
    const refused = await platform.weft(['traffic', 'set', 'shop', 'v2=50', 'v4=50'])
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('Canary default/shop')])
    await platform.weftOk(['canary', 'promote', 'shop'])
    await until('promoted', async () => (await status()).phase === 'Succeeded')
    await until('all calls', async () => (await platform.call('shop')).text === 'v4')
  }, 60_000)
})
