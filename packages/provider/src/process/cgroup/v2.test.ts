import { afterEach, describe, expect, it } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cgroupMounts } from './detect.ts'
import { read } from './files.ts'
import { rememberedGroups, rememberGroups, sweepGroups } from './sweep.ts'
import { V2Groups } from './v2.ts'

/** Where version 2 can be written here, if anywhere. */
function writableMount(): string | undefined {
  return cgroupMounts(read('/proc/self/mountinfo')).find(({ version, point }) => {
    try {
      accessSync(point, constants.W_OK)
      return version === 2
    } catch {
      return false
    }
  })?.point
}

const mount = writableMount()
const describeWithMount = mount === undefined ? describe.skip : describe
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

function sleeper(): ChildProcess & { readonly pid: number } {
  const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' })
  children.push(child)
  if (child.pid === undefined) throw new Error('sleep cannot be started')
  return child as ChildProcess & { readonly pid: number }
}

describeWithMount('control groups version 2 (needs a writable mount)', () => {
  it('hold processes, kill them together, and go when they are empty', async () => {
    const groups = new V2Groups(`${mount}/weft-${process.pid.toString(16)}`, [])
    const group = groups.create('one')
    const child = sleeper()
    group.add(child.pid)
    expect(group.processes()).toEqual([child.pid])
    expect(group.remove()).toBe(false)
    const gone = once(child, 'exit')
    group.kill()
    await gone
    expect(group.remove()).toBe(true)
    groups.close()
    expect(existsSync(`${mount}/weft-${process.pid.toString(16)}`)).toBe(false)
  })

  it('of an earlier run are swept with all that is in them', async () => {
    const groups = new V2Groups(`${mount}/weft-${process.pid.toString(16)}5`, [])
    const group = groups.create('left')
    const child = sleeper()
    group.add(child.pid)
    const gone = once(child, 'exit')
    await sweepGroups(groups.directories)
    await gone
    expect(groups.directories.some((path) => existsSync(path))).toBe(false)
  })
})

describe('the files of version 2', () => {
  it('get limits and give usage in their own units', () => {
    const directory = mkdtempSync(join(tmpdir(), 'wp-'))
    try {
      const file = (name: string) => join(directory, 'one', name)
      mkdirSync(join(directory, 'one'))
      for (const name of ['memory.max', 'memory.swap.max', 'cpu.max', 'pids.max']) writeFileSync(file(name), '')
      const group = new V2Groups(directory, ['memory', 'cpu', 'pids']).create('one')
      group.limit({ memoryBytes: 1000, cpuMillis: 250, maxProcesses: 7 })
      expect(['memory.max', 'memory.swap.max', 'cpu.max', 'pids.max'].map((name) => readFileSync(file(name), 'utf8'))).toEqual([
        '1000',
        '0',
        '25000 100000',
        '7',
      ])
      writeFileSync(file('memory.current'), '5000\n')
      writeFileSync(file('memory.stat'), 'anon 1\ninactive_file 2000\n')
      writeFileSync(file('memory.events'), 'oom 4\noom_kill 2\n')
      writeFileSync(file('cpu.stat'), 'usage_usec 1500\n')
      expect(group.usage()).toEqual({ memoryBytes: 3000, cpuMs: 1.5, oomKills: 2 })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

describe('the note for the next run', () => {
  it.each([
    ['what was written', JSON.stringify(['/sys/fs/cgroup/weft-0a1b']), ['/sys/fs/cgroup/weft-0a1b']],
    ['only groups of ours', JSON.stringify(['/sys/fs/cgroup', '/sys/fs/cgroup/system.slice', '/x/weft-zz', 7]), []],
    ['nothing from nonsense', '{', []],
    ['nothing from another shape', '{}', []],
  ])('gives back %s', (_what, content, directories) => {
    const directory = mkdtempSync(join(tmpdir(), 'wp-'))
    try {
      const file = join(directory, 'groups.json')
      expect(rememberedGroups(file)).toEqual([])
      rememberGroups(file, directories)
      expect(rememberedGroups(file)).toEqual(directories)
      writeFileSync(file, content)
      expect(rememberedGroups(file)).toEqual(directories)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
