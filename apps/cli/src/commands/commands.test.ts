import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { cli, testGateway, testWorld, type Reply } from '../testing/world.ts'
import { kubelessProgram } from './kubeless.ts'

const BASE = '/apis/weft.dev/v1alpha1/namespaces/default'
const revision = (name: string, number: number, phase: string) => ({
  metadata: { name: `temp-${name}` },
  spec: { revision: name, number, template: {} },
  status: { phase },
})
const temp = {
  metadata: { name: 'temp', namespace: 'default', generation: 1 },
  spec: { template: { runtime: 'nodejs14', handler: 'h.fn', artifact: `sha256:${'b'.repeat(64)}`, env: { A: '1' }, revision: 'v2' } },
  status: {
    observedGeneration: 1,
    replicas: 1,
    availableReplicas: 1,
    traffic: [{ revision: 'v2', weight: 100 }],
    conditions: [{ type: 'RevisionReady', status: 'True', reason: 'Proven', message: '' }],
  },
}
const REPLIES: Record<string, Reply> = {
  [`GET ${BASE}/functions/temp`]: [200, temp],
  [`PATCH ${BASE}/functions/temp`]: [200, temp],
  [`PUT ${BASE}/functions/temp`]: [200, temp],
  [`DELETE ${BASE}/functions/temp`]: [200, {}],
  'POST /system/scale-function/temp': [202],
  [`GET ${BASE}/revisions`]: [200, { items: [revision('v1', 1, 'Retired'), revision('v2', 2, 'Active')] }],
}

describe('changes of a function', () => {
  it.each<[string, string[], string, object]>([
    [
      'a split',
      ['traffic', 'set', 'temp', 'v1=90', 'v2=10'],
      'PATCH',
      {
        spec: {
          traffic: [
            { revision: 'v1', weight: 90 },
            { revision: 'v2', weight: 10 },
          ],
        },
      },
    ],
    [
      'a header rule',
      ['traffic', 'set', 'temp', '--match', 'end-user: jason', '--to', 'v1'],
      'PATCH',
      { spec: { matches: [{ headers: { 'end-user': 'jason' }, revision: 'v1' }] } },
    ],
    ['no header rule any more', ['traffic', 'set', 'temp', '--clear-matches'], 'PATCH', { spec: { matches: null } }],
    ['no split any more', ['traffic', 'clear', 'temp'], 'PATCH', { spec: { traffic: null, matches: null } }],
    ['back to the one before', ['rollback', 'temp'], 'PATCH', { spec: { traffic: [{ revision: 'v1', weight: 100 }] } }],
    ['replicas', ['scale', 'temp', '0'], 'POST', { serviceName: 'temp', namespace: 'default', replicas: 0 }],
  ])('%s', async (_name, line, method, body) => {
    await using gateway = await testGateway(REPLIES)
    expect(await cli(line, { gateway })).toMatchObject({ code: 0 })
    expect(JSON.parse(gateway.seen.find((one) => one.method === method)?.body ?? '')).toEqual(body)
  })

  it.each<[string, string[], string]>([
    ['a split over a revision that is not there', ['traffic', 'set', 'temp', 'v9=100'], 'temp has no revision v9; it has v2, v1'],
    ['no change of the split', ['traffic', 'set', 'temp'], 'give shares (v1=90 v2=10)'],
    ['a number of replicas that is none', ['scale', 'temp', 'many'], '"many" is not a number from 0 to 1000'],
    ['a function that is not there', ['remove', 'other'], 'there is no such thing'],
  ])('are refused: %s', async (_name, line, message) => {
    await using gateway = await testGateway(REPLIES)
    expect(await cli(line, { gateway })).toMatchObject({ code: 2, err: expect.stringContaining(message) })
    expect(gateway.seen.some(({ method }) => method === 'PATCH')).toBe(false)
  })
})

