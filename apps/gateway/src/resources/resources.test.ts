import { describe, expect, it } from '@jest/globals'
import { AUTHORIZATION, listIn, makeWorld, type World } from '../../test/world.ts'

const FUNCTIONS = '/apis/weft.dev/v1alpha1/namespaces/default/functions'
const TEMP = `${FUNCTIONS}/temp`
const MERGE = { 'content-type': 'application/merge-patch+json' }
const APPLY = { 'content-type': 'application/apply-patch+yaml' }
const fn = (name = 'temp', labels: Record<string, string> = { app: 'temp' }) => ({
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Function',
  metadata: { name, labels },
  spec: { template: { image: 'temp:1' } },
})
const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'svc' }, spec: { selector: { app: 'temp' }, ports: [{ name: 'http', port: 80 }] } }

/** The first `count` events of a watch over a real connection. */
async function watched(
  world: World,
  path: string,
  count: number,
  meanwhile: () => Promise<unknown>,
): Promise<{ type: string; object: Record<string, never> & { metadata: { name: string } } }[]> {
  const { tcp } = await world.gateway.listen({ tcp: { host: '127.0.0.1', port: 0 } })
  const controller = new AbortController()
  const response = await fetch(`http://127.0.0.1:${tcp?.port}${path}`, { headers: { authorization: AUTHORIZATION }, signal: controller.signal })
  const work = meanwhile()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString()
    if (text.split('\n').length > count) break
  }
  controller.abort()
  await work
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as never)
}

