import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { allLines, exampleSpec } from '../test-support.ts'
import type { Replica } from '../port.ts'
import { call, testProvider, type TestProvider } from './test-provider.ts'

interface Attempt {
  readonly value?: unknown
  readonly error?: string
}

const run = (replica: Replica, command: string) => call<Attempt>(replica, '/run', { command })

const secret = (text: string) => ({ token: { token: Buffer.from(text) } })

describe('a replica in a sandbox', () => {
  let test: TestProvider
  let attacker: Replica
  let victim: Replica
  let outside: string
  let admin: Server
  let loopback: HttpServer

  beforeAll(async () => {
    test = await testProvider({ isolation: 'required' })
    outside = await mkdtemp(join(tmpdir(), 'wp-outside-'))
    writeFileSync(join(outside, 'secret'), 'of the host')
    admin = createServer((socket) => socket.end())
    await new Promise<void>((resolve) => admin.listen(join(outside, 'admin.sock'), resolve))
    loopback = createHttpServer((_request, response) => response.end('host'))
    await new Promise<void>((resolve) => loopback.listen(0, '127.0.0.1', resolve))
    attacker = await test.one(exampleSpec('attacker', { secrets: secret('mine') }))
    victim = await test.one(
      exampleSpec('victim', {
        secrets: { ...secret('victims'), pair: { user: Buffer.from('u'), password: Buffer.from('p') } },
        env: { WORD: 'of the victim' },
      }),
    )
  })
  afterAll(async () => {
    await test.end()
    await new Promise((resolve) => admin.close(resolve))
    await new Promise((resolve) => loopback.close(resolve))
    await rm(outside, { recursive: true, force: true })
  })

  it('says that it is one', () => {
    expect(test.provider.isolation.level).toBe('sandbox')
    expect(test.provider.isolation.summary).toContain('cannot be bypassed')
  })

  it.each([
    ["its own inbound socket, by the host's path", () => attacker.inboundSocket],
    ["another replica's inbound socket", () => victim.inboundSocket],
    ["another replica's outbound socket", () => victim.outboundSocket],
    ["the proxy's admin socket", () => join(outside, 'admin.sock')],
    ['the bus of the system', () => '/run/dbus/system_bus_socket'],
  ])('cannot connect to %s', async (_what, path) => {
    expect(await call(attacker, '/connect', { path: path() ?? '' })).toBe('ENOENT')
  })

  it("cannot connect to the host's loopback", async () => {
    const { port } = loopback.address() as AddressInfo
    expect(await call(attacker, '/connect', { host: '127.0.0.1', port })).toBe('ECONNREFUSED')
    expect(await call(attacker, '/connect', { host: '::1', port })).toBe('ECONNREFUSED')
  })

  it.each([
    ['an address of the internet', '192.0.2.1'],
    ['the metadata service of a cloud', '169.254.169.254'],
    ['an address of a private network', '10.0.0.1'],
  ])('cannot connect to %s', async (_what, host) => {
    expect(await call(attacker, '/connect', { host, port: 80 })).toMatch(/ENETUNREACH|EHOSTUNREACH/)
  })

  it.each([
    ['the run directory', () => join(test.directory, 'run')],
    ['the data directory', () => join(test.directory, 'data')],
    ['the directory of other programs', () => outside],
    ['the home of root', () => '/root'],
    ['the control groups', () => '/sys/fs/cgroup'],
    ['the sockets of services', () => '/run'],
  ])('cannot see %s', async (_what, path) => {
    expect(await call<Attempt>(attacker, '/list', { path: path() })).toEqual({ error: 'ENOENT' })
  })

  it('sees no other process', async () => {
    const names = (await call<Attempt>(attacker, '/list', { path: '/proc' })).value as string[]
    const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
    expect(pids).toEqual([1, 2])
    expect((await run(attacker, `kill -9 ${victim.pid}`)).error).toBeDefined()
    expect((await call<Attempt>(attacker, '/read', { path: '/proc/1/environ' })).value ?? '').not.toContain('WEFT')
  })

  it('reads its own secrets where OpenFaaS and Kubeless put them, and nothing of others', async () => {
    const read = (replica: Replica, path: string) => call<Attempt>(replica, '/read', { path })
    expect(await read(attacker, '/var/openfaas/secrets/token')).toEqual({ value: 'mine' })
    expect(await read(attacker, '/token/token')).toEqual({ value: 'mine' })
    expect(await read(victim, '/var/openfaas/secrets/token')).toEqual({ value: 'victims' })
    expect(await read(victim, '/pair/password')).toEqual({ value: 'p' })
    expect(await read(victim, '/var/openfaas/secrets/pair')).toEqual({ error: 'ENOENT' })
    expect(await read(attacker, '/pair/password')).toEqual({ error: 'ENOENT' })
    expect((await run(attacker, 'stat -c "%a %U" /token/token')).value).toBe('400 function\n')
    expect((await call<Attempt>(attacker, '/write', { path: '/token/token' })).error).toMatch(/EROFS|EACCES/)
  })

  it('sees in its files what its secrets have become, while it runs', async () => {
    const spec = (secrets: Readonly<Record<string, Readonly<Record<string, Buffer>>>>) => exampleSpec('renewed', { secrets })
    const replica = await test.one(spec({ token: { token: Buffer.from('old') }, pair: { user: Buffer.from('u'), password: Buffer.from('p') } }))
    const read = async (path: string) => call<Attempt>(replica, '/read', { path })
    expect(await read('/token/token')).toEqual({ value: 'old' })
    await test.provider.apply(spec({ token: { token: Buffer.from('new') }, pair: { user: Buffer.from('v') } }))
    for (const path of ['/token/token', '/var/openfaas/secrets/token']) expect(await read(path)).toEqual({ value: 'new' })
    expect([await read('/pair/user'), await read('/pair/password')]).toEqual([{ value: 'v' }, { error: 'ENOENT' }])
    expect((await run(replica, 'stat -c "%a %U" /token/token')).value).toBe('400 function\n')
    expect((await call<Attempt>(replica, '/write', { path: '/token/token' })).error).toMatch(/EROFS|EACCES/)
    await test.provider.remove(replica.workload)
  })

  it('has nothing of the platform in its environment, nor secrets, nor anything on a command line', async () => {
    const { env } = await call<{ env: Record<string, string> }>(victim, '/info')
    expect(Object.keys(env).toSorted()).toEqual(['HOME', 'LANG', 'PATH', 'PWD', 'TMPDIR', 'WORD'])
    const lines = readFileSync(`/proc/${victim.pid}/cmdline`, 'utf8') + readFileSync(`/proc/${victim.pid}/environ`, 'utf8')
    expect(lines).not.toMatch(/victims|of the victim|WEFT_RUNTIME_CONFIG/)
  })

  it.each(['/x', '/function/x', '/weft/x', '/weft/mesh/out.sock', '/usr/x', '/etc/x', '/etc/passwd', '/dev/x', '/var/x', '/weft/runtime.mjs', '/weft/node'])(
    'cannot write %s',
    async (path) => {
      expect((await call<Attempt>(attacker, '/write', { path })).error).toMatch(/EROFS|EACCES|ETXTBSY/)
    },
  )

  it('writes to /tmp, which is its own and bounded', async () => {
    expect(await call<Attempt>(attacker, '/write', { path: '/tmp/note' })).toEqual({})
    expect(await call<Attempt>(victim, '/read', { path: '/tmp/note' })).toEqual({ error: 'ENOENT' })
    expect((await run(attacker, 'dd if=/dev/zero of=/tmp/big bs=1M count=600 2>&1; rm -f /tmp/big')).value).toContain('No space left')
  })

  it.each([
    ['make a user namespace', 'unshare --user true'],
    ['make a network namespace', 'unshare --net true'],
    ['mount', 'mount -t tmpfs none /tmp'],
    ['change the clock', 'date -s 2001-01-01'],
    ['become root', 'setpriv --reuid 0 true'],
  ])('has no right to %s', async (_what, command) => {
    expect((await run(attacker, command)).error).toBeDefined()
  })

  it('runs without privileges, new ones included, under a filter of system calls', async () => {
    const status = String((await run(attacker, 'cat /proc/self/status')).value)
    expect(status).toMatch(/NoNewPrivs:\t1/)
    expect(status).toMatch(/Seccomp:\t2/)
    // 0x400 is CAP_NET_BIND_SERVICE, good for port 80 of the sandbox's own loopback.
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(status).toContain(`${set}:\t0000000000000400`)
  })

  it('finds localhost, certificates and a shell, as programs expect', async () => {
    expect((await run(attacker, 'getent hosts localhost')).value).toContain('localhost')
    expect((await run(attacker, 'ls /etc/ssl/certs | head -1')).value).not.toBe('')
    expect((await run(attacker, 'whoami')).value).toBe('function\n')
  })

  it('has a socket that only the proxy can reach, whatever it does inside', async () => {
    const socket = attacker.inboundSocket ?? ''
    const before = statSync(socket)
    await run(attacker, `mkdir -p ${dirname(socket)}; ln -sf ${join(outside, 'admin.sock')} ${socket}`)
    expect(statSync(socket).ino).toBe(before.ino)
    expect(await call(attacker, '/_/health')).toBe('ok')
  })

  it('sees the socket that the proxy makes in its directory, also after the proxy made it anew', async () => {
    const path = attacker.outboundSocket ?? ''
    for (let round = 0; round < 2; round++) {
      const proxy = createServer((socket) => socket.end())
      await new Promise<void>((resolve) => proxy.listen({ path, writableAll: true }, resolve))
      expect(await call(attacker, '/connect', { path: '/weft/mesh/out.sock' })).toBe('connected')
      await new Promise((resolve) => proxy.close(resolve))
    }
    expect(await call(victim, '/connect', { path: '/weft/mesh/out.sock' })).toBe('ENOENT')
  })
})

