import { describe, expect, it } from '@jest/globals'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { allLines, exampleSpec, readyReplicas } from '../test-support.ts'
import { bundleRuntimes, ensureBubblewrap, startProcessProvider } from './index.ts'
import { levelsFor, summarize } from './isolation.ts'
import { call, noLog, TEST_RUNTIME, testProvider } from './test-provider.ts'

const MISSING = '/nonexistent/bwrap'
/** What needs root: to give replicas users of their own, and to become another user. */
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip

describe('the choice of a level', () => {
  it.each([
    ['required', true, ['sandbox']],
    ['required', false, ['sandbox']],
    ['preferred', true, ['sandbox', 'uid', 'none']],
    ['preferred', false, ['sandbox', 'none']],
    ['none', true, ['none']],
  ] as const)('for %s, root %p, tries %p', (wish, root, levels) => {
    expect(levelsFor(wish, root)).toEqual(levels)
  })

  it('says what is missing and how to get it', () => {
    const text = summarize({ level: 'none', memoryLimit: 'watchdog', cpuLimit: 'none', processLimit: 'none' }, 'bubblewrap (bwrap) is not installed')
    expect(text).toContain('advisory')
    expect(text).toContain('apt-get install -y bubblewrap')
    expect(text).toContain('CPU limits are not enforced')
  })
})

