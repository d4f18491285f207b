import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { FunctionResource, RevisionResource } from '@weft/api'
import { TestPlatform, until } from '@weft/test-harness'
import { spawn } from 'node:child_process'

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start()
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

const FUNCTIONS = '/apis/weft.dev/v1alpha1/namespaces/default/functions'
const saying = (text: string) => `export default () => new Response('${text}')`

async function read(name: string): Promise<FunctionResource> {
  return JSON.parse((await platform.api('GET', `${FUNCTIONS}/${name}`)).text) as FunctionResource
}

async function revisions(name: string): Promise<readonly RevisionResource[]> {
  const { text } = await platform.api('GET', `/apis/weft.dev/v1alpha1/namespaces/default/revisions`)
  const { items } = JSON.parse(text) as { items: readonly RevisionResource[] }
  return items.filter(({ spec }) => spec.function === name)
}

/** Waits until all of 20 calls in a row say this. */
async function serves(name: string, text: string): Promise<void> {
  await until(`${name} says ${text}`, async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => platform.call(name)))
    return answers.every((answer) => answer.status === 200 && answer.text === text)
  })
}

async function file(name: string, text: string): Promise<string> {
  await mkdir(join(platform.dataDir, 'files'), { recursive: true })
  const path = join(platform.dataDir, 'files', name)
  await writeFile(path, text)
  return path
}