describe('one resource', () => {
  it('is created, read, replaced, patched and removed', async () => {
    await using world = await makeWorld()
    const created = await world.call('POST', FUNCTIONS, fn())
    expect([created.status, created.json]).toMatchObject([201, { kind: 'Function', metadata: { name: 'temp', namespace: 'default', generation: 1 } }])
    const read = (await world.call('GET', TEMP)).json
    expect(read).toEqual(created.json)
    const replaced = await world.call('PUT', TEMP, { ...fn(), spec: { template: { image: 'temp:2' } } })
    expect(replaced.json).toMatchObject({ spec: { template: { image: 'temp:2', artifact: (await world.artifacts.get('temp:2'))?.digest } } })
    const patched = await world.call('PATCH', TEMP, { spec: { scale: { replicas: 2 } } }, MERGE)
    expect(patched.json).toMatchObject({ spec: { scale: { replicas: 2 }, template: { image: 'temp:2' } } })
    expect((await world.call('DELETE', TEMP)).json).toMatchObject({ kind: 'Status', status: 'Success', details: { name: 'temp' } })
    expect((await world.call('GET', TEMP)).json).toMatchObject({ kind: 'Status', reason: 'NotFound', code: 404 })
  })

  it('is a Function whichever way it was deployed', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/system/functions', { service: 'temp', image: 'temp:1' })
    expect((await world.call('GET', TEMP)).json).toMatchObject({ kind: 'Function', spec: { template: { image: 'temp:1' } } })
    await world.call('POST', FUNCTIONS, fn('other'))
    expect((await world.call('GET', '/system/function/other')).json).toMatchObject({ name: 'other', image: 'temp:1' })
  })

  it('is not overwritten by who read an older version', async () => {
    await using world = await makeWorld()
    const first = JSON.parse((await world.call('POST', FUNCTIONS, fn())).text) as ReturnType<typeof fn>
    await world.call('PATCH', TEMP, { spec: { scale: { replicas: 2 } } }, MERGE)
    const late = await world.call('PUT', TEMP, first)
    expect([late.status, late.json]).toMatchObject([409, { kind: 'Status', reason: 'Conflict', message: expect.stringContaining('changed by someone else') }])
    expect((await world.call('GET', TEMP)).json).toMatchObject({ spec: { scale: { replicas: 2 } } })
    const stale = { preconditions: { resourceVersion: '1' } }
    expect((await world.call('DELETE', TEMP, stale)).status).toBe(409)
    expect((await world.call('DELETE', `${TEMP}?dryRun=All`, stale)).status).toBe(409)
    await world.call('POST', '/system/namespace/', { name: 'prod' })
    expect((await world.call('DELETE', '/api/v1/namespaces/prod', { preconditions: { resourceVersion: '1' } })).status).toBe(409)
    expect((await world.call('DELETE', '/api/v1/namespaces/prod?dryRun=All')).status).toBe(200)
    expect((await world.call('GET', '/system/namespace/prod')).status).toBe(200)
  })

  it('is checked and not written in a dry run', async () => {
    await using world = await makeWorld()
    const before = await world.contents()
    expect((await world.call('POST', `${FUNCTIONS}?dryRun=All`, fn())).status).toBe(201)
    expect(await world.contents()).toBe(before)
    await world.call('POST', FUNCTIONS, fn())
    const after = await world.contents()
    expect((await world.call('PATCH', `${TEMP}?dryRun=All`, { spec: { scale: { replicas: 2 } } }, MERGE)).json).toMatchObject({
      spec: { scale: { replicas: 2 } },
    })
    expect((await world.call('DELETE', `${TEMP}?dryRun=All`)).status).toBe(200)
    expect(await world.contents()).toBe(after)
  })

  it('that a spec write wants to give a status keeps its own', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, { ...fn(), status: { traffic: [{ revision: 'x', weight: 100 }] } })
    expect((await world.call('GET', TEMP)).json).not.toHaveProperty('status')
  })

  it.each([
    ['an unknown kind', 'GET', '/apis/weft.dev/v1alpha1/namespaces/default/nothings', undefined, {}, 404, 'no resource kind'],
    ['an unknown group', 'GET', '/apis/x.y/v1/functions', undefined, {}, 404, 'no resource kind'],
    ['a kind that has no namespace, in one', 'GET', '/api/v1/namespaces/default/namespaces', undefined, {}, 404, 'in a namespace'],
    ['one without its namespace', 'GET', '/apis/weft.dev/v1alpha1/functions/temp', undefined, {}, 400, 'is in a namespace'],
    ['a namespace that is a path', 'GET', '/apis/weft.dev/v1alpha1/namespaces/..%2f..%2fx/functions', undefined, {}, 400, 'DNS-1123'],
    ['a name that is a path', 'GET', `${FUNCTIONS}/..%2f..`, undefined, {}, 400, 'DNS-1123'],
    ['another name in the body', 'PUT', `${FUNCTIONS}/other`, fn(), {}, 400, 'the path says "other"'],
    [
      'another namespace in the body',
      'POST',
      '/apis/weft.dev/v1alpha1/namespaces/prod/functions',
      { ...fn(), metadata: { name: 'a', namespace: 'default' } },
      {},
      400,
      'the path says "prod"',
    ],
    ['another kind in the body', 'POST', FUNCTIONS, service, {}, 400, 'the path says "Function"'],
    ['another group in the body', 'POST', FUNCTIONS, { ...fn(), apiVersion: 'x.y/v1' }, {}, 400, 'the path says'],
    ['an unknown field', 'POST', FUNCTIONS, { ...fn(), spec: { template: { image: 'temp:1', hostNetwork: true } } }, {}, 422, 'hostNetwork'],
    [
      'an environment that would change the runtime',
      'POST',
      FUNCTIONS,
      { ...fn(), spec: { template: { image: 'temp:1', env: { NODE_OPTIONS: '--require /x' } } } },
      {},
      422,
      'NODE_OPTIONS',
    ],
    [
      'weights that do not add up',
      'POST',
      FUNCTIONS,
      { ...fn(), spec: { template: { image: 'temp:1' }, traffic: [{ revision: 'a', weight: 30 }] } },
      {},
      422,
      '30',
    ],
    ['an image that is not there', 'POST', FUNCTIONS, { ...fn(), spec: { template: { image: 'nope' } } }, {}, 400, 'weft build'],
    ['a list', 'POST', FUNCTIONS, [fn()], {}, 400, 'not an object'],
    ['nothing', 'POST', FUNCTIONS, undefined, {}, 400, 'not an object'],
    ['a namespace that is not there', 'POST', '/apis/weft.dev/v1alpha1/namespaces/nope/functions', fn(), {}, 404, 'weft namespace create nope'],
    [
      'a function with the name of a gateway',
      'POST',
      '/apis/weft.dev/v1alpha1/namespaces/istio-system/functions',
      fn('istio-egressgateway'),
      {},
      403,
      'identities of the platform',
    ],
    ['a function of the platform', 'POST', '/apis/weft.dev/v1alpha1/namespaces/weft-system/functions', fn('prober'), {}, 403, 'identities of the platform'],
    [
      "a function in Istio's root namespace",
      'POST',
      '/apis/weft.dev/v1alpha1/namespaces/istio-system/functions',
      fn('a'),
      {},
      403,
      'identities of the platform',
    ],
    [
      'an identity of the platform',
      'POST',
      '/api/v1/namespaces/weft-system/serviceaccounts',
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'ingress' } },
      {},
      403,
      'identities of the platform',
    ],
    [
      'a revision',
      'POST',
      '/apis/weft.dev/v1alpha1/namespaces/default/revisions',
      {
        apiVersion: 'weft.dev/v1alpha1',
        kind: 'Revision',
        metadata: { name: 'temp-1' },
        spec: { function: 'temp', revision: '1', number: 1, template: { image: 'x' } },
      },
      {},
      405,
      'change of the template',
    ],
    ['a patch of what is not there', 'PATCH', TEMP, {}, MERGE, 404, 'does not exist'],
    ['a patch of an unknown type', 'PATCH', TEMP, {}, { 'content-type': 'text/plain' }, 415, 'application/merge-patch+json'],
    ['protobuf', 'POST', FUNCTIONS, 'k8s', { 'content-type': 'application/vnd.kubernetes.protobuf' }, 415, 'kubectl apply'],
    ['a selector that is none', 'GET', `${FUNCTIONS}?labelSelector=a%20b`, undefined, {}, 400, 'labelSelector'],
    ['a field that cannot be selected by', 'GET', `${FUNCTIONS}?fieldSelector=spec.x%3D1`, undefined, {}, 400, 'metadata.name'],
    ['a limit that is none', 'GET', `${FUNCTIONS}?limit=-1`, undefined, {}, 400, 'query.limit'],
    ['a token that is none', 'GET', `${FUNCTIONS}?continue=%2F`, undefined, {}, 400, 'token'],
    [
      'a legacy path that is only written to',
      'GET',
      '/apis/kubeless.io/v1beta1/namespaces/default/functions',
      undefined,
      {},
      405,
      '/apis/weft.dev/v1alpha1/functions',
    ],
  ])('is refused: %s', async (...[, method, url, body, headers, status, reason]) => {
    await using world = await makeWorld()
    const before = await world.contents()
    const answer = await world.call(method, url, body, headers)
    expect([answer.status, answer.json['message']]).toEqual([status, expect.stringContaining(reason)])
    expect(answer.json).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status })
    expect(await world.contents()).toBe(before)
  })
})