describe('secrets', () => {
  it.each<[string, string[], string | undefined, string]>([
    ['a literal', ['--from-literal', ' x '], undefined, 'x'],
    ['a literal with its white space', ['--from-literal', ' x ', '--trim=false'], undefined, ' x '],
    ['what is piped in', [], 'piped\n', 'piped'],
  ])('are made from %s', async (_name, flags, input, value) => {
    await using gateway = await testGateway({ 'POST /system/secrets': [201, {}] })
    expect(await cli(['secret', 'create', 'key', ...flags], { gateway, ...(input === undefined ? {} : { input }) })).toMatchObject({
      code: 0,
      out: 'Created secret key.\n',
    })
    expect(JSON.parse(gateway.seen[0]?.body ?? '')).toEqual({ name: 'key', namespace: 'default', value })
  })

  it('are made from a file, and refused without a value', async () => {
    await using gateway = await testGateway({ 'POST /system/secrets': [201, {}] })
    await using world = await testWorld()
    await writeFile(join(world.cwd, 'k'), 'from a file')
    await cli(['secret', 'create', 'key', '--from-file', 'k'], { gateway, world })
    expect(JSON.parse(gateway.seen[0]?.body ?? '')).toMatchObject({ value: 'from a file' })
    expect(await cli(['secret', 'create', 'key'], { gateway })).toMatchObject({ code: 2, err: expect.stringContaining('there is no value') })
    expect(await cli(['secret', 'create', 'key', '--from-file', 'gone'], { gateway })).toMatchObject({
      code: 2,
      err: expect.stringMatching(/gone does not exist\n/),
    })
  })
})

describe('weft namespace remove', () => {
  const kinds = (name: string, kind: string, namespaced: boolean): Reply => [200, { resources: [{ name, kind, namespaced, verbs: [] }] }]
  const DISCOVERED = {
    'GET /apis': [200, { groups: [] }] as Reply,
    'GET /api/v1': kinds('namespaces', 'Namespace', false),
    'GET /apis/weft.dev/v1alpha1': kinds('functions', 'Function', true),
    'DELETE /api/v1/namespaces/team': [200, {}] as Reply,
  }
  const functions = (...names: readonly string[]): Reply => [200, { items: names.map((name) => ({ metadata: { name } })) }]

  it.each<[string, readonly string[], Reply, number, string]>([
    ['removes one that is empty', [], functions(), 0, ''],
    [
      'keeps one that is not, and says what is in it',
      [],
      functions('a', 'b'),
      2,
      'it has Function a, Function b\n  remove them first, or everything with: weft namespace remove team --all',
    ],
    ['removes one with everything in it when it is told to', ['--all'], functions('a'), 0, ''],
  ])('%s', async (_name, flags, found, code, message) => {
    await using gateway = await testGateway({ ...DISCOVERED, 'GET /apis/weft.dev/v1alpha1/namespaces/team/functions': found })
    const outcome = await cli(['namespace', 'remove', 'team', ...flags], { gateway })
    expect(outcome).toMatchObject({ code, err: expect.stringContaining(message) })
    expect(gateway.seen.some(({ method }) => method === 'DELETE')).toBe(code === 0)
  })
})

describe('secrets of several files', () => {
  it.each([
    ['create', 'POST', '', 201],
    ['update', 'PUT', '/tls', 200],
  ])('%s them under their keys, as they are', async (verb, method, path, status) => {
    const route = `${method} /api/v1/namespaces/team/secrets${path}`
    await using gateway = await testGateway({ [route]: [status, {}] })
    await using world = await testWorld()
    await writeFile(join(world.cwd, 'a.pem'), 'certificate\n')
    await writeFile(join(world.cwd, 'a.key'), 'key\n')
    const files = ['--from-file', 'tls.crt=a.pem', '--from-file=tls.key=a.key']
    expect(await cli(['secret', verb, 'tls', '-n', 'team', ...files], { gateway, world })).toMatchObject({ code: 0 })
    expect(JSON.parse(gateway.seen[0]?.body ?? '')).toMatchObject({
      metadata: { name: 'tls', namespace: 'team' },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': Buffer.from('certificate\n').toString('base64'), 'tls.key': Buffer.from('key\n').toString('base64') },
    })
  })

  it.each([
    [['--from-file', 'a', '--from-file', 'b'], 'several files need a key each'],
    [['--from-file', 'k=a', '--from-file', 'b'], 'cannot stand together'],
    [['--from-file', 'k=a', '--from-literal', 'b'], 'cannot stand together'],
  ])('%j is refused', async (flags, message) => {
    await using gateway = await testGateway({})
    expect(await cli(['secret', 'create', 'key', ...flags], { gateway })).toMatchObject({ code: 2, err: expect.stringContaining(message) })
  })

  it('says which secret is not there to be removed', async () => {
    await using gateway = await testGateway({
      'DELETE /system/secrets': [404, { error: { code: 'NOT_FOUND', message: 'secret x does not exist', help: 'see: weft secret list' } }],
    })
    expect(await cli(['secret', 'remove', 'x'], { gateway })).toEqual({ code: 2, out: '', err: 'Error: secret x does not exist\n  see: weft secret list\n' })
  })
})

