import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { cli, testGateway, testWorld, type Reply, type Seen } from '../testing/world.ts'
import { buildRequestOf } from './build-source.ts'
import { findManifests, readManifests } from './manifests.ts'

const service = (name: string, more = '') =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}${more} }\nspec: { selector: { app: x }, ports: [{ name: http, port: 8080 }] }\n`
const NAMESPACE = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: staging }\n'
const text = (source: string, more = {}) => ({ form: 'text', content: source, runtime: 'nodejs14', handler: 'h.fn', ...more }) as const

async function tree(files: Record<string, string>) {
  const world = await testWorld()
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(world.cwd, name)), { recursive: true })
    await writeFile(join(world.cwd, name), content)
  }
  return world
}

describe('files to apply', () => {
  it('of a directory are its resources, what others refer to first, and its stacks; other files are left out', async () => {
    await using world = await tree({
      'mesh/a.yaml': service('a'),
      'mesh/z.yml': NAMESPACE,
      'stack.yaml': 'functions: {}\n',
      'weft.yaml': 'listen: 127.0.0.1:0\n',
      'values.json': '{"x": 1}',
      'package.json': '{}',
      'node_modules/x/b.yaml': service('b'),
      'notes.yaml': 'just: notes\n',
    })
    const { stacks, manifests } = await findManifests(world.cwd)
    expect(stacks).toEqual([join(world.cwd, 'stack.yaml')])
    expect(manifests.map(({ resource }) => `${resource.kind} ${resource.metadata.name}`)).toEqual(['Namespace staging', 'Service a'])
  })

  it('get the namespace given where they name none', () => {
    const namespaces = readManifests([service('a'), service('b', ', namespace: own'), NAMESPACE].join('---\n'), 'x', 'staging').map(
      ({ resource }) => resource.metadata.namespace,
    )
    expect(namespaces).toEqual([undefined, 'staging', 'own'])
    expect(readManifests(service('a'), 'x')[0]?.resource.metadata.namespace).toBe('default')
  })

  it.each([
    ['what is no YAML', 'kind: [', /broken\.yaml cannot be applied: [12]:/],
    [
      'a bomb of aliases',
      `kind: Service\na: &a [x, x]\nb: &b [${Array(40).fill('*a').join()}]\nc: [${Array(40).fill('*b').join()}]\n`,
      /broken\.yaml cannot be applied: 1:1: its aliases stand for too much/,
    ],
    ['an unknown field', service('a').replace('selector', 'selectr'), /broken\.yaml cannot be applied: .*4:\d+: Service a: spec\.selectr: unknown field/],
    ['an unknown kind', 'apiVersion: v1\nkind: Pod\nmetadata: { name: x }\n', /there is no resource kind v1 Pod/],
    ['a resource without a name', 'apiVersion: v1\nkind: Service\nspec: {}\n', /Service \(without a name\)/],
  ])('are refused with %s, by line and column', async (_name, content, message) => {
    await using world = await tree({ 'broken.yaml': content })
    await expect(findManifests(world.cwd)).rejects.toThrow(message)
    await expect(findManifests(join(world.cwd, 'broken.yaml'))).rejects.toThrow(message)
  })

  it('must be there', async () => {
    await expect(findManifests('/nonexistent')).rejects.toThrow('/nonexistent: it does not exist')
  })
})

const kinds = (...names: [string, string][]): Reply => [200, { resources: names.map(([name, kind]) => ({ name, kind, namespaced: kind !== 'Namespace' })) }]
const DISCOVERY = {
  'GET /apis/mesh.weft.dev/v1alpha1/settled': [200, { complete: true, stragglers: [], steps: [] }] as Reply,
  'GET /api/v1': kinds(['services', 'Service'], ['namespaces', 'Namespace']),
  'GET /apis/weft.dev/v1alpha1': kinds(['functions', 'Function']),
}
const stored = (version: string) => ({ metadata: { name: 'a', resourceVersion: version } })

describe('weft apply', () => {
  it.each<[string, Reply, Reply, string]>([
    ['created', [404], [201, stored('1')], 'Service a created\n'],
    ['configured', [200, stored('1')], [200, stored('2')], 'Service a configured\n'],
    ['unchanged', [200, stored('1')], [200, stored('1')], 'Service a unchanged\n'],
  ])('says that a resource is %s', async (_name, before, after, line) => {
    const path = '/api/v1/namespaces/default/services/a'
    await using gateway = await testGateway({ ...DISCOVERY, [`GET ${path}`]: before, [`PATCH ${path}`]: after })
    expect(await cli(['apply', '-f', '-'], { gateway, input: service('a') })).toEqual({ code: 0, out: line, err: '' })
    expect(gateway.seen.at(-2)?.headers['content-type']).toBe('application/apply-patch+yaml')
    expect(gateway.seen.at(-1)?.path).toContain('/settled')
  })

  it.each([[['-f', '.']], [['-f', 'a.yaml', '-f', 'b.yaml']]])('sends nothing when one of the files is wrong: %s', async (flags) => {
    await using gateway = await testGateway(DISCOVERY)
    await using world = await tree({ 'a.yaml': service('a'), 'b.yaml': service('b').replace('8080', '99999') })
    expect(await cli(['apply', ...flags], { gateway, world })).toMatchObject({ code: 2, err: expect.stringContaining('99999') })
    expect(gateway.seen).toEqual([])
  })

  it('converts a function of OpenFaaS, and has the source of one of Kubeless built', async () => {
    const path = '/apis/weft.dev/v1alpha1/namespaces/default/functions'
    const patched = ({ body }: Seen): Reply => [200, { ...(JSON.parse(body) as object), metadata: { name: 'x', resourceVersion: '1' } }]
    const digest = `sha256:${'a'.repeat(64)}`
    await using gateway = await testGateway({
      ...DISCOVERY,
      'POST /system/builds': [200, `{"step":"bundle","text":"h.js"}\n{"manifest":{"digest":"${digest}","run":{"runtime":"nodejs14"}}}\n`],
      [`PATCH ${path}/open`]: patched,
      [`PATCH ${path}/less`]: patched,
    })
    const open = 'apiVersion: openfaas.com/v1\nkind: Function\nmetadata: { name: open }\nspec: { name: open, image: "temp:1" }\n'
    const less =
      'apiVersion: kubeless.io/v1beta1\nkind: Function\nmetadata: { name: less }\nspec: { handler: h.fn, runtime: nodejs14, function: "module.exports = 1" }\n'
    expect(await cli(['apply', '-f', '-'], { gateway, input: `${open}---\n${less}` })).toEqual({
      code: 0,
      out: 'Function open created\nFunction less created\n',
      err: '  bundle: h.js\n',
    })
    const sent = gateway.seen.filter(({ method }) => method === 'PATCH').map(({ body }) => JSON.parse(body) as unknown)
    expect(sent).toMatchObject([
      { apiVersion: 'weft.dev/v1alpha1', spec: { template: { image: 'temp:1' } } },
      { apiVersion: 'weft.dev/v1alpha1', spec: { template: { artifact: digest, runtime: 'nodejs14', handler: 'h.fn' } } },
    ])
    expect(gateway.seen.find(({ method }) => method === 'POST')?.path).toContain('runtime=nodejs14&file=source.tar.gz&handler=h.fn')
  })

  it('needs files', async () => {
    expect(await cli(['apply'])).toMatchObject({ code: 2, err: expect.stringContaining('name the files or directories to apply') })
  })
})

describe('weft delete', () => {
  it('removes in the opposite order, and does not mind what is gone', async () => {
    await using gateway = await testGateway({ ...DISCOVERY, 'DELETE /api/v1/namespaces/default/services/a': [200, {}] })
    const { out } = await cli(['delete', '-f', '-'], { gateway, input: `${NAMESPACE}---\n${service('a')}` })
    expect(out).toBe('Service a removed\nNamespace staging was not there\n')
    expect(gateway.seen.at(-1)?.path).toContain('/settled')
  })

  it('removes resources by name, and tells of those that are not there after the others', async () => {
    await using gateway = await testGateway({
      ...DISCOVERY,
      'GET /apis': [200, { groups: [] }],
      'DELETE /api/v1/namespaces/default/services/a': [200, {}],
      'DELETE /api/v1/namespaces/default/services/c': [200, {}],
    })
    const outcome = await cli(['delete', 'services', 'a', 'b', 'c'], { gateway })
    expect(outcome).toMatchObject({ code: 2, out: 'Service a removed\nService c removed\n', err: expect.stringContaining('Service b does not exist') })
  })

  it('refuses names beside files', async () => {
    await using gateway = await testGateway(DISCOVERY)
    const outcome = await cli(['delete', 'service', 'a', '-f', '-'], { gateway, input: service('a') })
    expect(outcome).toMatchObject({ code: 2, err: expect.stringContaining('not both') })
  })

  it('removes the functions of a stack', async () => {
    await using gateway = await testGateway({ ...DISCOVERY, 'DELETE /apis/weft.dev/v1alpha1/namespaces/default/functions/hello': [200, {}] })
    await using world = await tree({
      'stack.yaml': 'version: "1.0"\nprovider: { name: openfaas }\nfunctions:\n  hello: { lang: node22, handler: ./hello, image: hello }\n',
    })
    expect((await cli(['delete', '-f', 'stack.yaml'], { gateway, world })).out).toBe('Function hello removed\n')
  })
})

describe('source that comes with a Function of Kubeless', () => {
  it('is one file, named after the module of its handler', async () => {
    expect(await buildRequestOf('x', text('code', { dependencies: '{}' }), '/work')).toEqual({
      name: 'x',
      runtime: 'nodejs14',
      handler: 'h.fn',
      dependencies: '{}',
      source: { kind: 'inline', files: { 'h.js': 'code' } },
    })
    expect((await buildRequestOf('x', text('code', { runtime: 'python3.8' }), '/work')).source).toEqual({ kind: 'inline', files: { 'h.py': 'code' } })
  })

  it('is an archive, which the builder unpacks', async () => {
    await using world = await testWorld()
    const source = { ...text(Buffer.from('PK').toString('base64')), form: 'base64', archive: 'zip' } as const
    const request = await buildRequestOf('x', source, world.cwd)
    expect(request.source).toEqual({ kind: 'file', path: join(world.cwd, 'source.zip'), name: 'source.zip' })
    expect(await readFile(join(world.cwd, 'source.zip'), 'utf8')).toBe('PK')
  })

  it('is fetched from an address', async () => {
    await using gateway = await testGateway({ 'GET /h.js': [200, 'code'] })
    expect((await buildRequestOf('x', { ...text(`${gateway.url}/h.js`), form: 'url' }, '/work')).source).toEqual({ kind: 'inline', files: { 'h.js': 'code' } })
    await expect(buildRequestOf('x', { ...text(`${gateway.url}/gone`), form: 'url' }, '/work')).rejects.toThrow('/gone: the server answers 404')
    await expect(buildRequestOf('x', { ...text('file:///etc/passwd'), form: 'url' }, '/work')).rejects.toThrow('it is not a URL')
  })

  it('must have its checksum', async () => {
    const checksum = `sha256:${createHash('sha256').update('code').digest('hex')}`
    await expect(buildRequestOf('x', text('code', { checksum }), '/work')).resolves.toBeDefined()
    await expect(buildRequestOf('x', text('changed', { checksum }), '/work')).rejects.toThrow(/spec\.checksum: the source has sha256:\w+, not sha256:/)
  })
})
