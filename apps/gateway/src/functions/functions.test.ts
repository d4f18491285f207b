import { describe, expect, it } from '@jest/globals'
import type { FunctionResource } from '@weft/api'
import { calls } from '@weft/mesh-model/memory'
import { makeWorld, type World } from '../../test/world.ts'

const TEMP = { service: 'temp', image: 'temp:1' }
const temp = async (world: World, namespace = 'default') =>
  (await world.store.get({ group: 'weft.dev', kind: 'Function', namespace, name: 'temp' })) as FunctionResource | undefined

describe('deploying a function', () => {
  it('keeps what a client of OpenFaaS sends, and pins the image to its digest', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/secrets', { name: 'key', value: 'x' })
    const sent = {
      ...TEMP,
      envProcess: 'node index.js',
      envVars: { A: '1' },
      secrets: ['key'],
      labels: { app: 'temp', 'com.openfaas.scale.min': '2', 'com.openfaas.scale.max': '5', 'com.openfaas.scale.zero': 'true' },
      annotations: { topic: 'x' },
      limits: { memory: '128Mi' },
      requests: { cpu: '100m' },
      constraints: ['a'],
      readOnlyRootFilesystem: true,
      network: 'func_functions',
      registryAuth: '',
    }
    expect((await world.call('POST', '/system/functions', sent)).status).toBe(202)
    const { spec } = (await temp(world)) ?? {}
    expect(spec?.template).toMatchObject({
      image: 'temp:1',
      artifact: (await world.artifacts.get('temp:1'))?.digest,
      process: 'node index.js',
      env: { A: '1' },
    })
    expect(spec?.scale).toEqual({ min: 2, max: 5, zeroAfter: '15m' })
    const shown = (await world.call('GET', '/system/function/temp')).json
    const { service, network: _network, registryAuth: _auth, ...fields } = sent
    expect(shown).toMatchObject({ name: service, namespace: 'default', ...fields })
    expect(Object.keys(shown)).not.toContain('replicas')
  })

  it('accepts null where Go sends it', async () => {
    await using world = await makeWorld()
    const nulls = { labels: null, annotations: null, envVars: null, secrets: null, constraints: null, limits: null, requests: null }
    expect((await world.call('POST', '/system/functions', { ...TEMP, ...nulls })).status).toBe(202)
  })

  it('reads JSON whatever the content type says', async () => {
    await using world = await makeWorld()
    expect((await world.call('POST', '/system/functions', TEMP, { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(202)
  })

  it.each([
    ['nothing to run', { service: 'temp' }, 400, 'one of image, artifact or source'],
    ['an image that is not there', { service: 'temp', image: 'nope:1' }, 400, 'weft build'],
    ['an artifact that is not there', { service: 'temp', artifact: `sha256:${'0'.repeat(64)}` }, 404, 'there is no artifact'],
    ['a digest that is none', { service: 'temp', artifact: 'sha256:x' }, 400, 'body.artifact'],
    [
      'source and artifact',
      { service: 'temp', artifact: `sha256:${'0'.repeat(64)}`, source: { files: { a: 'b' } }, runtime: 'node22' },
      400,
      'exclude each other',
    ],
    ['source without a runtime', { service: 'temp', source: { files: { 'handler.js': 'x' } } }, 400, 'needs a runtime'],
    ['source that does not build', { service: 'temp', runtime: 'node22', source: { files: { 'handler.js': 'syntax error' } } }, 422, 'the build failed'],
    ['a secret that is not there', { ...TEMP, secrets: ['nope'] }, 400, 'weft secret create nope'],
    ['a name with capitals', { ...TEMP, service: 'Temp' }, 400, 'DNS-1123'],
    ['a name that is a path', { ...TEMP, service: '../x' }, 400, 'DNS-1123'],
    ['a name that is an address', { ...TEMP, service: 'a.b@169.254.169.254' }, 400, 'DNS-1123'],
    ['no name', { image: 'temp:1' }, 400, "must have required property 'service'"],
    ['an environment that is no map', { ...TEMP, envVars: ['A=1'] }, 400, 'body.envVars'],
    ['a namespace that is not there', { ...TEMP, namespace: 'nope' }, 404, 'weft namespace create nope'],
    ['the namespace of the platform', { ...TEMP, namespace: 'weft-system' }, 403, 'identities of the platform'],
  ])('is refused with %s', async (_name, body, status, reason) => {
    await using world = await makeWorld()
    const before = await world.contents()
    const answer = await world.call('POST', '/system/functions', body)
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(reason)])
    expect(await world.contents()).toBe(before)
  })

  it('takes an artifact by its digest', async () => {
    await using world = await makeWorld()
    const { digest } = world.artifacts.add('built before')
    expect((await world.call('POST', '/system/functions', { service: 'temp', artifact: digest })).status).toBe(202)
    expect((await world.call('GET', '/system/function/temp')).json).toMatchObject({ image: digest })
  })

  it('builds inline source with its runtime', async () => {
    await using world = await makeWorld()
    const body = {
      service: 'temp',
      runtime: 'node22',
      handler: 'handler.main',
      dependencies: '{}',
      source: { files: { 'handler.js': 'exports.main = () => 1' } },
    }
    expect((await world.call('POST', '/system/functions', body)).status).toBe(202)
    expect(world.artifacts.requests).toEqual([
      {
        name: 'temp',
        runtime: 'node22',
        handler: 'handler.main',
        dependencies: '{}',
        source: { kind: 'inline', files: { 'handler.js': 'exports.main = () => 1' } },
      },
    ])
    expect((await temp(world))?.spec.template).toMatchObject({ runtime: 'node22', artifact: expect.stringContaining('sha256:') })
  })

  it('answers 409 when it exists', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    expect((await world.call('POST', '/system/functions', TEMP)).status).toBe(409)
  })

  it('goes as faas-cli does it: PUT, 404, then POST', async () => {
    await using world = await makeWorld()
    expect((await world.call('PUT', '/system/functions', TEMP)).status).toBe(404)
    expect((await world.call('POST', '/system/functions', TEMP)).status).toBe(202)
    expect((await world.call('PUT', '/system/functions', { ...TEMP, image: 'temp:2' })).status).toBe(202)
    expect((await world.call('GET', '/system/function/temp')).json).toMatchObject({ image: 'temp:2' })
  })
})