describe('logs', () => {
  it('are printed line by line, as they are or as JSON', async () => {
    const line = { name: 'temp', instance: 'temp-1', timestamp: '2030-01-01T00:00:00Z', text: 'hello' }
    await using gateway = await testGateway({ 'GET /system/logs': [200, `${JSON.stringify(line)}\n`] })
    expect((await cli(['logs', 'temp', '--lines', '5', '--since-time', '2030-01-01'], { gateway })).out).toBe('2030-01-01T00:00:00Z temp (temp-1) hello\n')
    expect(gateway.seen[0]?.path).toBe('/system/logs?name=temp&namespace=default&follow=false&tail=5&since=2030-01-01T00%3A00%3A00.000Z')
    expect(JSON.parse((await cli(['logs', 'temp', '-o', 'json'], { gateway })).out)).toEqual(line)
  })
})

describe('ready', () => {
  it('waits for a function or the platform, and ends when the attempts are used up', async () => {
    await using gateway = await testGateway({ ...REPLIES, 'GET /healthz': [200, 'OK'] })
    expect(await cli(['ready'], { gateway })).toMatchObject({ code: 0 })
    expect(await cli(['ready', 'temp'], { gateway })).toMatchObject({ code: 0, out: 'temp is ready.\n' })
    expect(await cli(['ready', '-g', 'http://127.0.0.1:1', '--attempts', '2', '--interval', '10ms'])).toMatchObject({
      err: expect.stringContaining('is not ready: no gateway answers'),
    })
    expect(await cli(['ready', '--attempts', 'x'])).toMatchObject({ code: 2 })
  })
})

