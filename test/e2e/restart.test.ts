import { createServer, type AddressInfo } from 'node:net'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { run, TestPlatform, until } from '@weft/test-harness'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CLI = join(ROOT, 'apps/cli/src/main.ts')
const SERVICES = '/api/v1/namespaces/default/services'

const TO_OLD = { hosts: ['shop'], http: [{ route: [{ destination: { host: 'shop', subset: 'old' } }] }] }
const istio = (kind: string, spec: object) => JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind, metadata: { name: 'shop' }, spec })

/** Runs `weft start` that should not get far. */
async function start(args: readonly string[]) {
  return run(process.execPath, [CLI, 'start', ...args], { env: { PATH: process.env['PATH'] ?? '', WEFT_ENVOY: process.env['WEFT_ENVOY'] ?? '' } })
}

/** Command lines of processes that name a text. */
async function commandsWith(text: string): Promise<readonly string[]> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(processes.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => line.includes(text))
}

let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'weft-e2e-restart-'))
})
afterAll(() => rm(dataDir, { recursive: true, force: true }))

describe('a platform that is killed while it writes', () => {
  it('loses nothing that was acknowledged, and makes nothing of what was not asked for', async () => {
    const first = await TestPlatform.start({ dataDir })
    await first.deploy('survivor', `export default () => new Response('here')`)
    const asked = new Set<string>()
    const acknowledged = new Set<string>()
    const secrets = new Map<string, string>()
    let running = true
    const writer = async (prefix: string) => {
      for (let index = 0; running; index += 1) {
        const name = `${prefix}-${index}`
        asked.add(name)
        const service = { metadata: { name }, spec: { selector: { app: name }, ports: [{ port: 80 }] } }
        const answer = await first.api('POST', SERVICES, service).catch(() => undefined)
        if (answer?.status === 201) acknowledged.add(name)
        const secret = await first.api('POST', '/system/secrets', { name, value: `value of ${name}` }).catch(() => undefined)
        if (secret?.status === 202) secrets.set(name, `value of ${name}`)
      }
    }
    const writers = ['a', 'b', 'c', 'd'].map(writer)
    await until('many writes', async () => acknowledged.size > 300)
    await first.stop('SIGKILL')
    running = false
    await Promise.all(writers)

    const second = await TestPlatform.start({ dataDir })
    try {
      const { items } = JSON.parse((await second.api('GET', SERVICES)).text) as { items: readonly Resource[] }
      const found = new Set(items.map(({ metadata }) => metadata.name))
      expect([...acknowledged].filter((name) => !found.has(name))).toEqual([])
      expect([...found].filter((name) => !asked.has(name))).toEqual([])
      const kept = JSON.parse((await second.api('GET', '/api/v1/namespaces/default/secrets?reveal=1')).text) as {
        items: readonly (Resource & { data: Record<string, string> })[]
      }
      const values = new Map(kept.items.map(({ metadata, data }) => [metadata.name, Buffer.from(data[metadata.name] ?? '', 'base64').toString()]))
      for (const [name, value] of secrets) expect([name, values.get(name)]).toEqual([name, value])
      await until('the function answers', async () => (await second.call('survivor')).text === 'here')
      expect(await second.stop()).toBe(0)
    } finally {
      await second.stop('SIGKILL')
    }
  }, 90_000)

  it('leaves no process and no replica of its own behind when it is started and stopped again', async () => {
    const again = await TestPlatform.start({ dataDir })
    await until('the function answers', async () => (await again.call('survivor')).text === 'here')
    expect(await again.stop()).toBe(0)
    expect(await commandsWith(again.runDirectory)).toEqual([])
  }, 60_000)
})

