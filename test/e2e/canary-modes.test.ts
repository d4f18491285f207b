import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { CanaryResource, CanarySpec, CanaryStatus, FunctionResource } from '@weft/api'
import { ask, startLoad, TestPlatform, until } from '@weft/test-harness'

/** How often the controller looks, and how long that may take on a busy machine. */
const TICK_MS = 1_500
const RUN_DEADLINE_MS = 40_000

/** Somebody outside who keeps the gates: at an address that the operator of this platform allows, and it alone. */
const HOOKS = '127.0.0.2'
const closedGates = new Set<string>()
const told: { readonly path: string; readonly body: Readonly<Record<string, unknown>> }[] = []
let hooks: Server
let hooksUrl: string

let platform: TestPlatform
beforeAll(async () => {
  hooks = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (part: string) => (text += part))
    request.on('end', () => {
      const path = request.url ?? ''
      told.push({ path, body: JSON.parse(text) as Record<string, unknown> })
      response.writeHead(closedGates.has(path) ? 403 : 200).end()
    })
  })
  await new Promise<void>((resolve) => hooks.listen(0, HOOKS, resolve))
  const address = hooks.address()
  hooksUrl = `http://${HOOKS}:${typeof address === 'object' && address !== null ? address.port : 0}`
  platform = await TestPlatform.start({ config: `canary: { allowedAddresses: [${HOOKS}/32] }\n` })
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
  hooks.closeAllConnections()
  hooks.close()
})

const says = (text: string, code = 200) => `export default () => new Response('${text}', { status: ${code} })`

/** A function with a stable revision `v1` and a canary. */
async function begin(name: string, spec: Omit<CanarySpec, 'function'>, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await platform.deploy(name, says('v1'), fields)
  const body = { apiVersion: 'weft.dev/v1alpha1', kind: 'Canary', metadata: { name }, spec: { function: name, ...spec } }
  const answer = await platform.api('POST', '/apis/weft.dev/v1alpha1/namespaces/default/canaries', body)
  if (answer.status !== 201) throw new Error(`canary of ${name}: ${answer.status} ${answer.text}`)
  await until(`${name} has a stable revision`, async () => (await status(name)).stable !== undefined)
}

async function status(name: string): Promise<Partial<CanaryStatus>> {
  const answer = await platform.api('GET', `/apis/weft.dev/v1alpha1/namespaces/default/canaries/${name}`)
  return (JSON.parse(answer.text) as CanaryResource).status ?? {}
}

const phase = (name: string, wanted: CanaryStatus['phase']) =>
  until(`${name} is ${wanted}`, async () => (await status(name)).phase === wanted, RUN_DEADLINE_MS, 200)
const text = async (name: string, headers: Record<string, string> = {}) => (await platform.call(name, { headers })).text
const url = (name: string) => `${platform.gateway}/function/${name}`
const interval = '2s'
const INTERVAL_MS = 2_000
const analysis: CanarySpec['analysis'] = { minRequests: 10, successRate: { min: 95 } }