describe('a slot that is used again', () => {
  it('shows nothing of the tenant before', async () => {
    const uids = { first: 64_990, last: 64_990 }
    const test = await testProvider({ uids })
    try {
      const first = await test.one(exampleSpec('before', { secrets: { key: { key: Buffer.from('old') } } }))
      await call(first, '/write', { path: '/tmp/left', text: 'behind' })
      await call(first, '/write', { path: '/dev/shm/left', text: 'behind' })
      const daemon = await call<{ pid: number }>(first, '/daemon')
      expect(daemon.pid).toBeGreaterThan(0)
      await test.provider.remove(first.workload)
      const second = await test.one(exampleSpec('after'))
      expect(second.inboundSocket).not.toBe(first.inboundSocket)
      expect(second.outboundSocket).not.toBe(first.outboundSocket)
      for (const path of ['/tmp/left', '/dev/shm/left', '/key/key', '/var/openfaas/secrets/key'])
        expect(await call(second, '/read', { path })).toEqual({ error: 'ENOENT' })
      expect((await call<Attempt>(second, '/list', { path: '/proc' })).value).not.toContain('3')
      expect(existsSync(first.inboundSocket ?? '')).toBe(false)
    } finally {
      await test.end()
    }
  })

  it('leaves no file and no directory behind', async () => {
    const test = await testProvider()
    try {
      const replica = await test.one(exampleSpec('tidy', { secrets: { key: { key: Buffer.from('x') } } }))
      await test.provider.remove(replica.workload)
      for (const part of ['i', 'o', 'p']) expect(readdirSync(join(test.directory, 'run', part))).toEqual([])
    } finally {
      await test.end()
    }
  })
})