describe('a platform that is started again', () => {
  it('answers calls from the first one on, also where a VirtualService leads to an old revision', async () => {
    const own = await mkdtemp(join(tmpdir(), 'weft-e2e-again-'))
    const first = await TestPlatform.start({ dataDir: own })
    await first.deploy('shop', `export default () => new Response('one')`)
    await first.deploy('shop', `export default () => new Response('two')`)
    const subsets = [{ name: 'old', labels: { version: '00001' } }]
    await first.weftOk(['apply', '-f', '-'], [istio('DestinationRule', { host: 'shop', subsets }), istio('VirtualService', TO_OLD)].join('\n---\n'))
    await until('the old one answers', async () => (await first.call('shop')).text === 'one')
    expect(await first.stop()).toBe(0)

    const answers: (readonly [status: number, text: string])[] = []
    let running = true
    const caller = async () => {
      while (running) {
        const answer = await first.call('shop').catch(() => undefined)
        if (answer !== undefined) answers.push([answer.status, answer.text])
        else await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const calling = caller()
    const second = await TestPlatform.start({ dataDir: own, args: ['--listen', new URL(first.gateway).host] })
    try {
      await until('it answers', async () => answers.length > 20)
      running = false
      await calling
      expect(answers.filter(([status, text]) => status !== 200 || text !== 'one')).toEqual([])
    } finally {
      running = false
      await second.stop()
      await rm(own, { recursive: true, force: true })
    }
  }, 90_000)
})

describe('two platforms', () => {
  it('live side by side, each with its own functions and password', async () => {
    await using one = await TestPlatform.start()
    await using two = await TestPlatform.start()
    await one.deploy('same', `export default () => new Response('of one')`)
    await two.deploy('same', `export default () => new Response('of two')`)
    expect([(await one.call('same')).text, (await two.call('same')).text]).toEqual(['of one', 'of two'])
    expect(await one.password()).not.toBe(await two.password())
    const stranger = `Basic ${Buffer.from(`admin:${await one.password()}`).toString('base64')}`
    expect((await two.remote('GET', '/system/functions', undefined, { authorization: stranger })).status).toBe(401)
    expect(await one.stop()).toBe(0)
    expect((await two.call('same')).text).toBe('of two')
  }, 60_000)

  it('never share a data directory or a port, and the error names what to change', async () => {
    await using one = await TestPlatform.start()
    const free = ['--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0']
    const shared = await start([...free, '--data-dir', one.dataDir])
    expect([shared.code === 0, shared.stderr]).toEqual([
      false,
      expect.stringMatching(new RegExp(`process ${one.pid} runs Weft with the data directory .*--data-dir`, 's')),
    ])
    const other = await mkdtemp(join(tmpdir(), 'weft-e2e-port-'))
    const gateway = new URL(one.gateway).host
    const metrics = new URL(one.metrics).host
    const taken = await start(['--listen', gateway, '--metrics-listen', '127.0.0.1:0', '--data-dir', other])
    expect([taken.code === 0, taken.stderr]).toEqual([false, expect.stringMatching(new RegExp(`${gateway} already[\\s\\S]*--listen`))])
    const takenMetrics = await start(['--listen', '127.0.0.1:0', '--metrics-listen', metrics, '--data-dir', other])
    expect([takenMetrics.code === 0, takenMetrics.stderr]).toEqual([false, expect.stringMatching(new RegExp(`${metrics} already[\\s\\S]*--metrics-listen`))])
    expect((await one.remote('GET', '/system/functions')).status).toBe(200)
    await rm(other, { recursive: true, force: true })
  }, 60_000)

  it("is not disturbed by another program's port", async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const directory = await mkdtemp(join(tmpdir(), 'weft-e2e-port-'))
    const { code, stderr } = await start(['--listen', address, '--metrics-listen', '127.0.0.1:0', '--data-dir', directory])
    expect([code === 0, stderr]).toEqual([false, expect.stringMatching(/another program listens on .*--listen/s)])
    await new Promise((resolve) => server.close(resolve))
    await rm(directory, { recursive: true, force: true })
  })
})
