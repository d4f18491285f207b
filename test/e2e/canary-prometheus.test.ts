import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { CanaryMetric, CanaryResource, CanarySpec, CanaryStatus } from '@weft/api'
import { startLoad, TestPlatform, TestPrometheus, until } from '@weft/test-harness'

const RUN_DEADLINE_MS = 60_000

/** Calls per second of the candidate that end with this status, as Istio's metrics tell. */
const rateOf = (code: string) =>
  `sum(rate(istio_requests_total{reporter="destination",destination_workload="{{ function }}-{{ candidate }}",destination_workload_namespace="{{ namespace }}",response_code="${code}"}[5s]))`

let platform: TestPlatform
let prometheus: TestPrometheus
beforeAll(async () => {
  platform = await TestPlatform.start({ config: 'canary: { allowedAddresses: [127.0.0.1/32] }\n' })
  prometheus = await TestPrometheus.start(platform.metrics, [])
}, 120_000)
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

const says = (text: string, code = 200) => `export default () => new Response('${text}', { status: ${code} })`

/** A function with a stable revision and a canary that is judged by one number alone: its own counters forgive everything. */
async function begin(
  name: string,
  metric: { readonly query: string; readonly range: CanaryMetric['thresholdRange']; readonly address?: string },
): Promise<void> {
  await platform.deploy(name, says('v1'))
  const { query, range, address = prometheus.url } = metric
  const metrics: CanaryMetric[] = [{ name: 'the number', prometheus: { address, query }, thresholdRange: range }]
  const spec: CanarySpec = { function: name, steps: [50], interval: '4s', analysis: { minRequests: 1, successRate: { min: 0 }, metrics } }
  const body = { apiVersion: 'weft.dev/v1alpha1', kind: 'Canary', metadata: { name }, spec }
  const answer = await platform.api('POST', '/apis/weft.dev/v1alpha1/namespaces/default/canaries', body)
  if (answer.status !== 201) throw new Error(`canary of ${name}: ${answer.status} ${answer.text}`)
  await until(`${name} has a stable revision`, async () => (await statusOf(name)).stable !== undefined)
}

async function statusOf(name: string): Promise<Partial<CanaryStatus>> {
  const answer = await platform.api('GET', `/apis/weft.dev/v1alpha1/namespaces/default/canaries/${name}`)
  return (JSON.parse(answer.text) as CanaryResource).status ?? {}
}

const reaches = (name: string, what: string, wanted: (status: Partial<CanaryStatus>) => boolean) =>
  until(`${name}: ${what}`, async () => wanted(await statusOf(name)), RUN_DEADLINE_MS, 200)

/** Deploys the next revision, and calls it until the canary is as it should be. */
async function tried(name: string, code: number, wanted: (status: Partial<CanaryStatus>) => boolean): Promise<void> {
  const load = startLoad(`${platform.gateway}/function/${name}`, 1, () => true)
  await platform.send(name, says('v2', code))
  try {
    await reaches(name, 'where it should be', wanted)
  } finally {
    await load.stop()
  }
}

/** Each at the same time as the others: most of it is waiting. */
describe('a canary that is judged by a real Prometheus', () => {
  it('goes on while its number is good, is rolled back when it is not, and takes an outage or an empty answer for no data, never for zero', async () => {
    await begin('good', { query: rateOf('200'), range: { min: 0.1 } })
    await begin('bad', { query: rateOf('500'), range: { max: 0.1 } })
    await begin('empty', { query: 'nobody_counts_this', range: { max: 10 } })
    await begin('out', { query: 'up', range: { max: 10 }, address: 'http://127.0.0.1:1' })
    const lacksData = ({ waitingFor }: Partial<CanaryStatus>) => waitingFor?.includes('has no data') === true
    await Promise.all([
      tried('good', 200, ({ phase }) => phase === 'Succeeded'),
      tried('bad', 500, ({ phase }) => phase === 'Failed'),
      tried('empty', 200, lacksData),
      tried('out', 200, lacksData),
    ])
    expect((await statusOf('bad')).message).toMatch(/the number is [\d.]+, 0.1 is the limit/)
    expect([(await statusOf('empty')).phase, (await statusOf('out')).phase]).toEqual(['Progressing', 'Progressing'])
  }, 120_000)
})
