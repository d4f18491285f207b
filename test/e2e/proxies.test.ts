import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TestPlatform, until } from '@weft/test-harness'

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start({ config: 'mesh: { proxies: 3 }\n', args: ['--apply', 'functions/cold-room'] })
  await until('the first answer of control', async () => (await platform.call('control')).status === 200)
  await until('the split is in force', async () => platform.output.includes('control is ready'))
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

interface Placed {
  readonly proxies: readonly { readonly proxy: string; readonly connected: boolean; readonly restarts: number }[]
}

const status = async (): Promise<Placed> => JSON.parse(await platform.weftOk(['mesh', 'status', '-o', 'json'])) as Placed
const envoyPid = async (directory: string): Promise<number> =>
  (JSON.parse(await readFile(join(platform.runDirectory, directory, 'envoy.pid'), 'utf8')) as { pid: number }).pid

describe('a platform with three Envoys', () => {
  it('answers as with one: shares, and a rule that holds wherever its function is placed', async () => {
    expect((await status()).proxies).toMatchObject(['node', 'node-2', 'node-3'].map((proxy) => ({ proxy, connected: true })))
    for (let index = 0; index < 50; index += 1) expect((await platform.call('control')).status).toBe(200)
    expect((await platform.call('thermostat')).status).toBe(403)
  })

  it('suggests policies under which what was observed goes on, and nothing else', async () => {
    await platform.weftOk(['apply', '-f', '-'], await platform.weftOk(['mesh', 'suggest']))
    await until('a call that was not observed is refused', async () => (await platform.call('tempv1')).status === 403)
    for (let index = 0; index < 10; index += 1) expect((await platform.call('control')).status).toBe(200)
    // The policies come in one batch or in several: a batch of several says at each workload which one it was.
    expect(await platform.weftOk(['mesh', 'diff'])).toMatch(
      /^Snapshot \d+ -> \d+, by .*AuthorizationPolicy default\/\S+-callers[\s\S]*workload default\/\S+ changed(, by AuthorizationPolicy default\/\S+-callers)?\n +policy\.allow/,
    )
  })

  it('tells what is different between two snapshots, and which ones there are', async () => {
    const kept = JSON.parse(await platform.weftOk(['mesh', 'diff', '--list', '-o', 'json'])) as readonly { readonly version: number }[]
    const [first, last] = [kept.at(0)?.version ?? 0, kept.at(-1)?.version ?? 0]
    expect(await platform.weftOk(['mesh', 'diff', String(first), String(last)])).toMatch(new RegExp(`^Snapshot ${first} -> ${last}, by `))
    expect(await platform.weftOk(['mesh', 'diff', String(first)])).toMatch(new RegExp(`^Snapshot ${first} -> ${last}, by `))
    expect(await platform.weft(['mesh', 'diff', String(last), String(first)])).toMatchObject({ code: 2, stderr: expect.stringContaining('mesh diff --list') })
  })

  it.each(['config', 'describe'])('says of weft mesh %s what there is, when there is no such function', async (command) => {
    expect(await platform.weft(['mesh', command, 'nobody'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/nobody\.default[\s\S]*weft list/) })
  })

  it('goes on when a further Envoy is killed, and gets it back', async () => {
    process.kill(await envoyPid('m-2'), 'SIGKILL')
    await until('the Envoy is back', async () => (await status()).proxies.find(({ proxy }) => proxy === 'node-2')?.restarts === 1)
    await until('calls are answered', async () => (await platform.call('control')).status === 200)
  })
})
