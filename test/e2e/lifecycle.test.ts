import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { run, startLoad, TestPlatform, until } from '@weft/test-harness'

/** Deploys an ES module as a fetch handler and waits until it is proven ready. */
async function deploy(platform: TestPlatform, name: string, code: string, ...args: string[]): Promise<void> {
  const source = join(platform.dataDir, `${name}.mjs`)
  await writeFile(source, code)
  await platform.weftOk(['deploy', name, '--from-file', source, '--runtime', 'fetch', ...args])
}

describe('the life of the platform', () => {
  it('finishes the calls under way on Ctrl-C, also when they call other functions, and then ends with 0', async () => {
    await using platform = await TestPlatform.start()
    await deploy(platform, 'slow', `export default async () => { await new Promise((r) => setTimeout(r, 1500)); return new Response('slept') }`)
    await deploy(
      platform,
      'front',
      `export default async (request) => { console.log('begun ' + new URL(request.url).search); await new Promise((r) => setTimeout(r, 500)); return fetch('http://slow.default/') }`,
    )
    expect((await platform.call('front')).text).toBe('slept')
    const answer = platform.call('front?second')
    await until('the call is under way', async () => (await platform.weftOk(['logs', 'front'])).includes('begun ?second'))
    const stopped = platform.stop()
    expect(await answer).toMatchObject({ status: 200, text: 'slept' })
    expect(await stopped).toBe(0)
  }, 60_000)

  it('leaves no process and no socket behind, however it ends', async () => {
    await using platform = await TestPlatform.start()
    await deploy(platform, 'echo', `export default () => new Response('ok')`)
    const runDirectory = platform.socket.replace(/\/gateway\.sock$/, '')
    const mine = async () =>
      (await run('ps', ['-eo', 'args'])).stdout.split('\n').filter((line) => line.includes(runDirectory) || line.includes(platform.dataDir))
    expect((await mine()).length).toBeGreaterThan(0)
    await platform.stop('SIGKILL')
    await until('Envoy and the replicas are gone', async () => (await mine()).length === 0, 20_000)
    await using again = await TestPlatform.start({ dataDir: platform.dataDir })
    await until('it serves again', async () => (await again.call('echo')).text === 'ok')
    expect(await again.stop()).toBe(0)
    expect(await mine()).toEqual([])
    expect((await readdir(join(runDirectory, 'r', 'i')).catch(() => [])).length).toBe(0)
  }, 90_000)

  it('lets two instances live side by side, and refuses a second one of the same directory or address', async () => {
    await using one = await TestPlatform.start()
    await using two = await TestPlatform.start()
    await deploy(one, 'who', `export default () => new Response('one')`)
    await deploy(two, 'who', `export default () => new Response('two')`)
    expect([(await one.call('who')).text, (await two.call('who')).text]).toEqual(['one', 'two'])
    const same = await one.weft(['start', '--data-dir', one.dataDir, '--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0'])
    expect([same.code, same.stderr]).toEqual([2, expect.stringContaining('--data-dir')])
    const address = new URL(one.gateway).host
    const taken = await two.weft(['start', '--data-dir', join(two.dataDir, 'third'), '--listen', address, '--metrics-listen', '127.0.0.1:0'])
    expect([taken.code, taken.stderr]).toEqual([2, expect.stringMatching(/listens on .*--listen/s)])
  }, 120_000)

  it('loses no idempotent call when replicas are killed', async () => {
    await using platform = await TestPlatform.start()
    await deploy(
      platform,
      'mortal',
      `export default (r) => { if (r.url.endsWith('/die')) process.kill(process.pid, 'SIGKILL'); return new Response('ok') }`,
      '--replicas',
      '2',
    )
    const load = startLoad(`${platform.gateway}/function/mortal`, 4)
    for (let kill = 1; kill <= 4; kill += 1) {
      const before = load.calls()
      await until('calls go on', async () => load.calls() > before + 100)
      expect((await platform.call('mortal/die', { method: 'POST' })).status).toBeGreaterThanOrEqual(500)
    }
    const { failures } = await load.stop()
    expect(failures).toEqual([])
  }, 120_000)
})