describe('patches', () => {
  it.each([
    ['a merge patch', 'application/merge-patch+json', { spec: { template: { env: { A: '2', B: null } } } }, { A: '2' }],
    [
      'a JSON patch',
      'application/json-patch+json',
      [
        { op: 'test', path: '/spec/template/env/A', value: '1' },
        { op: 'replace', path: '/spec/template/env/A', value: '2' },
      ],
      { A: '2', B: '1' },
    ],
    ['a strategic merge patch', 'application/strategic-merge-patch+json', { spec: { template: { env: { A: '2' } } } }, { A: '2', B: '1' }],
    [
      'a merge patch with parameters in its type',
      'application/merge-patch+json; charset=utf-8',
      { spec: { template: { env: { A: '2' } } } },
      { A: '2', B: '1' },
    ],
  ])('change what is there: %s', async (_name, type, patch, env) => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, { ...fn(), spec: { template: { image: 'temp:1', env: { A: '1', B: '1' } } } })
    const answer = await world.call('PATCH', TEMP, patch, { 'content-type': type })
    expect([answer.status, answer.json]).toMatchObject([200, { spec: { template: { env } } }])
    expect(answer.json['spec']?.['template']?.['env']).toEqual(env)
  })

  it('that name a version are refused when it is not the current one', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    expect((await world.call('PATCH', TEMP, { metadata: { resourceVersion: '1' }, spec: { scale: { replicas: 9 } } }, MERGE)).status).toBe(409)
  })

  it('that make it invalid are refused, and nothing changes', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    const before = await world.contents()
    for (const patch of [{ spec: null }, { spec: { template: { image: 7 } } }, { metadata: { name: 'other' } }, { kind: 'Secret' }]) {
      expect((await world.call('PATCH', TEMP, patch, MERGE)).status).toBeGreaterThanOrEqual(400)
    }
    expect(await world.contents()).toBe(before)
  })

  it('of many at once are all there in the end', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    const names = Array.from({ length: 6 }, (_, index) => `E${index}`)
    await Promise.all(names.map((name) => world.call('PATCH', TEMP, { spec: { template: { env: { [name]: '1' } } } }, MERGE)))
    expect(Object.keys((await world.call('GET', TEMP)).json['spec']?.['template']?.['env'] ?? {}).toSorted()).toEqual(names)
  })

  it('of an image find the new digest', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    const answer = await world.call('PATCH', TEMP, { spec: { template: { image: 'temp:2' } } }, MERGE)
    expect(answer.json).toMatchObject({ spec: { template: { artifact: (await world.artifacts.get('temp:2'))?.digest } } })
  })
})

