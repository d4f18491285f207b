import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exampleSpec } from '../test-support.ts'
import { cgroupMounts, ownGroups } from './cgroup/detect.ts'
import { keyed } from './cgroup/files.ts'
import { replicaEnvironment } from './environment.ts'
import { parseControl } from './incarnation.ts'
import type { LaunchInput } from './launch/plan.ts'
import { planPlain } from './launch/plain.ts'
import { canMountAtRoot, planSandbox } from './launch/sandbox.ts'
import { listeningSocket } from './listener.ts'
import { flatSecrets } from './private-files.ts'
import { parseStat, treeOf } from './proc.ts'
import { findProgram } from './programs.ts'
import { runtimeConfig } from './runtime-config.ts'
import { seccompProgram } from './seccomp.ts'
import { UidPool } from './uids.ts'

const environment = (user: Record<string, string>) => replicaEnvironment({ user, home: '/tmp', config: '{}' })

const pairs = (args: readonly string[] = []) => args.join(' ')

const stat = (pid: number, parent: number) => ({ pid, parent, group: 0, startTicks: 0, cpuMs: 0 })

describe('the environment of a replica', () => {
  it.each([
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'NODE_OPTIONS',
    'NODE_CHANNEL_FD',
    'WEFT_RUNTIME_CONFIG',
    'WEFT_ANYTHING',
    'GLIBC_TUNABLES',
    'BASH_ENV',
    'SHELLOPTS',
    'PS4',
    'BASH_FUNC_echo%%',
    'with space',
    'with=equals',
    '',
    '1DIGIT',
  ])('does not take %p from the user', (name) => {
    expect(environment({ [name]: 'evil' })).toEqual(environment({}))
  })

  it('takes what is harmless, and lets it win over the defaults', () => {
    expect(environment({ PATH: '/opt/bin', DEBUG: '1', 'dotted.name': 'x' })).toEqual({
      PATH: '/opt/bin',
      HOME: '/tmp',
      TMPDIR: '/tmp',
      LANG: 'C.UTF-8',
      DEBUG: '1',
      'dotted.name': 'x',
      WEFT_RUNTIME_CONFIG: '{}',
    })
  })

  it('does not take a value with a zero byte, at which bubblewrap would see its next argument', () => {
    expect(environment({ A: 'x\0--bind\0/\0/' })).not.toHaveProperty('A')
  })
})

