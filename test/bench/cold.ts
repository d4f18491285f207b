/**
 * Cold starts from zero and their steps, the first 200 of the sample application after a start, and updates. `npm run bench:cold -- --help` says what can be
 * chosen.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { TestPlatform, until } from '@weft/test-harness'
import { machine } from './src/machine.ts'
import { expectStatus, record, report, timed, type Series } from './src/series.ts'
import { startWeft, type BenchPlatform } from './src/weft.ts'

const HELP = `npm run bench:cold -- [--starts 50] [--first 3] [--deploys 10] [--json FILE]
  --starts   cold starts from zero
  --first    starts of the sample application, each with cold and with warm caches
  --deploys  updates of one function by the command line
  --json     where to write all values; 0 of anything leaves its part out`

const HELLO = `module.exports = async (event, context) => context.status(200).succeed('hello')\n`
const DEADLINE_MS = 30_000

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
  await measureColdStarts(series, weft.platform, Number(options.starts))
  await measureDeploys(series, weft, Number(options.deploys))
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ benchmark: 'cold', at: new Date().toISOString(), machine: about, series }, null, 2)}\n`)
  console.log(`${JSON.stringify(about)}\n\n${report(series)}`)
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