describe('an apply', () => {
  const yaml = (image: string, env: string) =>
    `apiVersion: weft.dev/v1alpha1\nkind: Function\nmetadata: {name: temp}\nspec:\n  template: {image: "${image}", env: {${env}}}\n`

  it('creates, changes, removes what is left out, and keeps what others set', async () => {
    await using world = await makeWorld()
    expect((await world.call('PATCH', TEMP, yaml('temp:1', 'A: "1", B: "1"'), APPLY)).status).toBe(201)
    const traffic = [{ revision: 'v1', weight: 100 }]
    await world.call('PATCH', TEMP, { spec: { traffic, template: { env: { C: '3' } } } }, MERGE)
    const second = await world.call('PATCH', TEMP, yaml('temp:2', 'A: "2"'), APPLY)
    expect(second.status).toBe(200)
    const spec = second.json['spec'] as { template: { env: object; image: string; artifact: string }; traffic: unknown } | undefined
    expect(spec).toMatchObject({ traffic, template: { image: 'temp:2', artifact: (await world.artifacts.get('temp:2'))?.digest } })
    expect(spec?.template.env).toEqual({ A: '2', C: '3' })
  })

  it('of the same file after a new build runs the new build', async () => {
    await using world = await makeWorld()
    await world.call('PATCH', TEMP, yaml('temp:1', ''), APPLY)
    const { digest } = world.artifacts.add('built anew', 'temp:1')
    expect((await world.call('PATCH', TEMP, yaml('temp:1', ''), APPLY)).json).toMatchObject({ spec: { template: { artifact: digest } } })
  })

  it('of the same file changes nothing', async () => {
    await using world = await makeWorld()
    await world.call('PATCH', TEMP, yaml('temp:1', 'A: "1"'), APPLY)
    const before = await world.contents()
    expect((await world.call('PATCH', TEMP, yaml('temp:1', 'A: "1"'), APPLY)).status).toBe(200)
    expect(await world.contents()).toBe(before)
  })

  it('remembers no value of a Secret', async () => {
    await using world = await makeWorld()
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {a: hidden}\n'
    const url = '/api/v1/namespaces/default/secrets/key'
    expect((await world.call('PATCH', url, secret, APPLY)).status).toBe(201)
    expect((await world.call('PATCH', url, secret.replace('a: hidden', 'b: hidden'), APPLY)).text).not.toContain('hidden')
    expect(Object.keys((await world.call('GET', url)).json['data'] ?? {})).toEqual(['b'])
  })

  it('converts legacy kinds and builds the source that they carry', async () => {
    await using world = await makeWorld()
    const kubeless = {
      apiVersion: 'kubeless.io/v1beta1',
      kind: 'Function',
      metadata: { name: 'hello', namespace: 'default' },
      spec: { runtime: 'nodejs14', handler: 'hello.main', function: 'module.exports = { main: () => "hi" }', deps: '' },
    }
    expect(await world.call('POST', '/apis/kubeless.io/v1beta1/namespaces/default/functions', kubeless)).toMatchObject({ status: 201 })
    expect(world.artifacts.requests).toMatchObject([{ name: 'hello', runtime: 'nodejs14', handler: 'hello.main', source: { kind: 'file', name: 'hello.js' } }])
    expect((await world.call('GET', `${FUNCTIONS}/hello`)).json).toMatchObject({
      spec: { template: { runtime: 'nodejs14', artifact: expect.stringContaining('sha256:') } },
    })
    const openfaas = {
      apiVersion: 'openfaas.com/v1',
      kind: 'Function',
      metadata: { name: 'old' },
      spec: { name: 'old', image: 'temp:1', environment: { A: '1' } },
    }
    expect((await world.call('PATCH', '/apis/openfaas.com/v1/namespaces/openfaas-fn/functions/old', openfaas, APPLY)).status).toBe(201)
    expect((await world.call('GET', `${FUNCTIONS}/old`)).json).toMatchObject({
      apiVersion: 'weft.dev/v1alpha1',
      spec: { template: { image: 'temp:1', env: { A: '1' } } },
    })
  })

  it('fetches no address for a client', async () => {
    await using world = await makeWorld()
    const spec = { runtime: 'nodejs14', handler: 'a.b', function: 'http://169.254.169.254/latest', 'function-content-type': 'url' }
    const answer = await world.call('POST', '/apis/kubeless.io/v1beta1/namespaces/default/functions', {
      apiVersion: 'kubeless.io/v1beta1',
      kind: 'Function',
      metadata: { name: 'a' },
      spec,
    })
    expect([answer.status, answer.json['message']]).toEqual([400, expect.stringContaining('not fetched')])
  })
})