describe('a canary', () => {
  it('A/B: calls that match go to the candidate, no others, until its iterations are over', async () => {
    await begin('ab', { interval, iterations: 2, match: [{ headers: { 'x-user': { exact: 'jason' } } }, { cookies: { beta: { exact: 'yes' } } }], analysis })
    await platform.send('ab', says('v2'))
    const others = startLoad(url('ab'), 2)
    const jason = startLoad(url('ab'), 1, (answer) => answer.status === 200, { headers: { 'x-user': 'jason' } })
    await until('jason has it', async () => (await text('ab', { 'x-user': 'jason' })) === 'v2')
    expect([await text('ab', { cookie: 'a=1; beta=yes' }), await text('ab'), await text('ab', { 'x-user': 'eve' })]).toEqual(['v2', 'v1', 'v1'])
    await phase('ab', 'Succeeded')
    await until('everybody has it', async () => (await text('ab')) === 'v2')
    const ends = await Promise.all([others.stop(), jason.stop()])
    expect(ends.flatMap(({ failures }) => failures)).toEqual([])
  }, 90_000)

  it('copies first and A/B by a cookie hold under a name of a Gateway, and where a VirtualService only says how calls go', async () => {
    const host = 'named.example.com'
    const istio = (kind: string, name: string, spec: object) =>
      platform.api('POST', `/apis/networking.istio.io/v1/namespaces/default/${kind.toLowerCase()}s`, {
        apiVersion: 'networking.istio.io/v1',
        kind,
        metadata: { name },
        spec,
      })
    const route = [{ destination: { host: 'named' } }]
    const servers = [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: [host] }]
    await istio('Gateway', 'named', { selector: { istio: 'ingressgateway' }, servers })
    await istio('VirtualService', 'named-outside', {
      hosts: [host],
      gateways: ['named'],
      http: [{ match: [{ uri: { prefix: '/app' } }], rewrite: { uri: '/' }, route }],
    })
    await istio('VirtualService', 'named-inside', { hosts: ['named'], http: [{ timeout: '5s', route }] })
    await begin('named', { interval, iterations: 2, mirror: { percent: 100 }, match: [{ cookies: { beta: { exact: 'yes' } } }], analysis })
    const under = async (cookie?: string) => {
      const headers = { host, ...(cookie === undefined ? {} : { cookie }) }
      const [{ text: byHost }, { text: byName }] = await Promise.all([
        ask(`${platform.gateway}/app/x`, { headers }),
        platform.call('named', { headers: cookie === undefined ? {} : { cookie } }),
      ])
      return [byHost, byName]
    }
    await until('the name', async () => (await under())[0] === 'v1')
    const load = startLoad(`${platform.gateway}/app/x`, 2, (answer) => answer.status === 200, { headers: { host, cookie: 'beta=yes' } })
    await platform.send('named', says('v2'))
    await until('whoever has the cookie has it', async () => (await under('beta=yes')).every((one) => one === 'v2'))
    expect(await under()).toEqual(['v1', 'v1'])
    await phase('named', 'Succeeded')
    await until('everybody has it', async () => (await under()).every((one) => one === 'v2'))
    expect((await load.stop()).failures).toEqual([])
    expect((await status('named')).history?.map(({ reason }) => reason)).toEqual(['Started', 'Advanced', 'Advanced', 'Advanced', 'Promoted'])
  }, 90_000)

  it('mirror first: a candidate that fails with copies never gets a call', async () => {
    await begin('copied', { interval, mirror: { percent: 100 }, analysis })
    const load = startLoad(url('copied'), 2, (answer) => answer.text === 'v1')
    await platform.send('copied', says('broken', 500))
    await phase('copied', 'Failed')
    const { failures } = await load.stop()
    expect(failures).toEqual([])
    const { history = [] } = await status('copied')
    expect(history.map(({ reason }) => reason)).toEqual(['Started', 'Advanced', 'RolledBack'])
    expect(history.at(-1)?.message).toContain('success rate is 0.0 %')
  }, 90_000)

  it('mirror first: a candidate that does well with copies gets its steps', async () => {
    await begin('wellcopied', { interval, mirror: {}, steps: [50], analysis })
    const load = startLoad(url('wellcopied'), 2)
    await platform.send('wellcopied', says('v2'))
    await until('copies', async () => (await status('wellcopied')).stage?.startsWith('copies of 100 %'))
    await phase('wellcopied', 'Succeeded')
    const { failures } = await load.stop()
    expect(failures).toEqual([])
    expect((await status('wellcopied')).history?.map(({ reason }) => reason)).toEqual(['Started', 'Advanced', 'Advanced', 'Promoted'])
  }, 90_000)

  it('sticky: who was with the candidate stays with it over the steps, and loses the cookie at the end', async () => {
    await begin('sticky', { interval, steps: [30, 60], sessionAffinity: { maxAge: '1h' }, analysis })
    const load = startLoad(url('sticky'), 2)
    await platform.send('sticky', says('v2'))
    const answer = await until('the candidate', async () => {
      const one = await platform.call('sticky')
      return one.text === 'v2' ? one : undefined
    })
    const [given = ''] = answer.headers['set-cookie'] ?? []
    expect(given).toMatch(/^weft-canary-default-sticky=[^;]+; Max-Age=3600; Path=\/; HttpOnly$/)
    const cookie = given.split(';')[0] ?? ''
    const seen = new Set<string>()
    await until(
      'the end',
      async () => {
        seen.add(await text('sticky', { cookie }))
        return (await status('sticky')).phase === 'Succeeded'
      },
      RUN_DEADLINE_MS,
    )
    expect(seen).toEqual(new Set(['v2']))
    await until('the cookie is taken back', async () => {
      const { headers } = await platform.call('sticky', { headers: { cookie } })
      return headers['set-cookie']?.[0] === 'weft-canary-default-sticky=; Max-Age=0; Path=/; HttpOnly'
    })
    expect((await load.stop()).failures).toEqual([])
  }, 90_000)

  it('blue-green: no call until its iterations are over and the gates are open; webhooks are asked at each gate', async () => {
    const types = ['confirm-rollout', 'pre-rollout', 'rollout', 'confirm-promotion', 'post-rollout', 'event'] as const
    closedGates.add('/confirm-promotion')
    const webhooks = types.map((type) => ({ name: type, type, url: `${hooksUrl}/${type}`, metadata: { team: 'shop' } }))
    await begin('bluegreen', { interval: '1s', iterations: 2, webhooks })
    const load = startLoad(url('bluegreen'), 2)
    await platform.send('bluegreen', says('v2'))
    await until('the gate', async () => (await status('bluegreen')).waitingFor === 'webhook confirm-promotion', RUN_DEADLINE_MS)
    expect([await text('bluegreen'), await text('bluegreen')]).toEqual(['v1', 'v1'])
    closedGates.clear()
    await phase('bluegreen', 'Succeeded')
    await until('all calls', async () => (await text('bluegreen')) === 'v2')
    expect((await load.stop()).failures).toEqual([])
    await until('whoever listens is told', async () => told.some(({ path }) => path === '/post-rollout'))
    const order = [...new Set(told.map(({ path }) => path.slice(1)).filter((path) => path !== 'event'))]
    expect(order).toEqual(['confirm-rollout', 'pre-rollout', 'rollout', 'confirm-promotion', 'post-rollout'])
    expect(told.find(({ path }) => path === '/rollout')?.body).toMatchObject({
      name: 'bluegreen',
      namespace: 'default',
      phase: 'Progressing',
      type: 'rollout',
      canaryWeight: 0,
      metadata: { team: 'shop' },
    })
    const events = told.filter(({ path }) => path === '/event').map(({ body }) => (body['metadata'] as Record<string, string>)['eventReason'])
    expect(events).toContain('Promoted')
  }, 90_000)

  it('asks no private address that the operator does not allow, and a function by its name', async () => {
    await platform.deploy('gate', `export default async (request) => new Response('', { status: (await request.json()).name === 'asked' ? 202 : 500 })`)
    const confirm = { name: 'gate', type: 'confirm-rollout' as const, url: 'http://gate/ask' }
    const own = { name: 'own', type: 'confirm-rollout' as const, url: platform.gateway.replace('127.0.0.1', 'localhost') }
    await begin('asked', { interval, iterations: 1, webhooks: [confirm] })
    await begin('unasked', { interval, iterations: 1, webhooks: [own] })
    await Promise.all([platform.send('asked', says('v2')), platform.send('unasked', says('v2'))])
    await phase('asked', 'Succeeded')
    await until('why not', async () => /localhost \([^)]+\) is a private address, or this machine's own/.test(platform.output))
    expect((await status('unasked')).waitingFor).toBe('webhook confirm-rollout')
  }, 90_000)

  it('rollback: a webhook that wants it back has it at once', async () => {
    closedGates.add('/rollback')
    await begin('wanted', { interval: '5s', steps: [50], analysis, webhooks: [{ name: 'back', type: 'rollback', url: `${hooksUrl}/rollback` }] })
    await platform.send('wanted', says('v2'))
    await until('a share', async () => (await status('wanted')).phase === 'Progressing')
    closedGates.clear()
    await phase('wanted', 'Failed')
    expect((await status('wanted')).message).toContain('a rollback webhook asked for it')
  }, 60_000)

  it('does not hold against a candidate that its first replica took long to start', async () => {
    const slowStart = (answer: string) => `await new Promise((resolve) => setTimeout(resolve, 1500))\n${says(answer)}`
    const limits = { minRequests: 10, latencyP99: { max: '1s' }, successRate: { min: 99 } }
    const asleep = { 'com.openfaas.scale.zero': 'true', 'com.openfaas.scale.zero-duration': '1s' }
    await begin('cold', { interval, steps: [50], analysis: limits }, { labels: asleep })
    await platform.send('cold', slowStart('v2'))
    await until('a share', async () => (await status('cold')).phase === 'Progressing')
    await until('the stable one sleeps, the candidate does not', async () => {
      const { text: found } = await platform.api('GET', '/apis/weft.dev/v1alpha1/namespaces/default/functions/cold')
      return (JSON.parse(found) as FunctionResource).status?.availableReplicas === 1
    })
    const load = startLoad(url('cold'), 1)
    await phase('cold', 'Succeeded')
    expect((await load.stop()).failures).toEqual([])
  }, 90_000)

  it('takes a candidate out within one interval of its first failure, however long it did well', async () => {
    await begin('turning', {
      interval,
      steps: [50],
      deadline: '10m',
      analysis: { ...analysis, minRequests: 5 },
      webhooks: [{ name: 'stay', type: 'confirm-promotion', url: `${hooksUrl}/stay` }],
    })
    closedGates.add('/stay')
    const load = startLoad(url('turning'), 2)
    await platform.send(
      'turning',
      `let bad = false\nexport default (request) => {\n  if (request.headers.get('x-turn')) bad = true\n  return new Response('v2', { status: bad ? 500 : 200 })\n}`,
    )
    await until('it did well for longer than an interval', async () => (await status('turning')).waitingFor === 'webhook confirm-promotion', RUN_DEADLINE_MS)
    const turned = Date.now()
    await until('it turns', async () => (await platform.call('turning', { headers: { 'x-turn': 'yes' } })).status === 500)
    await phase('turning', 'Failed')
    const { history = [] } = await status('turning')
    const rolledBack = history.find(({ reason }) => reason === 'RolledBack')
    expect(Date.parse(rolledBack?.at ?? '') - turned).toBeLessThanOrEqual(INTERVAL_MS + TICK_MS)
    await until('no more failures', async () =>
      (await Promise.all(Array.from({ length: 20 }, () => platform.call('turning')))).every((one) => one.status === 200),
    )
    await load.stop()
    closedGates.clear()
  }, 90_000)

  it('begins by deploy --canary, grows by step weight, and says where it stands', async () => {
    await platform.deploy('shop', says('v1'))
    const source = `${platform.dataDir}/shop.mjs`
    await writeFile(source, says('v2'))
    const said = await platform.weftOk(['deploy', 'shop', '--from-file', source, '--runtime', 'fetch', '--revision', 'v2', '--canary=20,60'])
    expect(said).toContain('weft canary status shop')
    await until('a share', async () => (await status('shop')).phase === 'Progressing')
    expect(await platform.weftOk(['canary', 'status', 'shop'])).toMatch(/Candidate: +v2 gets 20 %\n[\s\S]*Mode: +steps \[20\] 60\nHistory:\n.*Started/)
    expect(await platform.weftOk(['canary', 'pause', 'shop'])).toContain('weft canary resume shop')
    expect(await platform.weftOk(['canary', 'abort', 'shop'])).toContain('go back to')
    await phase('shop', 'Aborted')
    await platform.weftOk(['canary', 'start', 'shop', '--step-weight', '30', '--max-weight', '60', '--interval', '2s'])
    expect((JSON.parse(await platform.weftOk(['canary', 'status', 'shop', '-o', 'json'])) as CanaryResource).spec).toMatchObject({
      stepWeight: 30,
      maxWeight: 60,
    })
    expect(await platform.weftOk(['canary', 'stop', 'shop'])).toContain('no canary any more')
  }, 90_000)

  it('does not begin where a VirtualService owns the split, and names it', async () => {
    await platform.deploy('owned', says('v1'))
    const route = [{ destination: { host: 'owned', subset: 'v1' } }]
    const virtualService = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'routes' },
      spec: { hosts: ['owned'], http: [{ route }] },
    }
    await platform.api('POST', '/apis/networking.istio.io/v1/namespaces/default/virtualservices', virtualService)
    const refused = await platform.weft(['canary', 'start', 'owned'])
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('VirtualService default/routes')])
  }, 60_000)
})