describe('updating a function', () => {
  it('keeps scale, split and matches, and tells what to do about a pinned split', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    const traffic = [
      { revision: 'v1', weight: 90 },
      { revision: 'v2', weight: 10 },
    ]
    const patch = { spec: { traffic, scale: { replicas: 3 }, matches: [{ headers: { 'end-user': 'jason' }, revision: 'v2' }] } }
    await world.call('PATCH', '/apis/weft.dev/v1alpha1/namespaces/default/functions/temp', patch, { 'content-type': 'application/merge-patch+json' })
    const answer = await world.call('PUT', '/system/functions', { ...TEMP, image: 'temp:2', envVars: { B: '2' } })
    expect(answer.status).toBe(202)
    expect(answer.headers['x-weft-notice']).toBe(
      'the traffic of temp is pinned (v1=90 v2=10) and was not changed; send calls to the new revision with: weft traffic set temp REVISION=100',
    )
    expect(answer.text).toContain('weft traffic set temp')
    expect((await temp(world))?.spec).toMatchObject({ ...patch.spec, template: { image: 'temp:2', env: { B: '2' } } })
  })

  it('makes a change when the image was built anew under the same reference', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    const before = await temp(world)
    world.artifacts.add('temp, built anew', 'temp:1')
    await world.call('PUT', '/system/functions', TEMP)
    expect((await temp(world))?.metadata.generation).toBe((before?.metadata.generation ?? 0) + 1)
  })

  it('changes nothing when nothing changed', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    const before = await world.contents()
    expect((await world.call('PUT', '/system/functions', TEMP)).status).toBe(202)
    expect(await world.contents()).toBe(before)
  })

  it('loses no write when many come at once', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    const scale = world.call('POST', '/system/scale-function/temp', { replicas: 4 })
    const update = world.call('PUT', '/system/functions', { ...TEMP, envVars: { A: '1' } })
    expect((await Promise.all([scale, update])).map(({ status }) => status)).toEqual([202, 202])
    expect((await temp(world))?.spec).toMatchObject({ scale: { replicas: 4 }, template: { env: { A: '1' } } })
  })
})