describe('one writer per split', () => {
  const virtualService = (route: object[]) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'temp' },
    spec: { hosts: ['temp'], http: [{ route }] },
  })
  const subset = (name: string, weight: number) => ({ destination: { host: 'temp', subset: name }, weight })
  const traffic = { spec: { traffic: [{ revision: 'v1', weight: 100 }] } }

  it('is the VirtualService while it spreads the calls of the host', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    await world.call('POST', '/apis/networking.istio.io/v1/namespaces/default/virtualservices', virtualService([subset('v1', 90), subset('v2', 10)]))
    const refused = await world.call('PATCH', TEMP, traffic, MERGE)
    expect([refused.status, refused.json['message']]).toEqual([409, expect.stringContaining('owned by VirtualService default/temp')])
    expect((await world.call('PATCH', TEMP, { spec: { scale: { replicas: 2 } } }, MERGE)).status).toBe(200)
    await world.call('DELETE', '/apis/networking.istio.io/v1/namespaces/default/virtualservices/temp')
    expect((await world.call('PATCH', TEMP, traffic, MERGE)).status).toBe(200)
  })

  it('is the function when the VirtualService only names the host', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    await world.call('POST', '/apis/networking.istio.io/v1/namespaces/default/virtualservices', virtualService([{ destination: { host: 'temp' } }]))
    expect((await world.call('PATCH', TEMP, traffic, MERGE)).status).toBe(200)
  })
})

