import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TestPlatform, until } from '@weft/test-harness'

/** A function that does what it is told: the code that an attacker would deploy. */
const AGENT = `import * as fs from 'node:fs/promises'
import net from 'node:net'
import http from 'node:http'
import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
const run = promisify(execFile)
const outcome = (work) => work.then((value) => ({ value }), (error) => ({ error: error.code ?? String(error.message ?? error) }))
const dial = (options) => new Promise((resolve, reject) => {
  const socket = net.connect(options, () => { socket.destroy(); resolve('connected') })
  socket.setTimeout(3000, () => socket.destroy(new Error('no answer')))
  socket.on('error', reject)
})
const tunnel = (authority) => new Promise((resolve, reject) => {
  const call = http.request({ socketPath: '/weft/mesh/out.sock', method: 'CONNECT', path: authority })
  call.on('connect', (answer, socket) => {
    if (answer.statusCode !== 200) { socket.destroy(); return resolve(['CONNECT', answer.statusCode, '']) }
    let text = ''
    socket.on('data', (chunk) => { text += chunk })
    socket.on('error', reject)
    socket.on('close', () => resolve(['inside', Number(text.split(' ')[1]), text]))
    socket.write('GET /metrics HTTP/1.1\\r\\nHost: ' + authority + '\\r\\nConnection: close\\r\\n\\r\\n')
  })
  call.on('response', (answer) => { answer.resume(); resolve(['CONNECT', answer.statusCode, '']) })
  call.on('error', reject)
  call.setTimeout(5000, () => call.destroy(new Error('no answer')))
  call.end()
})
const DEEDS = {
  read: ({ path }) => fs.readFile(path, 'utf8'),
  list: ({ path }) => fs.readdir(path),
  write: ({ path }) => fs.writeFile(path, 'x'),
  dial,
  tunnel: ({ authority }) => tunnel(authority),
  fetch: async ({ url, headers }) => { const answer = await fetch(url, { headers }); return [answer.status, (await answer.text()).slice(0, 200)] },
  run: async ({ command }) => (await run('sh', ['-c', command], { timeout: 10000 })).stdout,
  env: async () => process.env,
  exit: async () => process.exit(7),
  reject: async () => { void Promise.reject(new Error('nobody catches this')); await new Promise((resolve) => setTimeout(resolve, 50)); return 'still here' },
  throwLater: async () => { setTimeout(() => { throw new Error('thrown out of reach') }, 1); await new Promise((resolve) => setTimeout(resolve, 500)); return 'still here' },
  loop: async () => { for (;;); },
  hog: async () => { const kept = []; for (;;) kept.push(Buffer.alloc(16 * 1048576, 1)) },
  bomb: async () => {
    let failed = 0
    const children = Array.from({ length: 1500 }, () => { try { const child = spawn('sleep', ['20']); child.on('error', () => { failed += 1 }); return child } catch { failed += 1 } })
    await new Promise((resolve) => setTimeout(resolve, 500))
    for (const child of children) child?.kill('SIGKILL')
    return failed
  },
  flood: async () => { const line = 'f'.repeat(1000); for (let i = 0; i < 200000; i += 1) { console.log(line); if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve)) } return 'flooded' },
}
export default async (request) => { const { deed, ...input } = await request.json(); return Response.json(await outcome(DEEDS[deed](input))) }
`

interface Outcome {
  readonly value?: unknown
  readonly error?: string
}

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start({ isolation: 'required' })
  for (const name of ['mine', 'theirs']) await platform.api('POST', '/system/secrets', { name, value: `the secret ${name}` })
  await platform.deploy('agent', AGENT, { secrets: ['mine'], timeout: '3s', limits: { memory: '192Mi' } })
  await platform.deploy('victim', `export default () => new Response('alive')`, { secrets: ['theirs'], envVars: { WORD: 'of the victim' } })
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

async function attempt(deed: string, input: object = {}, name = 'agent'): Promise<Outcome> {
  const { status, text } = await platform.call(name, { body: JSON.stringify({ deed, ...input }) })
  if (status !== 200) throw new Error(`${deed} of ${name}: ${status} ${text}`)
  return JSON.parse(text) as Outcome
}

/** Asks for something that may end the replica. */
function dare(deed: string, name = 'agent'): Promise<number> {
  return platform.call(name, { body: JSON.stringify({ deed }) }).then(({ status }) => status)
}

async function alive(): Promise<void> {
  const { status, text } = await platform.call('victim')
  expect([status, text]).toEqual([200, 'alive'])
}

/** Waits until the agent answers again. */
const back = () => until('the agent is back', async () => (await platform.call('agent', { body: '{"deed":"env"}' })).status === 200)

async function systemLines(name = 'agent'): Promise<string> {
  return (await platform.api('GET', `/system/logs?name=${name}&tail=400&follow=false`)).text
}

const portOf = (url: string) => Number(new URL(url).port)