describe('namespaces of requests', () => {
  it.each([
    ['in the query', '/system/functions?namespace=prod', {}],
    ['in the body', '/system/functions', { namespace: 'prod' }],
    ['in both: the body wins', '/system/functions?namespace=default', { namespace: 'prod' }],
  ])('are read %s', async (_name, url, fields) => {
    await using world = await makeWorld()
    await world.call('POST', '/system/namespace/', { name: 'prod' })
    expect((await world.call('POST', url, { ...TEMP, ...fields })).status).toBe(202)
    expect(await temp(world, 'prod')).toBeDefined()
    expect(await temp(world)).toBeUndefined()
    const [remove, name] = [url, { functionName: 'temp', ...fields }]
    expect((await world.call('DELETE', remove, name)).status).toBe(202)
    expect(await temp(world, 'prod')).toBeUndefined()
  })

  it('openfaas-fn means default, and is what the client reads then', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', { ...TEMP, namespace: 'openfaas-fn' })
    expect(await temp(world)).toBeDefined()
    expect((await world.call('GET', '/system/functions?namespace=openfaas-fn')).json).toMatchObject([{ name: 'temp', namespace: 'openfaas-fn' }])
    expect((await world.call('GET', '/system/functions')).json).toMatchObject([{ name: 'temp', namespace: 'default' }])
    expect((await world.call('GET', '/system/function/temp.openfaas-fn')).status).toBe(200)
  })

  it('keep functions of one name apart', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/namespace/', { name: 'prod' })
    await world.call('POST', '/system/functions', TEMP)
    await world.call('POST', '/system/functions', { ...TEMP, namespace: 'prod', image: 'temp:2' })
    await world.call('DELETE', '/system/functions?namespace=prod', { functionName: 'temp' })
    expect((await world.call('GET', '/system/function/temp')).json).toMatchObject({ image: 'temp:1' })
    expect((await world.call('GET', '/system/function/temp?namespace=prod')).status).toBe(404)
  })
})

describe('reading, scaling and removing', () => {
  it('lists invocation counts, and shows usage only when asked for', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    world.mesh.count(calls('temp', '1', 7), calls('temp', '2', 3))
    expect((await world.call('GET', '/system/functions')).json).toMatchObject([{ name: 'temp', invocationCount: 10 }])
    expect((await world.call('GET', '/system/function/temp')).json).not.toHaveProperty('usage')
    expect((await world.call('GET', '/system/function/temp?usage=1')).json).toMatchObject({ usage: { cpu: 0, totalMemoryBytes: 0 } })
  })

  it('shows replicas of the status', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    const fn = await temp(world)
    const status = { observedGeneration: 1, traffic: [], latestCreated: '1', replicas: 3, availableReplicas: 2, conditions: [] }
    if (fn !== undefined) await world.store.update({ ...fn, status }, { part: 'status' })
    expect((await world.call('GET', '/system/function/temp')).json).toMatchObject({ replicas: 3, availableReplicas: 2 })
  })

  it.each([
    ['zero, which OpenFaaS CE refuses', '/system/scale-function/temp', { serviceName: 'temp', replicas: 0 }, 202],
    ['many', '/system/scale-function/temp.default', { replicas: 30 }, 202],
    ['less than nothing', '/system/scale-function/temp', { replicas: -1 }, 400],
    ['half a replica', '/system/scale-function/temp', { replicas: 1.5 }, 400],
    ['a text', '/system/scale-function/temp', { replicas: '3' }, 400],
    ['what is not there', '/system/scale-function/nope', { replicas: 1 }, 404],
  ])('scales to %s', async (_name, url, body, status) => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    expect((await world.call('POST', url, body)).status).toBe(status)
    expect((await temp(world))?.spec.scale).toEqual(status === 202 ? { replicas: body.replicas } : undefined)
  })

  it.each([
    ['a missing function', { functionName: 'nope' }, 404],
    ['no name', {}, 400],
    ['a bad name', { functionName: '..' }, 400],
  ])('refuses to remove %s', async (_name, body, status) => {
    await using world = await makeWorld()
    expect((await world.call('DELETE', '/system/functions', body)).status).toBe(status)
  })

  it('a PUT after a removal is a 404 again', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', TEMP)
    await world.call('DELETE', '/system/functions', { functionName: 'temp' })
    expect((await world.call('PUT', '/system/functions', TEMP)).status).toBe(404)
  })
})