describe('kubeless', () => {
  const kubeless = { program: kubelessProgram }

  it('update changes what it names, and nothing else', async () => {
    await using gateway = await testGateway(REPLIES)
    expect(await cli(['function', 'update', 'temp', '--env', 'B=2', '--timeout', '9'], { gateway, ...kubeless })).toMatchObject({ code: 0 })
    const { revision: _revision, ...template } = temp.spec.template
    expect(JSON.parse(gateway.seen.find(({ method }) => method === 'PUT')?.body ?? '')).toMatchObject({
      spec: { template: { ...template, env: { B: '2' }, timeout: '9' } },
    })
    expect(await cli(['function', 'update', 'other', '--env', 'B=2'], { gateway, ...kubeless })).toMatchObject({ code: 2 })
  })

  it('call sends an event', async () => {
    await using gateway = await testGateway({ 'GET /function/temp.default/': [200, 'cold'], 'POST /function/temp.default/': [200, 'set\n'] })
    expect(await cli(['function', 'call', 'temp'], { gateway, ...kubeless })).toMatchObject({ code: 0, out: 'cold\n' })
    expect(await cli(['function', 'call', 'temp', '-d', '{"temp":1}'], { gateway, ...kubeless })).toMatchObject({ code: 0, out: 'set\n' })
    expect(gateway.seen[1]?.headers).toMatchObject({
      'content-type': 'application/json',
      'event-namespace': 'cli.kubeless.io',
      'event-id': expect.stringMatching(/^\w{11}$/),
    })
  })

  it('top shows calls, failures and durations', async () => {
    const statistics = [{ function: { namespace: 'default', name: 'temp' }, byCode: { 200: 3, 500: 1 }, durationSumSeconds: 2 }]
    await using gateway = await testGateway({ 'GET /apis/mesh.weft.dev/v1alpha1/invocations': [200, statistics] })
    expect((await cli(['function', 'top'], { gateway, ...kubeless })).out).toMatch(/^NAME +NAMESPACE +TOTAL_CALLS .*\ntemp +default +4 +1 +2\.000 +0\.5000\n$/)
  })

  it.each([
    ['trigger', ['trigger', 'cronjob', 'create', 'x'], 'triggers by time are not there yet'],
    ['topic', ['topic', 'create', 'x'], 'queues are not there yet'],
    ['autoscale', ['autoscale', 'create', 'x'], 'weft deploy NAME --min N --max N'],
  ])('refuses %s by name', async (_name, line, message) => {
    expect(await cli(line, kubeless)).toMatchObject({ code: 2, err: expect.stringContaining(message) })
  })

  it('creates, lists and removes HTTP triggers', async () => {
    const spec = { 'function-name': 'temp', 'host-name': 'temp.example.com', path: '/v1', tls: true, 'tls-secret': 'temp' }
    const trigger = { apiVersion: 'kubeless.io/v1beta1', kind: 'HTTPTrigger', metadata: { name: 'temp', namespace: 'default' }, spec }
    const path = '/apis/kubeless.io/v1beta1/namespaces/default/httptriggers'
    const replies: typeof REPLIES = {
      ...REPLIES,
      [`POST ${path}`]: [201, trigger],
      [`GET ${path}`]: [200, { items: [trigger] }],
      [`DELETE ${path}/temp`]: [200, {}],
    }
    await using gateway = await testGateway(replies)
    const flags = ['--function-name', 'temp', '--hostname', 'temp.example.com', '--path', '/v1', '--tls-secret', 'temp']
    expect(await cli(['trigger', 'http', 'create', 'temp', ...flags], { gateway, ...kubeless })).toMatchObject({
      code: 0,
      out: 'HTTP trigger temp created in namespace default: http://temp.example.com/v1\n',
    })
    expect(JSON.parse(gateway.seen.find(({ method }) => method === 'POST')?.body ?? '')).toEqual(trigger)
    const listed = await cli(['trigger', 'http', 'list'], { gateway, ...kubeless })
    expect(listed.out).toMatch(/^NAME +NAMESPACE +FUNCTION NAME +HOST +PATH\ntemp +default +temp +temp\.example\.com +\/v1\n$/)
    expect(await cli(['trigger', 'http', 'delete', 'temp'], { gateway, ...kubeless })).toMatchObject({ code: 0 })
  })

  it.each([
    ['a host of the platform', ['--hostname', 'localhost'], 'belongs to the platform'],
    ['a path that leaves itself', ['--path', '/../system'], 'plain path'],
    ['ACME', ['--enableTLSAcme'], '--tls-secret'],
    ['passwords', ['--basic-auth-secret', 'users'], 'AuthorizationPolicy'],
  ])('refuses an HTTP trigger with %s', async (_name, flags, message) => {
    const line = ['trigger', 'http', 'create', 'x', '--function-name', 'temp', ...flags]
    expect(await cli(line, kubeless)).toMatchObject({ code: 2, err: expect.stringContaining(message) })
  })

  it('prints the trigger that it would create', async () => {
    const { out } = await cli(['trigger', 'http', 'create', 'x', '--function-name', 'temp', '--cors-enable', '--gateway', 'nginx', '--dryrun'], kubeless)
    expect(out).toContain('gateway: nginx')
    expect(out).toContain('host-name: temp.127.0.0.1.nip.io')
    expect(out).toContain('cors-enable: true')
  })

  it('refuses options that mean nothing here', async () => {
    expect(await cli(['function', 'deploy', 'x', '--headless', '--runtime', 'nodejs14', '--from-file', 'x.js'], kubeless)).toMatchObject({
      code: 2,
      err: expect.stringContaining('--headless: Weft does not have it'),
    })
  })
})