describe('an artifact', () => {
  it('is read-only, and readable though it lies below a directory that nobody else may enter', async () => {
    const hidden = await mkdtemp(join(tmpdir(), 'wp-artifact-'))
    const test = await testProvider()
    try {
      mkdirSync(join(hidden, 'content'))
      writeFileSync(join(hidden, 'content', 'handler.mjs'), 'export default 1')
      const replica = await test.one(exampleSpec('reader', { artifactDirectory: join(hidden, 'content') }))
      expect(await call(replica, '/read', { path: '/function/handler.mjs' })).toEqual({ value: 'export default 1' })
      expect((await call<Attempt>(replica, '/write', { path: '/function/handler.mjs' })).error).toMatch(/EROFS|EACCES/)
      const { config, cwd } = await call<{ config: Record<string, unknown>; cwd: string }>(replica, '/info')
      expect(cwd).toBe('/function')
      expect(config).toMatchObject({ entry: '/function/handler.mjs', outboundSocket: '/weft/mesh/out.sock', contract: 'fetch', replica: replica.id })
    } finally {
      await test.end()
      await rm(hidden, { recursive: true, force: true })
    }
  })

  it('that is not there is said, and taken up when it comes', async () => {
    const test = await testProvider()
    const directory = join(test.directory, 'artifact')
    try {
      const spec = exampleSpec('late', { artifactDirectory: directory })
      await test.provider.apply(spec)
      await test.provider.scale(spec.workload, 1)
      while (test.provider.list()[0]?.phase !== 'backoff') await new Promise((resolve) => setTimeout(resolve, 5))
      expect(test.provider.list()[0]).toMatchObject({ reason: 'ArtifactMissing' })
      mkdirSync(`${directory}.new`)
      renameSync(`${directory}.new`, directory)
      const replica = await test.one(spec)
      expect(replica.restarts).toBeGreaterThan(0)
      expect((await allLines(test.provider, { namespace: 'default', function: 'late' }))[0]?.text).toContain('ArtifactMissing')
    } finally {
      await test.end()
    }
  })

  it('that is a symbolic link to somewhere else shows only what the link names', async () => {
    const test = await testProvider()
    try {
      mkdirSync(join(test.directory, 'real'))
      symlinkSync(join(test.directory, 'real'), join(test.directory, 'link'))
      const replica = await test.one(exampleSpec('linked', { artifactDirectory: join(test.directory, 'link') }))
      expect(await call(replica, '/list', { path: '/function' })).toEqual({ value: [] })
      rmSync(join(test.directory, 'link'))
    } finally {
      await test.end()
    }
  })
})
