/**
 * The control path: cold starts from zero and their steps, the first 200 of the sample application after a start, and how long a change of
 * configuration takes to reach the data path. `npm run bench:cold -- --help` says what can be chosen.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ask, TestPlatform, until } from '@weft/test-harness'
import { machine } from './src/machine.ts'
import { quantile, table } from './src/statistics.ts'
import { startWeft, type BenchPlatform } from './src/weft.ts'

const HELP = `npm run bench:cold -- [--starts 50] [--first 3] [--flips 50] [--parked 10,300] [--deploys 10] [--json FILE]
  --starts   cold starts from zero
  --first    starts of the sample application, each with cold and with warm caches
  --flips    configuration changes of each kind
  --parked   how many further functions there are at zero meanwhile
  --deploys  updates of one function by the command line
  --json     where to write all values; 0 of anything leaves its part out`

const HELLO = `module.exports = async (event, context) => context.status(200).succeed('hello')\n`
const DEADLINE_MS = 30_000

/** All values of one thing that was measured, in milliseconds. */
type Series = Record<string, number[]>

interface Step {
  readonly name: string
  readonly ms: number
}
interface Revision {
  readonly status?: {
    readonly replicas: number
    readonly readyReplicas: number
    readonly lastActivation?: { readonly at: string; readonly steps: readonly Step[] }
  }
}

const { values: options } = parseArgs({
  options: {
    starts: { type: 'string', default: '50' },
    first: { type: 'string', default: '3' },
    flips: { type: 'string', default: '50' },
    parked: { type: 'string', default: '10,300' },
    deploys: { type: 'string', default: '10' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) console.log(HELP)
else await main()

async function main(): Promise<void> {
  const about = await machine()
  const series: Series = {}
  await measureFirstAnswers(series, Number(options.first))
  await using weft = await startWeft('')
  await weft.deploy('a', HELLO, 'node22')
  await weft.deploy('b', HELLO.replace('hello', 'other'), 'node22')
  await measureColdStarts(series, weft.platform, Number(options.starts))
  await measureDeploys(series, weft, Number(options.deploys))
  let parked = 0
  for (const count of Number(options.flips) > 0 ? options.parked.split(',').map(Number) : []) {
    await park(weft.platform, parked, count)
    parked = count
    await measurePolicy(series, weft.platform, Number(options.flips), `, ${count} parked`)
    await measureSplit(series, weft.platform, Number(options.flips), `, ${count} parked`)
  }
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ benchmark: 'cold', at: new Date().toISOString(), machine: about, series }, null, 2)}\n`)
  console.log(`${JSON.stringify(about)}\n\n${report(series)}`)
}

function record(series: Series, name: string, ms: number): void {
  const values = (series[name] ??= [])
  values.push(ms)
}

function report(series: Series): string {
  const rows = Object.entries(series).map(([name, values]) => {
    const sorted = values.toSorted((a, b) => a - b)
    return [
      name,
      String(values.length),
      ...[quantile(sorted, 0.5), quantile(sorted, 0.99), sorted[0] ?? 0, sorted.at(-1) ?? 0].map((ms) => ms.toFixed(ms < 10 ? 1 : 0)),
    ]
  })
  return table([['milliseconds', 'n', 'p50', 'p99', 'lowest', 'highest'], ...rows])
}

/** From `weft start --apply functions/cold-room` to the first 200 of `control`. Cold: an empty data directory, so bundles, certificates and builds are made; Envoy is there. */
async function measureFirstAnswers(series: Series, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const dataDir = mkdtempSync(join(tmpdir(), 'weft-bench-'))
    try {
      for (const caches of ['cold', 'warm']) {
        const started = performance.now()
        await using platform = await TestPlatform.start({ dataDir, args: ['--apply', 'functions/cold-room'] })
        record(series, `start to healthz, ${caches} caches`, performance.now() - started)
        await until('the first 200 of control', async () => (await platform.call('control')).status === 200, 120_000, 10)
        record(series, `start to first 200 of control, ${caches} caches`, performance.now() - started)
      }
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
  }
}

/** Lets the function go idle to zero, calls, and reads the steps of the activation that the call caused. */
async function measureColdStarts(series: Series, platform: TestPlatform, count: number): Promise<void> {
  if (count > 0) await setScale(platform, { min: 0, zeroAfter: '300ms' })
  const agent = new Agent({ keepAlive: true })
  for (let index = 0; index < count; index += 1) {
    await until(
      'scale to zero',
      async () => (await revision(platform)).status?.replicas === 0 && (await revision(platform)).status?.readyReplicas === 0,
      DEADLINE_MS,
      10,
    )
    const at = Date.now()
    record(series, 'cold call', await timed(() => expectStatus(platform.call('a', { agent }))))
    record(series, 'warm call after it', await timed(() => expectStatus(platform.call('a', { agent }))))
    const steps = await until('the steps of the activation', async () => fresh((await revision(platform)).status?.lastActivation, at), DEADLINE_MS, 10)
    for (const step of steps) record(series, `  step ${step.name}`, step.ms)
  }
  agent.destroy()
  if (count > 0) await setScale(platform, { min: 1, zeroAfter: null })
}

function setScale(platform: TestPlatform, scale: object): Promise<void> {
  return expectStatus(
    platform.api('PATCH', '/apis/weft.dev/v1alpha1/namespaces/default/functions/a', { spec: { scale } }, { 'content-type': 'application/merge-patch+json' }),
  )
}

/** The steps of an activation that ended since then. */
function fresh(activation: { readonly at: string; readonly steps: readonly Step[] } | undefined, since: number): readonly Step[] | false {
  return activation !== undefined && Date.parse(activation.at) >= since && activation.steps
}

/** The one revision of function `a`: what `weft describe a -o json` prints of it. */
async function revision(platform: TestPlatform): Promise<Revision> {
  return JSON.parse((await platform.api('GET', '/apis/weft.dev/v1alpha1/namespaces/default/revisions/a-00001')).text) as Revision
}

/** One update by the command line, from its start to its end, with calls going on; and what the platform takes of that. */
async function measureDeploys(series: Series, weft: BenchPlatform, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    record(series, 'weft deploy of a change, whole command', await timed(() => weft.deploy('updated', `${HELLO}// ${index}\n`, 'node22')))
    record(series, 'weft version, whole command', await timed(() => weft.platform.weftOk(['version'])))
  }
}