describe('a function that tries to get out', () => {
  it.each([
    ["the gateway's socket", () => platform.socket],
    ["Envoy's admin", () => join(platform.runDirectory, 'm', 'admin')],
    ['the hold listener', () => join(platform.runDirectory, 'm', 'hold')],
    ['the bus of the system', () => '/run/dbus/system_bus_socket'],
  ])('reaches no socket of the host: %s', async (_name, path) => {
    expect(await attempt('dial', { path: path() })).toEqual({ error: 'ENOENT' })
  })

  it("sees nothing of the host's files, and may not list where its own socket is", async () => {
    for (const path of [platform.dataDir, platform.runDirectory, '/run/weft', '/root', '/sys/fs/cgroup', join(platform.dataDir, 'secrets')]) {
      expect([path, await attempt('list', { path })]).toEqual([path, { error: 'ENOENT' }])
    }
    expect(await attempt('list', { path: '/weft/mesh' })).toEqual({ error: 'EACCES' })
    expect((await attempt('run', { command: 'ls /' })).value).not.toMatch(/^(root|home|run|sys|work|srv|mnt)$/m)
  })

  it("has no way to the host's loopback, to other machines or to the internet but by the mesh", async () => {
    for (const host of ['127.0.0.1', '::1']) {
      for (const port of [portOf(platform.gateway), portOf(platform.metrics)]) {
        const { error, value } = await attempt('run', { command: `exec 3<>/dev/tcp/${host}/${port} 2>/dev/null && echo open || echo shut` })
        expect([error, String(value)]).not.toEqual([undefined, 'open\n'])
      }
    }
    const interfaces = String((await attempt('run', { command: 'cat /proc/net/dev | tail -n +3 | cut -d: -f1' })).value)
    expect(interfaces.trim().split(/\s+/)).toEqual(['lo'])
    expect(String((await attempt('run', { command: 'cat /proc/net/route | tail -n +2' })).value).trim()).toBe('')
  })

  it("reads its own secrets at both paths, and nobody else's", async () => {
    expect(await attempt('read', { path: '/var/openfaas/secrets/mine' })).toEqual({ value: 'the secret mine' })
    expect(await attempt('read', { path: '/mine/mine' })).toEqual({ value: 'the secret mine' })
    expect(await attempt('read', { path: '/var/openfaas/secrets/theirs' })).toEqual({ error: 'ENOENT' })
    expect(await attempt('read', { path: '/theirs/theirs' })).toEqual({ error: 'ENOENT' })
    expect(JSON.stringify(await attempt('env'))).not.toMatch(/WEFT|secret|of the victim|admin/)
  })

  it('sees no process of the host and may not become more than it is', async () => {
    const pids = ((await attempt('list', { path: '/proc' })).value as string[]).filter((name) => /^\d+$/.test(name)).map(Number)
    expect(Math.max(...pids)).toBeLessThan(100)
    for (const command of ['unshare --user true', 'unshare --net true', 'mount -t tmpfs none /tmp', 'setpriv --reuid 0 true', `kill -9 ${platform.pid}`]) {
      expect([command, (await attempt('run', { command })).error]).toEqual([command, expect.anything()])
    }
    expect(String((await attempt('run', { command: 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status' })).value)).toMatch(/NoNewPrivs:\t1\nSeccomp:\t2/)
  })

  it('cannot put anything in the place of its socket or its runtime', async () => {
    for (const command of [
      'ln -sf /tmp/x /weft/mesh/out.sock',
      'rm -f /weft/mesh/out.sock',
      'mv /weft/mesh /tmp/m',
      'ln -s /tmp/x /weft/mesh/other',
      'cp /bin/sh /weft/runtime.mjs',
    ]) {
      expect([command, (await attempt('run', { command })).error]).toEqual([command, expect.anything()])
    }
    for (const path of ['/function/agent.mjs', '/etc/passwd', '/usr/x', '/weft/x']) expect((await attempt('write', { path })).error).toMatch(/EROFS|EACCES/)
    expect((await attempt('fetch', { url: 'http://victim/' })).value).toEqual([200, 'alive'])
  })

  it('is itself for others, whatever it says', async () => {
    await platform.deploy('who', `export default (request) => new Response(request.headers.get('x-forwarded-client-cert'))`)
    const headers = { 'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/default/sa/victim', 'x-weft-workload': 'default/victim-00001' }
    const [status, certificate] = (await attempt('fetch', { url: 'http://who.default:8080/', headers })).value as [number, string]
    expect([status, certificate]).toEqual([200, expect.stringContaining('URI=spiffe://cluster.local/ns/default/sa/agent')])
  })
})

const FORBIDDEN = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0.0.0.0',
  'localhost',
  'LOCALHOST.',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '169.254.169.254',
  '2852039166',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '100.64.0.1',
]

describe('what a function asks of hosts outside', () => {
  // A name without dots is one of the mesh: the tunnel leads to the mesh then, which knows no such host.
  it.each(FORBIDDEN)('%s is refused', async (host) => {
    for (const port of [80, portOf(platform.gateway), portOf(platform.metrics)]) {
      const [where, status, text] = ((await attempt('tunnel', { authority: `${host}:${port}` })).value ?? []) as [string, number, string]
      expect([host, port, status]).toEqual([host, port, where === 'CONNECT' ? expect.any(Number) : 404])
      expect(status).toBeGreaterThanOrEqual(400)
      if (where === 'inside') expect(text).toContain('HOST_NOT_FOUND')
    }
  })

  it('is refused in plain HTTP too, by any name of this machine', async () => {
    for (const host of [`127.0.0.1:${portOf(platform.metrics)}`, 'localhost', '169.254.169.254', 'gateway.weft-system', '[::1]']) {
      const { value } = await attempt('fetch', { url: `http://${host}/metrics` })
      const [status, text] = (value ?? [599, 'no connection']) as [number, string]
      expect([host, status >= 400, text]).toEqual([host, true, expect.not.stringContaining('gateway_')])
    }
  })
})

describe('a function that breaks', () => {
  it('by process.exit is reported and started again, and others live on', async () => {
    expect(await dare('exit')).toBeGreaterThanOrEqual(500)
    await alive()
    await back()
    expect(await systemLines()).toContain('exit code 7')
  })

  it('by a rejection or an error that nobody catches is logged, and is there again', async () => {
    await dare('reject')
    await dare('throwLater')
    await back()
    await until('both in the log', async () => {
      const lines = await systemLines()
      return lines.includes('nobody catches this') && lines.includes('thrown out of reach')
    })
    await alive()
  })

  it('by an endless loop is killed with a word, and answers again', async () => {
    const looping = dare('loop')
    await alive()
    expect(await looping).toBeGreaterThanOrEqual(500)
    await back()
    expect(await systemLines()).toContain('Unresponsive')
  }, 60_000)

  it('by taking all memory is killed with a word, and answers again', async () => {
    const hogging = dare('hog')
    await alive()
    expect(await hogging).toBeGreaterThanOrEqual(500)
    await back()
    expect(await systemLines()).toContain('OOMKilled')
  }, 60_000)

  it('by a fork bomb meets its limit', async () => {
    await dare('bomb').catch(() => 0)
    await alive()
    await back()
  }, 60_000)

  it('by a flood of log lines loses lines and nothing else, and says so', async () => {
    const flooding = dare('flood').catch(() => 0)
    for (let call = 0; call < 10; call += 1) await alive()
    await flooding
    await back()
    const kibibytes = Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${platform.pid}/status`, 'utf8'))?.[1])
    expect(kibibytes).toBeLessThan(700_000)
  }, 60_000)

  it('never ends the platform', () => {
    expect(platform.output).not.toMatch(/uncaught|something failed inside/i)
  })
})

describe('after a kill of Envoy and the reuse of a slot', () => {
  it('everyone is who they were, and the new tenant sees nothing of the old one', async () => {
    const pid = Number(/\d+/.exec(await readFile(join(platform.runDirectory, 'm', 'envoy.pid'), 'utf8'))?.[0])
    process.kill(pid, 'SIGKILL')
    await back()
    const [, certificate] = (await attempt('fetch', { url: 'http://who/' })).value as [number, string]
    expect(certificate).toContain('URI=spiffe://cluster.local/ns/default/sa/agent')
    await attempt('run', { command: 'echo behind > /tmp/left; nohup sleep 1000 > /dev/null 2>&1 & echo' })
    await platform.api('DELETE', '/system/functions', { functionName: 'agent' })
    await until('it is gone', async () => (await platform.call('agent')).status === 404)
    await platform.deploy('tenant', AGENT)
    expect(await attempt('read', { path: '/tmp/left' }, 'tenant')).toEqual({ error: 'ENOENT' })
    expect(await attempt('read', { path: '/mine/mine' }, 'tenant')).toEqual({ error: 'ENOENT' })
    expect(String((await attempt('run', { command: 'ps ax 2>/dev/null || ls /proc' }, 'tenant')).value)).not.toContain('sleep 1000')
    const [, now] = (await attempt('fetch', { url: 'http://who/' }, 'tenant')).value as [number, string]
    expect(now).toContain('URI=spiffe://cluster.local/ns/default/sa/tenant')
  }, 60_000)
})

describe('with outboundPolicy REGISTRY_ONLY', () => {
  it('no host outside of the mesh is reached, and those inside are', async () => {
    await using strict = await TestPlatform.start({ isolation: 'required', config: 'mesh:\n  outboundPolicy: REGISTRY_ONLY\n' })
    await strict.deploy('agent', AGENT)
    await strict.deploy('victim', `export default () => new Response('alive')`)
    const ask = async (deed: string, input: object) => JSON.parse((await strict.call('agent', { body: JSON.stringify({ deed, ...input }) })).text) as Outcome
    expect((await ask('fetch', { url: 'http://victim/' })).value).toEqual([200, 'alive'])
    expect((await ask('tunnel', { authority: 'outside.invalid:443' })).value).toEqual(['CONNECT', expect.any(Number), ''])
    expect((await ask('tunnel', { authority: '93.184.216.34:80' })).value).toEqual(['CONNECT', 502, ''])
    expect((await ask('fetch', { url: 'http://93.184.216.34/' })).error).toBeDefined()
  }, 60_000)
})
