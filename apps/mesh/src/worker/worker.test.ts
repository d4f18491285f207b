import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterEach, describe, expect, it } from '@jest/globals'
import { eventually, startFixture, type Fixture } from '../testing/fixture.ts'

const own = new URL('./worker.ts', import.meta.url)
let fixture: Fixture | undefined
let directory: string | undefined
afterEach(async () => {
  await fixture?.close()
  fixture = undefined
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

async function answers(running: Fixture, name: string): Promise<number> {
  await running.mesh.settled(await running.deploy(name), 5_000)
  return (await running.call(`/function/${name}`)).status
}

describe('the mesh in a thread of its own', () => {
  it('wakes and answers as in the main thread', async () => {
    fixture = await startFixture({ worker: own })
    expect(await answers(fixture, 'threaded')).toBe(200)
    expect(fixture.woken).toEqual(['threaded-v1'])
    expect((await fixture.mesh.status()).proxies).toMatchObject([{ connected: true }])
  })

  it('runs from a bundle of one file', async () => {
    directory = await mkdtemp(join(tmpdir(), 'weft-bundle-'))
    const file = join(directory, 'worker.mjs')
    const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" }
    await build({ entryPoints: [own.pathname], outfile: file, bundle: true, platform: 'node', format: 'esm', target: 'node24', banner, logLevel: 'silent' })
    fixture = await startFixture({ worker: pathToFileURL(file) })
    expect(await answers(fixture, 'bundled')).toBe(200)
  })

  it('is started again with all that it knew, when it ends by itself', async () => {
    directory = await mkdtemp(join(tmpdir(), 'weft-crash-'))
    const [crash, program] = [join(directory, 'crash'), join(directory, 'worker.ts')]
    // The real worker, and an exception that nobody catches as soon as a file appears.
    await writeFile(
      program,
      `import { existsSync, rmSync } from 'node:fs'
       setInterval(() => { if (existsSync(${JSON.stringify(crash)})) { rmSync(${JSON.stringify(crash)}); throw new Error('crash on demand') } }, 5)
       await import(${JSON.stringify(own.href)})`,
    )
    fixture = await startFixture({ worker: pathToFileURL(program) })
    const running = fixture
    expect(await answers(running, 'survivor')).toBe(200)
    const before = await running.mesh.envoyPid()
    await writeFile(crash, '')
    await eventually(async () => {
      const pid = await running.mesh.envoyPid().catch(() => undefined)
      return pid !== undefined && pid !== before ? true : undefined
    }, 10_000)
    const answer = await eventually(() => running.call('/function/survivor').catch(() => undefined), 10_000)
    expect(answer.status).toBe(200)
    // It was not woken again: the replica was still known.
    expect(running.woken).toEqual(['survivor-v1'])
  })
})
