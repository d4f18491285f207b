import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, run, TestPlatform, TestPrometheus, until } from '@weft/test-harness'
import { parse } from 'yaml'

const DIRECTORY = fileURLToPath(new URL('../../deploy/observability', import.meta.url))
const RULES = join(DIRECTORY, 'weft.rules.yaml')

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string | { readonly query: string } }[] }
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[]
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly record?: string; readonly alert?: string; readonly expr: string }[] }[]
}

const dashboards = readdirSync(join(DIRECTORY, 'dashboards')).map(
  (file) => [file, JSON.parse(readFileSync(join(DIRECTORY, 'dashboards', file), 'utf8')) as Dashboard] as const,
)
const rules = (parse(readFileSync(RULES, 'utf8')) as Rules).groups.flatMap((group) => group.rules)

/** Every panel's queries, as Grafana sends them when all values of its variables are chosen. */
const queries = dashboards.flatMap(([file, { panels }]) =>
  panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => [`${file}: ${title}`, expr.replaceAll('$__rate_interval', '1m').replace(/\$[a-z]+/g, '.*')] as const),
  ),
)

let platform: TestPlatform
let prometheus: TestPrometheus

beforeAll(async () => {
  platform = await TestPlatform.start()
  prometheus = await TestPrometheus.start(platform.metrics, [RULES])
  await platform.deploy('callee', 'export default (request) => new Response("x", { status: request.url.endsWith("/bad") ? 500 : 200 })')
  await platform.deploy('caller', 'export default async () => new Response(await (await fetch("http://callee/", { method: "POST", body: "x" })).text())')
}, 120_000)
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

async function callAll(): Promise<void> {
  await platform.call('caller')
  await platform.call('callee/bad')
  await platform.api('GET', '/system/functions')
}

describe('what is shipped for Prometheus and Grafana', () => {
  it('has rules and a configuration that promtool takes, and rules that do what their tests say', async () => {
    for (const args of [
      ['check', 'rules', 'weft.rules.yaml'],
      ['test', 'rules', 'weft.rules.test.yaml'],
      ['check', 'config', 'prometheus.yaml'],
    ]) {
      const { code, stdout, stderr } = await run('promtool', args, { cwd: DIRECTORY })
      expect([args, code, code === 0 ? '' : stdout + stderr]).toEqual([args, 0, ''])
    }
    const tested = readFileSync(join(DIRECTORY, 'weft.rules.test.yaml'), 'utf8')
    expect(rules.flatMap(({ alert = [] }) => alert).filter((alert) => !tested.includes(`alertname: ${alert}`))).toEqual([])
  }, 60_000)

  it('asks nothing that Prometheus does not understand, and shows something of every panel after calls', async () => {
    let missing: readonly string[] = queries.map(([name]) => name)
    await until(
      'data in every panel',
      async () => {
        await callAll()
        const answers = await Promise.all(queries.map(async ([name, expr]) => [name, (await prometheus.query(expr)).length] as const))
        missing = answers.filter(([, count]) => count === 0).map(([name]) => name)
        return missing.length === 0
      },
      60_000,
      300,
    ).catch(() => undefined)
    expect(missing).toEqual([])
  }, 90_000)

  it('fills every list of values of a dashboard', async () => {
    const names = dashboards.flatMap(([, { templating }]) => templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : [query.query])))
    for (const text of names) {
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(text) ?? []
      const found = await prometheus.query(`count by (${label}) (${selector.replace(/\$[a-z]+/g, '.*')})`)
      expect([text, found.some(({ metric }) => (metric[label] ?? '') !== '')]).toEqual([text, true])
    }
  }, 60_000)

  it('records every series, and every alert can be asked', async () => {
    for (const { record, expr } of rules) {
      await prometheus.query(expr)
      if (record === undefined) continue
      await until(record, async () => {
        await callAll()
        return (await prometheus.query(record)).length > 0
      })
    }
  }, 90_000)
})

describe('weft mesh tap', () => {
  const admin = () => ask('http://admin/runtime', { socketPath: join(platform.runDirectory, 'm', 'admin') })
  const isOn = async () => (await admin()).text.includes('weft.tap.')

  it('shows calls while they happen, also from another machine, and leaves nothing behind when it is killed', async () => {
    const tap = platform.spawn(['mesh', 'tap', 'callee', '--min-status', '500'])
    let printed = ''
    tap.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    tap.stderr?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    try {
      await until('a call is shown', async () => {
        await callAll()
        await platform.call('callee/bad?token=hidden')
        return printed.includes('/bad')
      })
    } finally {
      tap.kill('SIGKILL')
    }
    expect(printed).toMatch(/ in +weft-system\/ingress +default\/callee-\d+ \(\S+\) +GET +\/bad +500 .* mTLS\n/)
    expect(printed).not.toContain('hidden')
    expect(printed).not.toContain(' 200 ')
    await until('it is switched off', async () => !(await isOn()))
  }, 60_000)

  it('of a function that there is not is refused', async () => {
    expect(await platform.weft(['mesh', 'tap', 'nobody'])).toMatchObject({ code: 2, stderr: expect.stringContaining('knows no host "nobody.default"') })
  })

  it('ends with the platform', async () => {
    const tap = platform.spawn(['mesh', 'tap', 'callee'])
    const ended = new Promise((resolve) => tap.on('exit', resolve))
    await until('it is switched on', isOn)
    await Promise.all([platform.stop(), ended])
    expect(tap.signalCode).toBeNull()
  }, 60_000)
})