describe('without bubblewrap', () => {
  it('a required sandbox is refused with the command that helps', async () => {
    const error = await testProvider({ isolation: 'required', bubblewrap: MISSING }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ISOLATION_UNAVAILABLE', help: expect.stringContaining('apt-get install -y bubblewrap') })
  })

  it('a bubblewrap that does not work is refused with what it said', async () => {
    const error = await testProvider({ isolation: 'required', bubblewrap: '/bin/false' }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ISOLATION_UNAVAILABLE' })
  })

  it('a preferred sandbox falls back and says so', async () => {
    const test = await testProvider({ isolation: 'preferred', bubblewrap: MISSING })
    try {
      expect(['uid', 'none']).toContain(test.provider.isolation.level)
      expect(test.provider.isolation.summary).toContain('not installed')
      const replica = await test.one(exampleSpec('plain', { secrets: { key: { key: Buffer.from('s') } } }))
      const { env } = await call<{ env: Record<string, string> }>(replica, '/info')
      expect(await call(replica, '/read', { path: `${env['secret_mount_path']}/key` })).toEqual({ value: 's' })
      expect(Object.keys(env).toSorted()).toEqual(['HOME', 'LANG', 'PATH', 'PWD', 'TMPDIR', 'secret_mount_path'])
    } finally {
      await test.end()
    }
  })
})

describeAsRoot('without bubblewrap, as root', () => {
  it('each replica gets a user of its own, who reads nobody else', async () => {
    // The users of replicas must be able to pass the directories above the run directory.
    const parent = await mkdtemp(join(tmpdir(), 'wp-'))
    await chmod(parent, 0o711)
    const hidden = join(parent, 'hidden')
    await mkdir(hidden, { mode: 0o700 })
    await copyFile(TEST_RUNTIME, join(hidden, 'runtime.mjs'))
    const bundle = join(hidden, 'runtime.mjs')
    const runtimeBundles = { nodejs: bundle, process: bundle }
    const test = await testProvider({ isolation: 'preferred', bubblewrap: MISSING, runDirectory: join(parent, 'run'), runtimeBundles })
    try {
      expect(test.provider.isolation.level).toBe('uid')
      const secrets = { key: { key: Buffer.from('s') } }
      await mkdir(join(parent, 'closed', 'artifact'), { recursive: true })
      await chmod(join(parent, 'closed'), 0o700)
      await writeFile(join(parent, 'closed', 'artifact', 'handler.mjs'), 'code')
      const one = await test.one(exampleSpec('one', { secrets, artifactDirectory: join(parent, 'closed', 'artifact') }))
      expect(await call(one, '/read', { path: 'handler.mjs' })).toEqual({ value: 'code' })
      const two = await test.one(exampleSpec('two', { secrets }))
      const [a, b] = [
        await call<{ uid: number; env: Record<string, string> }>(one, '/info'),
        await call<{ uid: number; env: Record<string, string> }>(two, '/info'),
      ]
      expect(a.uid).not.toBe(b.uid)
      for (const { uid } of [a, b]) expect(uid).toBeGreaterThanOrEqual(60_000)
      expect(await call(one, '/read', { path: `${b.env['secret_mount_path']}/key` })).toEqual({ error: 'EACCES' })
      expect(await call(one, '/connect', { path: two.inboundSocket ?? '' })).toBe('EACCES')
      expect(await call(one, '/connect', { path: two.outboundSocket ?? '' })).toBe('EACCES')
      expect(await call(one, '/connect', { path: one.outboundSocket ?? '' })).toBe('ENOENT')
      expect(await call(one, '/read', { path: '/etc/shadow' })).toEqual({ error: 'EACCES' })
    } finally {
      await test.end()
      await rm(parent, { recursive: true, force: true })
    }
  })
})

describeAsRoot('as a plain user', () => {
  const PLATFORM = fileURLToPath(new URL('fixtures/platform.ts', import.meta.url))

  it.each(['required', 'none'] as const)('replicas run, isolation %s', async (isolation) => {
    const directory = await mkdtemp(join(tmpdir(), 'wp-'))
    await mkdir(join(directory, 'own'))
    await chmod(directory, 0o711)
    await chown(join(directory, 'own'), 65_533, 65_533)
    const child = spawn(process.execPath, [PLATFORM, join(directory, 'own'), isolation], {
      uid: 65_533,
      gid: 65_533,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: '/usr/bin:/bin', HOME: '/tmp' },
    })
    try {
      const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
      expect(JSON.parse(line)).toMatchObject({ level: isolation === 'required' ? 'sandbox' : 'none' })
    } finally {
      child.kill('SIGTERM')
      await once(child, 'exit')
      await rm(directory, { recursive: true, force: true })
    }
  })
})

describe('the start of a provider', () => {
  it.each([
    ['a runtime bundle that is not there', { runtimeBundles: { nodejs: '/nonexistent.mjs', process: TEST_RUNTIME } }, 'RUNTIME_BUNDLE_MISSING'],
    ['a run directory that is too long for sockets', { runDirectory: `/tmp/${'x'.repeat(90)}` }, 'SOCKET_PATH_TOO_LONG'],
  ])('refuses %s', async (_what, change, code) => {
    await expect(testProvider({ isolation: 'none', ...change })).rejects.toMatchObject({ code })
  })

  it('refuses names of secrets that would leave their directory', async () => {
    const test = await testProvider({ isolation: 'none' })
    try {
      for (const secrets of [
        { '../x': { a: Buffer.from('') } },
        { a: { '../b': Buffer.from('') } },
        { a: { '..': Buffer.from('') } },
        { 'a/b': {} },
        { A: {} },
      ]) {
        await expect(test.provider.apply(exampleSpec('sly', { secrets }))).rejects.toMatchObject({ code: 'INVALID_VALUE' })
      }
    } finally {
      await test.end()
    }
  })

  it('lets two instances live side by side', async () => {
    const [one, two] = [await testProvider(), await testProvider()]
    try {
      const a = await one.one(exampleSpec('same'))
      const b = await two.one(exampleSpec('same'))
      expect(a.inboundSocket).not.toBe(b.inboundSocket)
      await one.end()
      expect(await call(b, '/_/health')).toBe('ok')
    } finally {
      await one.end()
      await two.end()
    }
  })

  it('keeps logs over a restart of the platform', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wp-'))
    const options = {
      runDirectory: join(directory, 'run'),
      dataDirectory: directory,
      runtimeBundles: { nodejs: TEST_RUNTIME, process: TEST_RUNTIME },
      isolation: 'none' as const,
      log: noLog,
    }
    try {
      for (const round of [1, 2]) {
        const provider = await startProcessProvider(options)
        await provider.apply(exampleSpec('kept'))
        await provider.scale({ namespace: 'default', name: 'kept' }, 1)
        await readyReplicas(provider, exampleSpec('kept'), 1)
        const lines = await allLines(provider, { namespace: 'default', function: 'kept' })
        expect(lines.filter(({ text }) => text.startsWith('started'))).toHaveLength(round)
        await provider.close(2000)
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})

describe('the bundles of the runtimes', () => {
  it('are one file each without dependencies, made once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wp-'))
    try {
      for (const kind of ['nodejs', 'process']) {
        await mkdir(join(directory, kind, 'src'), { recursive: true })
        await writeFile(join(directory, kind, 'src', 'name.ts'), `export const name: string = '${kind}'`)
        await writeFile(
          join(directory, kind, 'src', 'main.ts'),
          "import { name } from './name.ts'\nimport { basename } from 'node:path'\nconsole.log(basename(name))",
        )
      }
      const first = await bundleRuntimes(join(directory, 'cache'), directory)
      expect(await bundleRuntimes(join(directory, 'cache'), directory)).toEqual(first)
      const said = await Promise.all([first.nodejs, first.process].map((path) => promisify(execFile)(process.execPath, [path])))
      expect(said.map(({ stdout }) => stdout)).toEqual(['nodejs\n', 'process\n'])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})

describe('the set-up of bubblewrap', () => {
  it('finds what is installed', async () => {
    const result = await ensureBubblewrap(() => {})
    expect(result.message).toContain('bubblewrap')
  })
})