describe('the status', () => {
  it('is read under its own path', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    expect((await world.call('GET', `${TEMP}/status`)).json).toMatchObject({ kind: 'Function', metadata: { name: 'temp' } })
  })

  it('of a Function is written by the controller alone', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    const before = await world.contents()
    const status = { traffic: [{ revision: 'x', weight: 100 }] }
    expect((await world.call('PUT', `${TEMP}/status`, { ...fn(), status })).status).toBe(405)
    expect((await world.call('PATCH', `${TEMP}/status`, { status }, MERGE)).status).toBe(405)
    expect(await world.contents()).toBe(before)
  })

  it('of other kinds can be written, and changes nothing else', async () => {
    await using world = await makeWorld()
    const url = '/apis/networking.istio.io/v1/namespaces/default/virtualservices'
    const made = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'x' },
      spec: { hosts: ['x'], http: [{ route: [{ destination: { host: 'x' } }] }] },
    }
    await world.call('POST', url, made)
    const answer = await world.call('PATCH', `${url}/x/status`, { spec: { hosts: ['y'] }, status: { conditions: [] } }, MERGE)
    expect([answer.status, answer.json]).toMatchObject([200, { spec: { hosts: ['x'] }, status: { conditions: [] }, metadata: { generation: 1 } }])
  })
})

describe('lists', () => {
  it('are selected by label and name, in one namespace or all, under the version that was asked for', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } })
    await world.call('POST', FUNCTIONS, fn('a', { app: 'x' }))
    await world.call('POST', FUNCTIONS, fn('b', { app: 'y' }))
    await world.call('POST', '/apis/weft.dev/v1alpha1/namespaces/prod/functions', fn('a', { app: 'x' }))
    const names = async (url: string) =>
      listIn((await world.call('GET', url)).json['items']).map((item) => `${String(item['metadata']?.['namespace'])}/${String(item['metadata']?.['name'])}`)
    expect(await names(FUNCTIONS)).toEqual(['default/a', 'default/b'])
    expect(await names('/apis/weft.dev/v1alpha1/namespaces/openfaas-fn/functions')).toEqual(['default/a', 'default/b'])
    expect(await names('/apis/weft.dev/v1alpha1/functions')).toEqual(['default/a', 'default/b', 'prod/a'])
    expect(await names('/apis/weft.dev/v1alpha1/functions?labelSelector=app%3Dx')).toEqual(['default/a', 'prod/a'])
    expect(await names('/apis/weft.dev/v1alpha1/functions?fieldSelector=metadata.name%3Db')).toEqual(['default/b'])
    await world.call('POST', '/apis/networking.istio.io/v1alpha3/namespaces/default/destinationrules', {
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'DestinationRule',
      metadata: { name: 'r' },
      spec: { host: 'temp' },
    })
    for (const version of ['v1', 'v1beta1', 'v1alpha3']) {
      const list = await world.call('GET', `/apis/networking.istio.io/${version}/destinationrules`)
      expect(list.json).toMatchObject({
        apiVersion: `networking.istio.io/${version}`,
        kind: 'DestinationRuleList',
        items: [{ apiVersion: `networking.istio.io/${version}` }],
      })
    }
  })

  it('come in pages', async () => {
    await using world = await makeWorld()
    for (const name of ['a', 'b', 'c', 'd', 'e']) await world.call('POST', FUNCTIONS, fn(name))
    const seen: string[] = []
    let token = ''
    do {
      const { json } = await world.call('GET', `${FUNCTIONS}?limit=2&continue=${token}`)
      seen.push(...listIn(json['items']).map((item) => String(item['metadata']?.['name'])))
      token = String(json['metadata']?.['continue'] ?? '')
    } while (token !== '')
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('are a Table for who prints them', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    const { json } = await world.call('GET', FUNCTIONS, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' })
    expect(json).toMatchObject({ kind: 'Table', rows: [{ cells: ['temp', 'Unknown', 0, 0, '', 'temp:1', '0s'], object: { metadata: { name: 'temp' } } }] })
  })
})