describe('resources', () => {
  it('are applied, shown, changed and removed as kubectl does it', async () => {
    const path = await file(
      'rule.yaml',
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: temp, labels: { tier: one } }\nspec: { host: temp, subsets: [{ name: v1, labels: { version: v1 } }] }\n',
    )
    expect(await platform.weftOk(['apply', '-f', path])).toMatch(/DestinationRule temp/)
    expect(await platform.weftOk(['get', 'dr', '-o', 'name'])).toBe('destinationrule/temp\n')
    expect(await platform.weftOk(['get', 'destinationrules', '-l', 'tier=two', '-o', 'name'])).toBe('')
    expect(await platform.weftOk(['get', 'dr', 'temp', '-o', 'yaml'])).toMatch(/host: temp/)
    await writeFile(path, (await readFile(path, 'utf8')).replace('tier: one', 'tier: two'))
    await platform.weftOk(['apply', '-f', path])
    expect(await platform.weftOk(['get', 'destinationrules', '-A', '-l', 'tier=two', '-o', 'name'])).toBe('destinationrule/temp\n')
    await platform.weftOk(['delete', '-f', path])
    const gone = await platform.weft(['get', 'dr', 'temp'])
    expect([gone.code === 0, gone.stderr]).toEqual([false, expect.stringMatching(/DestinationRule temp does not exist/)])
  }, 60_000)

  it('have every path that the API documents behind the ingress, as kubectl needs it', async () => {
    const { paths } = JSON.parse((await platform.remote('GET', '/openapi.json')).text) as { paths: Record<string, unknown> }
    const all = Object.keys(paths).filter((path) => !/^\/(async-)?function\//.test(path))
    expect(all).toEqual(expect.arrayContaining(['/version', '/openapi/v3/apis/{group}/{version}']))
    const { groups } = JSON.parse((await platform.remote('GET', '/apis')).text) as { groups: readonly { name: string }[] }
    const missing: string[] = []
    for (const path of [...all, ...groups.map(({ name }) => `/apis/${name}`)]) {
      const { text } = await platform.remote('GET', path.replace('{group}', 'networking.istio.io').replaceAll(/\{[^}]+\}/g, 'v1'))
      if (text.includes('ROUTE_NOT_FOUND')) missing.push(path)
    }
    expect(missing).toEqual([])
  }, 60_000)

  it('say in their status what is wrong with them, until it is mended', async () => {
    const route = (host: string) =>
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: lost }\nspec: { hosts: [lost], http: [{ route: [{ destination: { host: ${host} } }] }] }\n`
    await platform.deploy('lost', saying('here'))
    const path = await file('lost.yaml', route('nowhere'))
    await platform.weftOk(['apply', '-f', path])
    const described = () => platform.weftOk(['describe', 'vs', 'lost'])
    await until('the status names what is missing', async () => /Reconciled +False +HostNotFound .*nowhere/.test(await described()))
    expect(await platform.weftOk(['get', 'vs', 'lost', '-o', 'yaml'])).toMatch(/validationMessages:\n +- type:\n +name: HostNotFound\n +level: WARNING/)
    await writeFile(path, route('lost'))
    await platform.weftOk(['apply', '-f', path])
    await until('the status says that it is good', async () => /Reconciled +True +Reconciled/.test(await described()))
    expect((await platform.call('lost')).text).toBe('here')
    await platform.weftOk(['delete', '-f', path])
  }, 60_000)

  it('are watched with curl as lines, from what is there on', async () => {
    const password = await platform.password()
    const url = `${platform.gateway}/api/v1/namespaces/default/services?watch=1`
    const curl = spawn('curl', ['-sN', '-u', `admin:${password}`, url], { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = new Promise((resolve) => curl.once('exit', resolve))
    let text = ''
    curl.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    try {
      const service = { metadata: { name: 'watched' }, spec: { selector: { app: 'a' }, ports: [{ port: 80 }] } }
      expect((await platform.remote('POST', '/api/v1/namespaces/default/services', service)).status).toBe(201)
      await until('ADDED', async () => text.includes('"ADDED"'))
      const patch = await platform.remote('PATCH', '/api/v1/namespaces/default/services/watched', '{"metadata":{"labels":{"a":"b"}}}', {
        'content-type': 'application/merge-patch+json',
      })
      expect(patch.status).toBe(200)
      await until('MODIFIED', async () => text.includes('"MODIFIED"'))
      await platform.remote('DELETE', '/api/v1/namespaces/default/services/watched')
      await until('DELETED', async () => text.includes('"DELETED"'))
    } finally {
      curl.kill()
      await ended
    }
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; object: { kind: string; metadata: { name: string } } })
    expect(events.map(({ type, object }) => [type, object.kind, object.metadata.name])).toEqual(
      ['ADDED', 'MODIFIED', 'DELETED'].map((type) => [type, 'Service', 'watched']),
    )
  }, 30_000)

  it.each([
    [
      'a field of Istio that is not read',
      'networking.istio.io/v1',
      'VirtualService',
      '{ hosts: [a], http: [{ match: [{ statPrefix: x }], route: [{ destination: { host: a } }] }] }',
      /statPrefix/,
    ],
    [
      'a deeper one',
      'networking.istio.io/v1',
      'VirtualService',
      '{ hosts: [a], http: [{ match: [{ statPrefix: x }], route: [{ destination: { host: a } }] }] }',
      /statPrefix/,
    ],
    ['one of a policy', 'security.istio.io/v1', 'RequestAuthentication', '{ targetRefs: [{ kind: Gateway, name: a }] }', /targetRefs/],
    ['a field that is spelled wrong', 'networking.istio.io/v1', 'DestinationRule', '{ host: a, subsets: [{ name: v1, lables: {} }] }', /lables/],
    ['a kind that Istio removed', 'config.istio.io/v1alpha2', 'RouteRule', '{}', /RouteRule was removed from Istio[\s\S]*VirtualService/],
    ['another that it removed', 'config.istio.io/v1alpha2', 'denier', '{}', /denier was removed from Istio[\s\S]*AuthorizationPolicy/],
    ['a policy that it removed', 'authentication.istio.io/v1alpha1', 'Policy', '{}', /Policy was removed from Istio[\s\S]*PeerAuthentication/],
    ['a kind that comes later', 'networking.istio.io/v1', 'EnvoyFilter', '{}', /EnvoyFilter is not supported yet/],
    ['a kind that nobody knows', 'example.org/v1', 'Gremlin', '{}', /Gremlin/],
  ])('are refused by name: %s', async (_name, apiVersion, kind, spec, reason) => {
    const path = await file('refused.yaml', `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: refused }\nspec: ${spec}\n`)
    const { code, stderr } = await platform.weft(['apply', '-f', path])
    expect([code === 0, stderr]).toEqual([false, expect.stringMatching(reason)])
    expect(stderr).toContain('refused.yaml')
  })
})

describe('revisions', () => {
  it('get all traffic when they are ready, and none while a split is pinned', async () => {
    await platform.deploy('pinned', saying('one'), { revision: 'v1' })
    await serves('pinned', 'one')
    await platform.deploy('pinned', saying('two'), { revision: 'v2' })
    await serves('pinned', 'two')
    await platform.weftOk(['traffic', 'set', 'pinned', 'v1=100'])
    await serves('pinned', 'one')
    await platform.deploy('pinned', saying('three'), { revision: 'v3' })
    await serves('pinned', 'one')
    expect((await read('pinned')).status?.traffic).toEqual([{ revision: 'v1', weight: 100 }])
    const path = await file('pinned.mjs', saying('four'))
    const said = await platform.weftOk(['deploy', 'pinned', '--from-file', path, '--runtime', 'fetch', '--revision', 'v4'])
    expect(said).toMatch(/pinned.*weft traffic set pinned v4=100/s)
    await platform.weftOk(['traffic', 'clear', 'pinned'])
    await serves('pinned', 'four')
  }, 60_000)

  it('that never get ready leave the old one serving, and weft describe says why', async () => {
    await platform.deploy('steady', saying('fine'), { revision: 'v1' })
    await platform.send('steady', `throw new Error('there is no database')`, { revision: 'v2' })
    await until('the reason', async () => (await platform.weftOk(['describe', 'steady'])).includes('there is no database'))
    const text = await platform.weftOk(['describe', 'steady'])
    expect(text).toMatch(/Traffic:\s+v1=100%/)
    expect(text).toMatch(/v2\s+(Pending|Failed)\s/)
    await serves('steady', 'fine')
    await platform.deploy('steady', saying('mended'), { revision: 'v3' })
    await serves('steady', 'mended')
  }, 60_000)

  it('are gone back to', async () => {
    await platform.deploy('back', saying('old'), { revision: 'v1' })
    await platform.deploy('back', saying('new'), { revision: 'v2' })
    await serves('back', 'new')
    expect(await platform.weftOk(['rollback', 'back'])).toMatch(/v1/)
    await serves('back', 'old')
    const { code, stderr } = await platform.weft(['rollback', 'back', '--to', 'v9'])
    expect([code === 0, stderr]).toEqual([false, expect.stringMatching(/there is no revision v9; there are v2, v1/)])
  }, 60_000)

  it('never change: their name is refused for another template, and taken for the same', async () => {
    await platform.deploy('fixed', saying('one'), { revision: 'v1' })
    const path = await file('fixed.mjs', saying('other'))
    const { code, stderr } = await platform.weft(['deploy', 'fixed', '--from-file', path, '--runtime', 'fetch', '--revision', 'v1', '--wait-timeout', '10s'])
    expect([code === 0, stderr]).toEqual([false, expect.stringMatching(/revision v1 of fixed exists already/)])
    await serves('fixed', 'one')
    expect((await revisions('fixed')).map(({ spec }) => spec.revision)).toEqual(['v1'])
  }, 60_000)

  it('are kept for roll-back, ten of them', async () => {
    for (let version = 1; version <= 12; version += 1) await platform.deploy('many', saying(`version ${version}`))
    await serves('many', 'version 12')
    const kept = await until('two are gone', async () => {
      const numbers = (await revisions('many')).map(({ spec }) => spec.number).toSorted((a, b) => a - b)
      return numbers.length === 10 && numbers
    })
    expect(kept).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect((await platform.weftOk(['revisions', 'many', '-o', 'name'])).trim().split('\n')).toHaveLength(10)
    await platform.weftOk(['rollback', 'many', '--to', '00003'])
    await serves('many', 'version 3')
  }, 90_000)
})

describe('secrets', () => {
  it('are read at both paths, and a changed one by the replicas that start after it', async () => {
    await platform.weftOk(['secret', 'create', 'key', '--from-literal', 'first'])
    const source = `import { readFile } from 'node:fs/promises'
const [a, b] = await Promise.all(['/var/openfaas/secrets/key', '/key/key'].map((path) => readFile(path, 'utf8')))
export default () => new Response(a + ' ' + b)`
    await platform.deploy('reader', source, { secrets: ['key'] })
    await serves('reader', 'first first')
    await platform.weftOk(['secret', 'update', 'key', '--from-literal', 'second'])
    await platform.api('POST', '/system/scale-function/reader', { replicas: 0 })
    await until('zero', async () => (await read('reader')).status?.availableReplicas === 0)
    await serves('reader', 'second second')
    expect(await platform.weftOk(['secret', 'list', '-o', 'name'])).toBe('key\n')
    expect((await platform.api('GET', '/api/v1/namespaces/default/secrets/key')).text).not.toContain(Buffer.from('second').toString('base64'))
    const database = await readFile(join(platform.dataDir, 'weft.db'), 'latin1')
    expect(database.includes('second') || database.includes(Buffer.from('second').toString('base64'))).toBe(false)
  }, 60_000)

  it('that are not there refuse the deployment by name', async () => {
    const answer = await platform.api('POST', '/system/functions', { service: 'secretless', image: 'functions/alpine', secrets: ['nowhere'] })
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('the secret nowhere does not exist')])
    expect((await platform.api('GET', '/system/function/secretless')).status).toBe(404)
  })
})

describe('scale', () => {
  it('goes to zero after the idle time, and comes back with the next call', async () => {
    const path = await file('idle.mjs', saying('awake'))
    await platform.weftOk(['deploy', 'idle', '--from-file', path, '--runtime', 'fetch', '--zero-after', '2s'])
    await serves('idle', 'awake')
    for (let round = 0; round < 2; round += 1) {
      await until('zero', async () => (await read('idle')).status?.availableReplicas === 0, 15_000)
      const { status, text } = await platform.call('idle')
      expect([status, text]).toEqual([200, 'awake'])
    }
  }, 60_000)
})