/** Functions that were proven once and then parked: with routes, listeners and identities, without a process. */
async function park(platform: TestPlatform, from: number, to: number): Promise<void> {
  const { spec } = JSON.parse((await platform.api('GET', '/apis/weft.dev/v1alpha1/namespaces/default/functions/a')).text) as { spec: { template: unknown } }
  for (let index = from; index < to; index += 1) {
    const body = {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'Function',
      metadata: { name: `parked-${index}` },
      spec: { template: spec.template, scale: { min: 0, zeroAfter: '1s' } },
    }
    await expectStatus(platform.api('POST', '/apis/weft.dev/v1alpha1/namespaces/default/functions', body))
  }
  const isParked = ({ metadata, status }: { metadata: { name: string }; status?: { replicas: number; traffic: unknown[] } }) =>
    !metadata.name.startsWith('parked-') || (status !== undefined && status.replicas === 0 && status.traffic.length > 0)
  await until(
    'functions are parked',
    async () =>
      (
        JSON.parse((await platform.api('GET', '/apis/weft.dev/v1alpha1/namespaces/default/functions')).text) as { items: Parameters<typeof isParked>[0][] }
      ).items.every(isParked),
    600_000,
    500,
  )
}

async function measurePolicy(series: Series, platform: TestPlatform, count: number, suffix: string): Promise<void> {
  const resource = (action: string) => ({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'bench' },
    spec: { selector: { matchLabels: { app: 'a' } }, action, rules: [{}] },
  })
  const path = '/apis/security.istio.io/v1/namespaces/default/authorizationpolicies'
  await expectStatus(platform.api('POST', path, resource('ALLOW')))
  await flips(series, platform, count, `AuthorizationPolicy to effect${suffix}`, async (even) => {
    await expectStatus(platform.api('PUT', `${path}/bench`, resource(even ? 'DENY' : 'ALLOW')))
    return ({ status }) => status === (even ? 403 : 200)
  })
  await expectStatus(platform.api('DELETE', `${path}/bench`))
}

async function measureSplit(series: Series, platform: TestPlatform, count: number, suffix: string): Promise<void> {
  const route = (host: string, weight: number) => ({ destination: { host }, weight })
  const resource = (a: number) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'bench' },
    spec: { hosts: ['a'], http: [{ route: [route('a', a), route('b', 100 - a)] }] },
  })
  const path = '/apis/networking.istio.io/v1/namespaces/default/virtualservices'
  await expectStatus(platform.api('POST', path, resource(100)))
  await flips(series, platform, count, `VirtualService to effect${suffix}`, async (even) => {
    await expectStatus(platform.api('PUT', `${path}/bench`, resource(even ? 0 : 100)))
    return ({ text }) => text === (even ? 'other' : 'hello')
  })
  await expectStatus(platform.api('DELETE', `${path}/bench`))
}

interface Outcome {
  readonly status: number
  readonly text: string
}

/** From the sending of a change to the first answer that shows it, asked for over one connection without a pause. */
async function flips(
  series: Series,
  platform: TestPlatform,
  count: number,
  name: string,
  change: (even: boolean) => Promise<(outcome: Outcome) => boolean>,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let index = 0; index < count; index += 1) {
    const started = performance.now()
    const isInForce = await change(index % 2 === 0)
    record(series, `${name}: written`, performance.now() - started)
    await until('the change is in force', async () => isInForce(await ask(`${platform.gateway}/function/a`, { agent })), DEADLINE_MS, 0)
    record(series, name, performance.now() - started)
  }
  agent.destroy()
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await action()
  return performance.now() - started
}

async function expectStatus(answer: Promise<Outcome>): Promise<void> {
  const { status, text } = await answer
  if (status >= 300) throw new Error(`${status} ${text}`)
}
