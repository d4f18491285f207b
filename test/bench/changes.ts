/**
 * How long a change of configuration takes to reach the data path, with few and with many functions beside it. `npm run bench:changes -- --help` says what can be
 * chosen.
 */
import { writeFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { parseArgs } from 'node:util'
import { ask, type TestPlatform, until } from '@weft/test-harness'
import { machine } from './src/machine.ts'
import { expectStatus, record, report, type Outcome, type Series } from './src/series.ts'
import { startWeft } from './src/weft.ts'

const HELP = `npm run bench:changes -- [--flips 100] [--streams 30] [--parked 10,1000] [--json FILE]
  --flips    configuration changes of each kind
  --streams  open event streams that a policy ends
  --parked   how many further functions there are at zero meanwhile, one run after the other
  --json     where to write all values; 0 of anything leaves its part out`

const HELLO = `module.exports = async (event, context) => context.status(200).succeed('hello')\n`
const STREAM = `export default () => new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('data: 1\\n\\n')) }), { headers: { 'content-type': 'text/event-stream' } })\n`
const DEADLINE_MS = 30_000
const POLICIES = '/apis/security.istio.io/v1/namespaces/default/authorizationpolicies'

const { values: options } = parseArgs({
  options: {
    flips: { type: 'string', default: '100' },
    streams: { type: 'string', default: '30' },
    parked: { type: 'string', default: '10,1000' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) console.log(HELP)
else await main()

async function main(): Promise<void> {
  const about = await machine()
  const series: Series = {}
  await using weft = await startWeft('')
  const { platform } = weft
  await weft.deploy('a', HELLO, 'node22')
  await weft.deploy('b', HELLO.replace('hello', 'other'), 'node22')
  await weft.deploy('events', STREAM, 'fetch')
  const flipCount = Number(options.flips)
  let parked = 0
  for (const count of options.parked.split(',').map(Number)) {
    await park(platform, parked, count)
    parked = count
    const suffix = `, ${count} parked`
    await measurePolicy(series, platform, flipCount, suffix)
    await measureSplit(series, platform, flipCount, suffix)
    await measureStreams(series, platform, Number(options.streams), suffix)
    await measureWide(series, platform, Math.ceil(flipCount / 10), suffix)
  }
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ benchmark: 'changes', at: new Date().toISOString(), machine: about, series }, null, 2)}\n`)
  console.log(`${JSON.stringify(about)}\n\n${report(series)}`)
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
  await expectStatus(platform.api('POST', POLICIES, resource('ALLOW')))
  await flips(series, platform, count, `AuthorizationPolicy to effect${suffix}`, async (even) => {
    await expectStatus(platform.api('PUT', `${POLICIES}/bench`, resource(even ? 'DENY' : 'ALLOW')))
    return ({ status }) => status === (even ? 403 : 200)
  })
  await expectStatus(platform.api('DELETE', `${POLICIES}/bench`))
}

/** A policy of the whole mesh: every workload gets it. */
async function measureWide(series: Series, platform: TestPlatform, count: number, suffix: string): Promise<void> {
  const resource = (action: string) => ({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'wide', namespace: 'weft-system' },
    spec: { action, rules: [{}] },
  })
  const path = POLICIES.replace('/default/', '/weft-system/')
  await expectStatus(platform.api('POST', path, resource('ALLOW')))
  await flips(series, platform, count, `AuthorizationPolicy of the whole mesh to effect${suffix}`, async (even) => {
    await expectStatus(platform.api('PUT', `${path}/wide`, resource(even ? 'DENY' : 'ALLOW')))
    return ({ status }) => status === (even ? 403 : 200)
  })
  await expectStatus(platform.api('DELETE', `${path}/wide`))
}

/** From the sending of a policy to the end of an open event stream that it forbids. */
async function measureStreams(series: Series, platform: TestPlatform, count: number, suffix: string): Promise<void> {
  const policy = {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'streams' },
    spec: { selector: { matchLabels: { app: 'events' } }, action: 'DENY', rules: [{}] },
  }
  for (let index = 0; index < count; index += 1) {
    const stream = await until('an open stream', () => openStream(platform), DEADLINE_MS)
    const ended = new Promise<void>((resolve) => stream.once('close', resolve))
    stream.on('error', () => undefined).resume()
    const started = performance.now()
    await expectStatus(platform.api('POST', POLICIES, policy))
    await ended
    record(series, `AuthorizationPolicy to the end of a stream${suffix}`, performance.now() - started)
    await expectStatus(platform.api('DELETE', `${POLICIES}/streams`))
  }
}

function openStream(platform: TestPlatform): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const request = get(`${platform.gateway}/function/events`, { headers: { accept: 'text/event-stream' }, agent: false }, (response) => {
      if (response.statusCode === 200) response.once('data', () => resolve(response))
      else resolve(void response.resume())
    })
    request.on('error', reject)
  })
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
