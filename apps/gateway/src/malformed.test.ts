import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { makeWorld, type World } from '../test/world.ts'

let world: World
beforeAll(async () => {
  world = await makeWorld()
  await world.call('POST', '/system/functions', { service: 'temp', image: 'temp:1' })
  await world.call('POST', '/system/secrets', { name: 'key', value: 'x' })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const junk = fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 }), fc.object({ maxDepth: 2 }))
const badName = fc.oneof(
  fc.string().filter((text) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$/.test(text)),
  fc.constantFrom(
    '../system',
    '..',
    'a.b@169.254.169.254',
    '%2e%2e',
    '::1',
    'a:80',
    'A',
    'a_b',
    '-a',
    'a-',
    'a'.repeat(64),
    'temp\u0000',
    'ｔｅｍｐ',
    'temp.a.b',
  ),
)
/** Text that is no JSON, and JSON that no route takes. */
const badText = fc.oneof(
  fc.string().filter((text) => {
    try {
      JSON.parse(text)
      return false
    } catch {
      return true
    }
  }),
  fc.constantFrom(
    'null',
    '[]',
    '1',
    '"x"',
    '{"__proto__":{"a":1}}',
    '{"constructor":{"prototype":{}}}',
    '{"service":"temp","image":"temp:1","labels":{"__proto__":"x"}}',
  ),
)
const badDeployment = fc.oneof(
  fc.record({ service: badName, image: fc.constant('temp:1') }),
  fc.record({ service: junk, image: fc.constant('temp:1') }),
  fc.record({ service: fc.constant('fresh'), image: junk }),
  fc.record({
    service: fc.constant('fresh'),
    image: fc.constant('temp:1'),
    envVars: fc.oneof(fc.integer(), fc.array(fc.string(), { minLength: 1 }), fc.record({ a: fc.integer() })),
  }),
  fc.record({
    service: fc.constant('fresh'),
    image: fc.constant('temp:1'),
    envVars: fc.constantFrom({ NODE_OPTIONS: 'x' }, { LD_PRELOAD: 'x' }, { WEFT_RUNTIME_CONFIG: 'x' }),
  }),
  fc.record({ service: fc.constant('fresh'), image: fc.constant('temp:1'), limits: fc.record({ memory: fc.constantFrom('much', '-1', '1e9Gi', '') }) }),
  fc.record({
    service: fc.constant('fresh'),
    image: fc.constant('temp:1'),
    labels: fc.constantFrom({ 'com.openfaas.scale.min': 'x' }, { 'com.openfaas.scale.max': '-1' }),
  }),
  fc.record({ service: fc.constant('fresh'), image: fc.string().map((text) => `nope/${text}`) }),
  fc.record({ service: fc.constant('fresh'), image: fc.constant('temp:1'), namespace: badName.filter((name) => name !== '') }),
)
const badResource = fc.oneof(
  fc.record({
    apiVersion: fc.constant('weft.dev/v1alpha1'),
    kind: fc.constant('Function'),
    metadata: fc.record({ name: badName }),
    spec: fc.constant({ template: { image: 'temp:1' } }),
  }),
  fc.record({ apiVersion: fc.constant('weft.dev/v1alpha1'), kind: fc.constant('Function'), metadata: fc.constant({ name: 'fresh' }), spec: junk }),
  fc.record({
    apiVersion: fc.constant('weft.dev/v1alpha1'),
    kind: fc.constant('Function'),
    metadata: fc.constant({ name: 'fresh' }),
    spec: fc.record({ template: junk }),
  }),
  fc.record({ apiVersion: fc.string(), kind: fc.string(), metadata: fc.object() }),
)

/** Sends it and says how it was refused; fails when it was not, or when anything changed. */
async function refused(method: string, url: string, body: unknown): Promise<void> {
  const before = await world.contents()
  const answer = await world.call(method, url, body)
  expect(`${answer.status} ${answer.text}`).toMatch(/^4\d\d [^]*\S/)
  expect(await world.contents()).toBe(before)
}

describe('whatever is malformed is a 4xx with a reason and changes nothing', () => {
  it.each([
    [
      'bodies that are no JSON or no object',
      badText,
      ['/system/functions', '/system/secrets', '/system/namespace', '/system/scale-function/temp', '/apis/weft.dev/v1alpha1/namespaces/default/functions'],
    ],
    ['deployments', badDeployment, ['/system/functions']],
    ['resources', badResource, ['/apis/weft.dev/v1alpha1/namespaces/default/functions']],
  ] as const)('%s', async (_name, bodies, urls) => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...urls), bodies as fc.Arbitrary<unknown>, async (url, body) => {
        await refused('POST', url, typeof body === 'string' ? body : JSON.stringify(body))
      }),
      { numRuns: 500 },
    )
  })

  it('names in paths', async () => {
    // A path with "." or ".." as a part is another path before it is sent.
    const places = ['/system/function/', '/apis/weft.dev/v1alpha1/namespaces/default/functions/', '/system/namespace/', '/apis/mesh.weft.dev/v1alpha1/config/']
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...places),
        badName.filter((name) => !['', '.', '..'].includes(name)),
        async (place, name) => {
          await refused('GET', `${place}${encodeURIComponent(name)}`, undefined)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('patches', async () => {
    const before = await world.contents()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('merge', 'json', 'strategic-merge'),
        fc.oneof(
          badText,
          fc.object().map((value) => JSON.stringify({ spec: { template: { ...value, unknownField: 1 } } })),
        ),
        async (type, body) => {
          const answer = await world.call('PATCH', '/apis/weft.dev/v1alpha1/namespaces/default/functions/temp', body, {
            'content-type': `application/${type}-patch+json`,
          })
          // An empty list of operations is a patch that changes nothing.
          expect(answer.status === 200 ? body.trim() : `${answer.status}`).toMatch(/^(\[\]|4\d\d)$/)
        },
      ),
      { numRuns: 200 },
    )
    expect(await world.contents()).toBe(before)
  })
})

/** Names that reach into prototypes are refused as keys anywhere. */
const isHarmless = (name: string) => !['constructor', 'prototype'].includes(name)

describe('whatever is valid is accepted', () => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/).filter(isHarmless)
  it('deployments of all shapes', async () => {
    const deployment = fc.record(
      {
        service: label,
        image: fc.constantFrom('temp:1', 'temp:2'),
        namespace: fc.constantFrom('', 'default', 'openfaas-fn'),
        envVars: fc.option(fc.dictionary(fc.stringMatching(/^[a-z]{1,10}$/).filter(isHarmless), fc.string())),
        labels: fc.option(fc.dictionary(label, label)),
        annotations: fc.option(fc.dictionary(label, fc.stringMatching(/^[ -~]{0,20}$/))),
        limits: fc.option(fc.record({ memory: fc.constantFrom('128Mi', '1G', '128m'), cpu: fc.constantFrom('100m', '0.5') }, { requiredKeys: [] })),
        readOnlyRootFilesystem: fc.boolean(),
      },
      { requiredKeys: ['service', 'image'] },
    )
    await fc.assert(
      fc.asyncProperty(deployment, async (body) => {
        const put = await world.call('PUT', '/system/functions', body)
        const status = put.status === 404 ? (await world.call('POST', '/system/functions', body)).status : put.status
        expect(status).toBe(202)
        expect((await world.call('GET', `/system/function/${body.service}`)).json).toMatchObject({ name: body.service, image: body.image })
      }),
      { numRuns: 1000 },
    )
  })
})
