import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../test-support.ts'
import { startProcessProvider, type IsolationWish } from './index.ts'
import { bootId, readStat } from './proc.ts'
import { StartRecord } from './record.ts'
import { noLog, TEST_RUNTIME } from './test-provider.ts'

const PLATFORM = fileURLToPath(new URL('fixtures/platform.ts', import.meta.url))

interface Said {
  readonly replica: number
  readonly daemon: number
  readonly socket: string
  readonly level: string
}

const children: ChildProcess[] = []
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wp-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

function launch(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  children.push(child)
  return child
}

async function platform(isolation: IsolationWish): Promise<{ child: ChildProcess; said: Said }> {
  const child = launch(process.execPath, [PLATFORM, directory, isolation])
  if (child.stdout === null) throw new Error('no output')
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  return { child, said: JSON.parse(line) as Said }
}

const options = (isolation: IsolationWish) => ({
  runDirectory: join(directory, 'run'),
  dataDirectory: join(directory, 'data'),
  runtimeBundles: { nodejs: TEST_RUNTIME, process: TEST_RUNTIME },
  isolation,
  log: noLog,
})

const runs = (pid: number) => readStat(pid) !== undefined && existsSync(`/proc/${pid}/exe`)
const ownGroups = () => readFileSync('/proc/self/mountinfo', 'utf8').includes('cgroup') && process.getuid?.() === 0

describe('after a platform that was killed', () => {
  it.each(['required', 'none'] as const)('the next start ends and removes what is left, isolation %s', async (isolation) => {
    const { child, said } = await platform(isolation)
    expect(runs(said.replica)).toBe(true)
    expect(existsSync(said.socket)).toBe(true)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const provider = await startProcessProvider(options(isolation))
    try {
      await eventually('the replica is gone', () => !runs(said.replica))
      // Inside a sandbox the daemon's id is one of the sandbox; outside it is the host's, and the control group finds it.
      if (isolation === 'none' && ownGroups()) await eventually('the daemon is gone', () => !runs(said.daemon))
      expect(existsSync(said.socket)).toBe(false)
      expect(provider.list()).toEqual([])
    } finally {
      await provider.close(1000)
    }
  })

  it('a second platform on the same directory is refused while the first lives', async () => {
    const { child, said } = await platform('none')
    await expect(startProcessProvider(options('none'))).rejects.toMatchObject({ code: 'RUN_DIRECTORY_IN_USE' })
    expect(runs(said.replica)).toBe(true)
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(runs(said.replica)).toBe(false)
  })
})

const path = () => join(directory, 'started.jsonl')

const ticksOf = (pid: number) => readStat(pid)?.startTicks ?? 0

async function sleeper(): Promise<number> {
  const { pid } = launch('/bin/sleep', ['600'])
  if (pid === undefined) throw new Error('sleep cannot be started')
  return pid
}

const write = (boot: string, pid: number, ticks: number) =>
  writeFileSync(path(), `${JSON.stringify({ boot, platform: { pid: 999_999_999, ticks: 1 } })}\n${JSON.stringify({ pid, ticks })}\n`)

describe('the record of what was started', () => {
  it('ends a process that an earlier platform left', async () => {
    const pid = await sleeper()
    write(bootId(), pid, ticksOf(pid))
    expect(new StartRecord(path()).begin()).toBe(1)
    await eventually('it is gone', () => !runs(pid))
  })

  it('ends what is left of a process group whose leader is gone', async () => {
    const shell = launch('/bin/sh', ['-c', 'sleep 600 & echo $!'])
    if (shell.stdout === null || shell.pid === undefined) throw new Error('no output')
    const ticks = ticksOf(shell.pid)
    const [line] = (await once(shell.stdout.setEncoding('utf8'), 'data')) as [string]
    await once(shell, 'exit')
    write(bootId(), shell.pid, ticks)
    expect(new StartRecord(path()).begin()).toBe(1)
    await eventually('it is gone', () => !runs(Number(line)))
  })

  it.each([
    ['has the same id but another start time', (ticks: number) => [bootId(), ticks + 1] as const],
    ['was started in another boot of the machine', (ticks: number) => ['another', ticks] as const],
  ])('leaves alone a process that %s', async (_what, change) => {
    const pid = await sleeper()
    const [boot, ticks] = change(ticksOf(pid))
    write(boot, pid, ticks)
    expect(new StartRecord(path()).begin()).toBe(0)
    expect(runs(pid)).toBe(true)
  })

  it('leaves alone a process that was written off', async () => {
    const pid = await sleeper()
    write(bootId(), pid, ticksOf(pid))
    appendFileSync(path(), `${JSON.stringify({ gone: pid })}\n`)
    expect(new StartRecord(path()).begin()).toBe(0)
    expect(runs(pid)).toBe(true)
  })

  it('takes a file that was cut short or is nonsense for what it still says', async () => {
    await mkdir(directory, { recursive: true })
    writeFileSync(path(), '{"boot": "x", "pla')
    expect(new StartRecord(path()).begin()).toBe(0)
    expect(new StartRecord(path()).owner()).toBeUndefined()
  })

  it('does not grow without end', async () => {
    const record = new StartRecord(path())
    record.begin()
    const pid = await sleeper()
    for (let count = 0; count < 3000; count++) {
      record.add(pid)
      record.remove(pid)
    }
    expect(readFileSync(path(), 'utf8').split('\n').length).toBeLessThan(2100)
  })
})