describe('a watch', () => {
  it('tells what is there, and then each change', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn('first'))
    const events = await watched(world, `${FUNCTIONS}?watch=1`, 4, async () => {
      await world.call('POST', FUNCTIONS, fn())
      await world.call('PATCH', TEMP, { spec: { scale: { replicas: 2 } } }, MERGE)
      await world.call('DELETE', TEMP)
    })
    expect(events.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual(['ADDED first', 'ADDED temp', 'MODIFIED temp', 'DELETED temp'])
  })

  it('continues a list without a gap', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn('first'))
    const version = String((await world.call('GET', FUNCTIONS)).json['metadata']?.['resourceVersion'])
    await world.call('POST', FUNCTIONS, fn())
    const events = await watched(world, `${FUNCTIONS}?watch=true&resourceVersion=${version}`, 1, async () => undefined)
    expect(events).toMatchObject([{ type: 'ADDED', object: { apiVersion: 'weft.dev/v1alpha1', metadata: { name: 'temp' } } }])
  })

  it('tells when a resource begins and ceases to be selected', async () => {
    await using world = await makeWorld()
    const events = await watched(world, `${FUNCTIONS}?watch=1&labelSelector=tier%3Dback`, 2, async () => {
      await world.call('POST', FUNCTIONS, fn())
      await world.call('PATCH', TEMP, { metadata: { labels: { tier: 'back' } } }, MERGE)
      await world.call('PATCH', TEMP, { metadata: { labels: { tier: 'front' } } }, MERGE)
    })
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED'])
  })

  it('marks the end of what was there when it is asked to', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    const events = await watched(world, `${FUNCTIONS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true`, 2, async () => undefined)
    expect(events).toMatchObject([{ type: 'ADDED' }, { type: 'BOOKMARK', object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } }])
  })

  it('from a version that is not kept any more ends with a Status 410', async () => {
    await using world = await makeWorld()
    await world.call('POST', FUNCTIONS, fn())
    for (let replicas = 0; replicas < 10_050; replicas++) {
      await world.store.update({
        ...fn(),
        metadata: { name: 'temp', namespace: 'default' },
        spec: { template: { image: 'temp:1' }, scale: { replicas: replicas % 7 } },
      })
    }
    const { text } = await world.call('GET', `${FUNCTIONS}?watch=1&resourceVersion=2&timeoutSeconds=5`)
    expect(JSON.parse(text)).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
  })

  it('ends after the time that was asked for', async () => {
    await using world = await makeWorld()
    expect((await world.call('GET', `${FUNCTIONS}?watch=1&timeoutSeconds=1`)).status).toBe(200)
  })
})

describe('discovery', () => {
  it('lists groups and kinds', async () => {
    await using world = await makeWorld()
    expect((await world.call('GET', '/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'] })
    const groups = listIn((await world.call('GET', '/apis')).json['groups'])
    expect(groups.map((group) => group['name'])).toEqual(
      expect.arrayContaining(['weft.dev', 'networking.istio.io', 'security.istio.io', 'kubeless.io', 'openfaas.com']),
    )
    const resources = listIn((await world.call('GET', '/apis/weft.dev/v1alpha1')).json['resources'])
    expect(resources.map((resource) => resource['name'])).toEqual(expect.arrayContaining(['functions', 'functions/status', 'revisions']))
    expect((await world.call('GET', '/api/v1')).text).toContain('"secrets"')
    expect((await world.call('GET', '/apis/weft.dev')).json).toMatchObject({ preferredVersion: { groupVersion: 'weft.dev/v1alpha1' } })
    expect((await world.call('GET', '/version')).json).toMatchObject({ major: '0', minor: '1' })
    expect((await world.call('GET', '/openapi/v3')).text).toContain('/openapi/v3/apis/weft.dev/v1alpha1')
    expect((await world.call('GET', '/openapi/v3/apis/weft.dev/v1alpha1')).text).toContain('fieldValidation')
    for (const path of ['/api/v2', '/apis/nope', '/apis/nope/v1', '/openapi/v3/apis/nope/v1'])
      expect((await world.call('GET', path)).json).toMatchObject({ kind: 'Status', code: 404 })
  })
})