describe('the plan of a launch', () => {
  const input: LaunchInput = {
    paths: {
      runtimeBundle: '/cache/runtime.mjs',
      inboundSocket: '/run/i/1',
      outboundDirectory: '/run/o/1',
      outboundSocket: '/run/o/1/out.sock',
      privateDirectory: '/run/p/1',
      artifactDirectory: '/data/artifact',
    },
    nodeBinary: '/opt/node',
    nodeOptions: [],
    env: { WORD: 'of the user' },
    secrets: ['key', 'usr'],
    programs: { bwrap: '/usr/bin/bwrap', setpriv: '/usr/bin/setpriv', prlimit: '/usr/bin/prlimit' },
    root: [{ path: '/bin', link: 'usr/bin' }, { path: '/lib' }],
  }

  it('of a sandbox says nothing about the function on the command line', () => {
    const plan = planSandbox(input)
    expect(plan.command.join(' ')).not.toMatch(/of the user|artifact|run\/[iop]/)
    expect(plan.env).toEqual({ PATH: expect.any(String) })
    expect(pairs(plan.sandboxArguments)).toContain('--setenv WORD of the user')
  })

  it('of a sandbox shares no namespace and shows nothing that can be written but /tmp, /dev/shm and /weft/etc', () => {
    const args = pairs(planSandbox(input).sandboxArguments)
    for (const part of ['--unshare-net', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--die-with-parent', '--clearenv']) expect(args).toContain(part)
    expect(args).not.toMatch(/(?:^| )--bind /)
    // the devices that bubblewrap's own --dev shows, and no other; /dev itself is read-only after that
    const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => `/dev/${name}`)
    expect([...args.matchAll(/--dev-bind (\S+) (\S+)/g)].map(([, from, to]) => [from, to])).toEqual(devices.map((path) => [path, path]))
    expect([...args.matchAll(/--tmpfs (\S+)/g)].map(([, path]) => path)).toEqual(['/dev', '/tmp', '/dev/shm', '/weft/etc'])
    expect(args).toContain('--remount-ro /dev --remount-ro /')
    expect(args).not.toContain('/run/i/')
    expect(args).toContain('--symlink usr/bin /bin')
    expect(args).toContain('--ro-bind /lib /lib')
  })

  it('of a sandbox drops root for the user id, or makes a user namespace when there is none', () => {
    expect(planSandbox({ ...input, uid: 60_123 }).command.join(' ')).toContain('--reuid 60123 --regid 60123 --clear-groups --no-new-privs')
    expect(pairs(planSandbox({ ...input, uid: 60_123 }).sandboxArguments)).not.toContain('--unshare-user')
    expect(pairs(planSandbox(input).sandboxArguments)).toContain('--unshare-user')
  })

  it('never lets a secret take the place of a directory of the system', () => {
    const args = pairs(planSandbox(input).sandboxArguments)
    expect(args).toContain('--ro-bind /run/p/1/secrets/named/key /key')
    expect(args).not.toContain('secrets/named/usr')
    for (const name of ['usr', 'etc', 'proc', 'tmp', 'weft', 'function']) expect(canMountAtRoot(name)).toBe(false)
  })

  it('gives /tmp no more than the memory limit', () => {
    expect(pairs(planSandbox({ ...input, memoryLimitBytes: 64 * 1_048_576 }).sandboxArguments)).toContain('--size 67108864 --tmpfs /tmp')
  })

  it('without a sandbox runs in the artifact, dies with its parent and gets no new privileges', () => {
    const plan = planPlain({ ...input, maxProcesses: 20 })
    expect(plan.cwd).toBe('/data/artifact')
    expect(plan.command.slice(4)).toEqual([
      '/usr/bin/prlimit',
      '--nproc=20',
      '/usr/bin/setpriv',
      '--no-new-privs',
      '--pdeathsig',
      'KILL',
      '/opt/node',
      '/cache/runtime.mjs',
    ])
  })
})

describe('the configuration of a runtime', () => {
  const seen = { functionDirectory: '/function', outboundSocket: '/weft/mesh/out.sock' }

  it('of a handler', () => {
    const spec = exampleSpec('temp', {
      limits: { memoryBytes: 5 },
      run: { kind: 'nodejs', contract: 'kubeless', entry: 'h.js', export: 'get', runtimeName: 'nodejs14' },
    })
    expect(runtimeConfig(spec, 'temp-x', seen)).toEqual({
      contract: 'kubeless',
      entry: '/function/h.js',
      export: 'get',
      runtimeName: 'nodejs14',
      functionName: 'temp',
      namespace: 'default',
      revision: 'v1',
      replica: 'temp-x',
      timeoutMs: 5000,
      concurrency: 0,
      readinessPath: '/_/ready',
      drainTimeoutMs: 2000,
      outboundSocket: '/weft/mesh/out.sock',
      meshNamespaces: ['default'],
      memoryLimitBytes: 5,
    })
  })

  it('of a program', () => {
    const spec = exampleSpec('cat', { run: { kind: 'process', command: 'cat', mode: 'classic' } })
    expect(runtimeConfig(spec, 'cat-x', seen)).toMatchObject({ contract: 'process', command: 'cat', mode: 'classic', entry: '/function' })
  })
})

describe('the control pipe', () => {
  it.each([
    ['{"type":"listening"}', { type: 'listening' }],
    ['{"type":"listening","more":1}', { type: 'listening' }],
    ['{"type":"failed","message":"no","stack":"at x"}', { type: 'failed', message: 'no', stack: 'at x' }],
    ['{"type":"failed","stack":{}}', { type: 'failed', message: 'undefined' }],
    ['{"type":"reboot"}', undefined],
    ['null', undefined],
    ['[]', undefined],
    ['nonsense', undefined],
    ['', undefined],
  ])('understands %s as %p', (line, message) => {
    expect(parseControl(line)).toEqual(message)
  })
})

describe('secrets', () => {
  it('appear in one directory when they have one file of their own name', () => {
    const secrets = { one: { one: Buffer.from('1') }, other: { file: Buffer.from('2') }, two: { two: Buffer.from('3'), more: Buffer.from('4') } }
    expect(flatSecrets(secrets).map(([name]) => name)).toEqual(['one'])
  })
})

describe('the pool of user ids', () => {
  it('gives each id to one at a time, and a freed one as late as possible', () => {
    const pool = new UidPool({ first: 10, last: 12 }, 1)
    expect([pool.take(), pool.take()]).toEqual([11, 12])
    pool.free(11)
    expect([pool.take(), pool.take(), pool.take()]).toEqual([10, 11, undefined])
    pool.free(12)
    expect(pool.take()).toBe(12)
  })
})

describe('what /proc says', () => {
  it('is read past any name of a program', () => {
    expect(parseStat('7 (a) b (c) S 3 4 5 0 -1 0 0 0 0 0 20 30 0 0 20 0 1 0 12345 0 0')).toEqual({
      pid: 7,
      parent: 3,
      group: 4,
      startTicks: 12_345,
      cpuMs: 500,
    })
    expect(parseStat('')).toBeUndefined()
  })

  it('gives a process with all below it', () => {
    const all = [stat(5, 4), stat(1, 0), stat(3, 2), stat(2, 1), stat(4, 1), stat(9, 8)]
    expect(
      treeOf(1, all)
        .map(({ pid }) => pid)
        .toSorted((a, b) => a - b),
    ).toEqual([1, 2, 3, 4, 5])
    expect(treeOf(77, all)).toEqual([])
  })
})

describe('control groups', () => {
  it('are found in the list of mounts, version 1 and 2', () => {
    const text = [
      '31 23 0:26 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory',
      '32 23 0:27 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate',
      '33 23 0:28 / /proc rw - proc proc rw',
      '',
    ].join('\n')
    expect(cgroupMounts(text)).toEqual([
      { root: '/', point: '/sys/fs/cgroup/memory', version: 1, options: ['rw', 'memory'] },
      { root: '/docker/abc', point: '/sys/fs/cgroup', version: 2, options: ['rw', 'nsdelegate'] },
    ])
  })

  it('that we are in are read by controller', () => {
    const own = ownGroups('4:memory:/a:b\n3:cpu,cpuacct:/c\n0::/user.slice\n')
    expect(Object.fromEntries(own)).toEqual({ memory: '/a:b', cpu: '/c', cpuacct: '/c', '': '/user.slice' })
  })

  it('say numbers by key', () => {
    expect(keyed('oom_kill_disable 0\nunder_oom 0\noom_kill 3\n', 'oom_kill')).toBe(3)
    expect(keyed('', 'oom_kill')).toBe(0)
  })
})

describe('the filter of system calls', () => {
  it.each(['x64', 'arm64'])('for %s is whole instructions and ends with a verdict', (architecture) => {
    const program = Buffer.from(seccompProgram(architecture) ?? [])
    expect(program.length % 8).toBe(0)
    expect(program.length).toBeGreaterThan(8 * 50)
    expect(program.readUInt16LE(program.length - 8)).toBe(6)
    expect(program.readUInt32LE(program.length - 4)).toBe(0x7fff0000)
  })

  it('is not there for an architecture without a table', () => {
    expect(seccompProgram('mips')).toBeUndefined()
  })
})

describe('a program', () => {
  it('is found by name or path, and only when it can be run', () => {
    expect(findProgram('sh')).toMatch(/\/sh$/)
    expect(findProgram('/bin/sh')).toBe('/bin/sh')
    expect(findProgram('/etc/passwd')).toBeUndefined()
    expect(findProgram('no-such-program')).toBeUndefined()
  })
})

describe('a listening socket', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'wp-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('is served by the child that inherits it, and its name stays when we close our copy', async () => {
    const path = join(directory, 'in')
    const socket = listeningSocket(path)
    const serve = "require('net').createServer((c) => c.end('child ' + process.pid)).listen({ fd: 3 }, () => console.log('up'))"
    const child = spawn(process.execPath, ['-e', serve], { stdio: ['ignore', 'pipe', 'inherit', socket.fd] })
    socket.release()
    try {
      await once(child.stdout ?? process.stdin, 'data')
      expect(readdirSync(directory)).toEqual(['in'])
      const [answer] = (await once(connect(path).setEncoding('utf8'), 'data')) as [string]
      expect(answer).toBe(`child ${child.pid}`)
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })

  it('refuses a path that is too long', () => {
    expect(() => listeningSocket(`/tmp/${'x'.repeat(110)}`)).toThrow(expect.objectContaining({ code: 'SOCKET_PATH_TOO_LONG' }))
  })
})
