import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { ensurePassword, lockDirectory, makeDirectories } from './data-directory.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-data-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('the data directory', () => {
  it('keeps secrets, logs and the mesh to its owner and lets replicas reach artifacts', async () => {
    const layout = await makeDirectories(join(directory, 'data'), join(directory, 'run'))
    const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
    expect([await mode(layout.secrets), await mode(layout.logs), await mode(layout.mesh), await mode(layout.artifacts)]).toEqual(['700', '700', '700', '711'])
  })

  it('makes a password once, for its owner alone', async () => {
    const path = join(directory, 'password')
    const first = await ensurePassword(path)
    expect(first.length).toBeGreaterThanOrEqual(32)
    expect(await ensurePassword(path)).toBe(first)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('belongs to one platform at a time', async () => {
    const lock = await lockDirectory(directory, process.pid)
    await expect(lockDirectory(directory, process.pid)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' })
    await lock.release()
    await (await lockDirectory(directory, process.pid)).release()
  })

  it.each([
    ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' })],
    ['of a process id that another has now', JSON.stringify({ pid: process.pid, startedAt: '1' })],
    ['that cannot be read', '{'],
  ])('takes over a lock %s', async (_name, content) => {
    await writeFile(join(directory, 'lock'), content)
    const lock = await lockDirectory(directory, process.pid)
    expect(JSON.parse(await readFile(join(directory, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid })
    await lock.release()
  })
})
