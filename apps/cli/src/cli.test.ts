import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { parse, parseAllDocuments } from 'yaml'
import { kubelessProgram } from './commands/kubeless.ts'
import { weftProgram } from './program.ts'
import { cli, testGateway, testWorld, type Reply } from './testing/world.ts'

const FUNCTIONS = '/apis/weft.dev/v1alpha1/namespaces/default/functions'
const temp = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Function',
  metadata: { name: 'temp', namespace: 'default', generation: 1, creationTimestamp: new Date().toISOString(), resourceVersion: '7' },
  spec: { template: { image: 'temp:1', runtime: 'node22' } },
  status: {
    observedGeneration: 1,
    replicas: 1,
    availableReplicas: 1,
    latestReady: '00001',
    traffic: [{ revision: '00001', weight: 100 }],
    conditions: [{ type: 'RevisionReady', status: 'True', reason: 'Proven', message: 'revision 00001 was proven ready' }],
  },
}

describe('a command line', () => {
  it.each([
    ['a command that is not there', ['frobnicate']],
    ['an option that is not there', ['list', '--frobnicate']],
    ['an argument that is missing', ['describe']],
    ['a value that is not one of the choices', ['list', '-o', 'xml']],
  ])('with %s ends with 2 and points at the help', async (_name, line) => {
    expect(await cli(line)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('(see --help)') })
  })

  it('without a gateway says how to start one', async () => {
    const { code, err } = await cli(['list', '-g', 'http://127.0.0.1:1'])
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('no gateway answers at http://127.0.0.1:1 (--gateway)') })
    expect(err).toContain('weft start')
  })

  it('that is refused passes on the words of the gateway', async () => {
    await using gateway = await testGateway({ [`GET ${FUNCTIONS}/temp`]: [403, { error: { message: 'not for you', help: 'ask somebody' } }] })
    expect(await cli(['describe', 'temp'], { gateway })).toEqual({ code: 2, out: '', err: 'Error: not for you\n  ask somebody\n' })
  })

  const everything = [weftProgram, kubelessProgram].flatMap((program) =>
    program.commands.map((command) => ({ program, command, title: `${program.name} ${command.name}` })),
  )
  it.each(everything)('$title has help with examples', async ({ program, command }) => {
    const { code, out } = await cli([...command.name.split(' '), '--help'], { program })
    expect(code).toBe(0)
    expect(out).toMatch(/Examples:\n {2}\S/)
    for (const example of command.examples) expect(out).toContain(example)
  })

  it('shows its version', async () => {
    expect(await cli(['--version'])).toMatchObject({ code: 0, out: `${weftProgram.version}\n` })
  })
})

describe('lists', () => {
  const replies: Record<string, Reply> = {
    'GET /apis/weft.dev/v1alpha1/functions': [200, { items: [temp] }],
    'GET /system/secrets': [200, [{ name: 'key', namespace: 'default' }]],
    'GET /system/namespaces': [200, ['default']],
    'GET /apis/mesh.weft.dev/v1alpha1/certs': [200, [{ kind: 'leaf', identity: 'spiffe://x', serial: '1', notBefore: 'then', notAfter: 'later', daysLeft: 1 }]],
    [`GET ${FUNCTIONS}/temp`]: [200, temp],
    'GET /apis/weft.dev/v1alpha1/namespaces/default/revisions': [
      200,
      { items: [{ metadata: { name: 'temp-1' }, spec: { revision: '00001', number: 1, template: {} } }] },
    ],
  }
  const commands = [['list'], ['secret', 'list'], ['namespace', 'list'], ['mesh', 'certs'], ['revisions', 'temp'], ['template', 'list']]
  it.each(commands.flatMap((command) => ['json', 'yaml', 'wide', 'name'].map((format) => [command.join(' '), format, command] as const)))(
    '%s -o %s',
    async (_name, format, command) => {
      await using gateway = await testGateway(replies)
      const { code, out, err } = await cli([...command, '-o', format], { gateway })
      expect({ code, err }).toEqual({ code: 0, err: '' })
      if (format === 'json') expect(JSON.parse(out)).toBeInstanceOf(Array)
      if (format === 'yaml') expect(parse(out)).toBeInstanceOf(Array)
      if (format === 'wide') expect(out.split('\n')[0]).toMatch(/^[A-Z ]+$/)
      if (format === 'name') expect(out).toMatch(/^(\S+\n)+$/)
    },
  )
})

describe('deploy', () => {
  it('creates a function that is not there, and says where it answers', async () => {
    await using gateway = await testGateway({
      [`POST ${FUNCTIONS}`]: ({ body }) => [201, { ...temp, ...(JSON.parse(body) as object), metadata: temp.metadata }],
      [`GET ${FUNCTIONS}/temp`]: () => (gateway.seen.some(({ method }) => method === 'POST') ? [200, temp] : [404, {}]),
    })
    const { code, out } = await cli(['deploy', 'temp', '--image', 'temp:1', '-e', 'A=1', '-k', 'token', '--update=true', '--replace=false'], { gateway })
    expect({ code, out }).toEqual({ code: 0, out: `temp is ready at ${gateway.url}/function/temp (revision 00001)\n` })
    const posted = gateway.seen.find(({ method }) => method === 'POST')
    expect(JSON.parse(posted?.body ?? '')).toMatchObject({
      metadata: { name: 'temp', namespace: 'default' },
      spec: { template: { image: 'temp:1', env: { A: '1' } } },
    })
    expect(posted?.headers.authorization).toBe('Bearer token')
  })

  it('keeps split and scale of one that is there, and tries again when somebody else was faster', async () => {
    const pinned = { ...temp, spec: { ...temp.spec, traffic: [{ revision: '00001', weight: 100 }], scale: { min: 2, max: 4 } } }
    let conflicts = 1
    await using gateway = await testGateway({
      [`GET ${FUNCTIONS}/temp`]: [200, pinned],
      [`PUT ${FUNCTIONS}/temp`]: ({ body }) => (conflicts-- > 0 ? [409, { error: { message: 'changed' } }] : [200, JSON.parse(body)]),
    })
    expect(await cli(['deploy', 'temp', '--image', 'temp:2', '--max', '9', '--no-wait'], { gateway })).toMatchObject({ code: 0, out: 'temp is updated.\n' })
    expect(JSON.parse(gateway.seen.at(-1)?.body ?? '')).toMatchObject({
      spec: { template: { image: 'temp:2' }, traffic: pinned.spec.traffic, scale: { min: 2, max: 9 } },
    })
  })

  it('tells the reason of a revision that does not get ready', async () => {
    const failing = {
      ...temp,
      status: { ...temp.status, conditions: [{ type: 'RevisionReady', status: 'False', reason: 'Failed', message: 'it exits with 1' }] },
    }
    await using gateway = await testGateway({ [`GET ${FUNCTIONS}/temp`]: [200, failing], [`PUT ${FUNCTIONS}/temp`]: [200, failing] })
    expect(await cli(['deploy', 'temp', '--image', 'temp:2'], { gateway })).toMatchObject({
      code: expect.any(Number),
      err: 'Deploying temp\nError: temp is not ready: it exits with 1\n  see: weft describe temp and weft logs temp\n',
    })
  })

  it('shows what it would do', async () => {
    const { out } = await cli(['deploy', 'temp', '--image', 'temp:1', '--dry-run'])
    expect(parse(out)).toEqual({ ref: { namespace: 'default', name: 'temp' }, template: { image: 'temp:1' } })
  })
})

describe('invoke', () => {
  it.each<[string, string[], string | undefined, object]>([
    ['GET without a body', [], undefined, { method: 'GET', path: '/function/temp.default/', body: '' }],
    ['POST with data', ['-d', 'x'], undefined, { method: 'POST', body: 'x', headers: expect.objectContaining({ 'content-type': 'text/plain' }) }],
    ['POST with what is piped in', [], 'piped', { method: 'POST', body: 'piped' }],
    ['GET with a standard input that is empty', [], '', { method: 'GET', body: '' }],
    [
      'the method, path and query given',
      ['-m', 'put', '--path', 'a/b', '--query', 'q=1 2', '-d', ''],
      undefined,
      { method: 'PUT', path: '/function/temp.default/a/b?q=1+2' },
    ],
    ['headers in both forms', ['-H', 'X-A: 1', '-H', 'x-b=2'], undefined, { headers: expect.objectContaining({ 'x-a': '1', 'x-b': '2' }) }],
  ])('sends %s', async (_name, flags, input, wanted) => {
    const answer = (): Reply => [200, 'answer']
    const paths = ['/function/temp.default/', '/function/temp.default/a/b']
    await using gateway = await testGateway(Object.fromEntries(['GET', 'POST', 'PUT'].flatMap((method) => paths.map((path) => [`${method} ${path}`, answer]))))
    expect(await cli(['invoke', 'temp', ...flags], { gateway, ...(input === undefined ? {} : { input }) })).toMatchObject({ code: 0, out: 'answer' })
    expect(gateway.seen).toMatchObject([wanted])
    expect(gateway.seen[0]?.headers.authorization).toBeUndefined()
  })

  it('refuses what comes later', async () => {
    expect(await cli(['invoke', 'temp', '-a'])).toMatchObject({ code: 2, err: expect.stringContaining('--async: asynchronous calls are not there yet') })
  })
})

const STACK = `version: "1.0"
provider: { name: openfaas }
functions:
  b:
    lang: node22
    handler: ./b
    image: \${PREFIX:-acme}/b:1
    environment: { A: "1" }
    environment_file: [more.yaml]
    labels: { team: x }
    fprocess: node index.js
  a: { lang: node22, handler: ./a, image: acme/a:1, namespace: staging }
`

describe('generate', () => {
  it('writes what OpenFaaS reads, sorted by name', async () => {
    await using world = await testWorld()
    await writeFile(join(world.cwd, 'stack.yaml'), STACK)
    await writeFile(join(world.cwd, 'more.yaml'), 'environment: { B: "2" }\n')
    expect(await cli(['generate', '--label', 'ours=yes'], { world })).toMatchObject({ code: 0 })
    expect(parseAllDocuments(world.out()).flatMap((document): unknown[] => (document.contents === null ? [] : [document.toJS()]))).toEqual([
      {
        apiVersion: 'openfaas.com/v1',
        kind: 'Function',
        metadata: { name: 'a', namespace: 'staging' },
        spec: { name: 'a', image: 'acme/a:1', handler: './a', labels: { ours: 'yes' } },
      },
      {
        apiVersion: 'openfaas.com/v1',
        kind: 'Function',
        metadata: { name: 'b', namespace: 'default' },
        spec: { name: 'b', image: 'acme/b:1', handler: './b', labels: { team: 'x', ours: 'yes' }, environment: { A: '1', B: '2', fprocess: 'node index.js' } },
      },
    ])
  })

  it('writes ours, of those chosen', async () => {
    await using world = await testWorld({ env: { PREFIX: 'me' } })
    await writeFile(join(world.cwd, 'stack.yaml'), STACK.replace('environment_file: [more.yaml]', ''))
    expect(await cli(['generate', '--api', 'weft.dev/v1alpha1', '--filter', 'b*', '-n', 'other'], { world })).toMatchObject({ code: 0 })
    expect(parse(world.out().replace('---\n', ''))).toMatchObject({
      apiVersion: 'weft.dev/v1alpha1',
      metadata: { name: 'b', namespace: 'other' },
      spec: { template: { image: 'me/b:1', process: 'node index.js' } },
    })
  })

  it.each([
    ['no stack', undefined, ['generate'], 'there is no stack.yaml in'],
    ['no image', STACK.replace('image: acme/a:1,', ''), ['generate', 'a'], 'functions.a.image: it is missing'],
    ['a function that is not in it', STACK, ['generate', 'c'], 'the stack has no c; it has'],
    ['two ways to choose', STACK, ['generate', '--filter', 'a', '--regex', 'a'], 'give --filter or --regex, not both'],
    ['an expression that is none', STACK, ['generate', '--regex', '('], '--regex: Invalid regular expression'],
  ])('refuses %s', async (_name, stack, line, message) => {
    await using world = await testWorld()
    if (stack !== undefined) await writeFile(join(world.cwd, 'stack.yaml'), stack)
    expect(await cli(line, { world })).toMatchObject({ code: 2, err: expect.stringContaining(message) })
  })
})

describe('new and up', () => {
  it('make a handler and its entry in the stack, and add the next', async () => {
    await using world = await testWorld()
    expect(await cli(['new', 'one'], { world })).toMatchObject({ code: 0, out: expect.stringContaining('weft up one') })
    expect(await cli(['new', 'two', '--lang', 'node22', '--prefix', 'acme'], { world })).toMatchObject({ code: 0 })
    expect(parse(await readFile(join(world.cwd, 'stack.yaml'), 'utf8'))).toMatchObject({
      functions: { one: { lang: 'fetch-js', handler: './one', image: 'one:latest' }, two: { lang: 'node22', image: 'acme/two:latest' } },
    })
    expect(await readdir(join(world.cwd, 'one'))).toContain('handler.js')
    expect(await cli(['new', 'one'], { world })).toMatchObject({ code: 2, err: expect.stringContaining('exists already') })
  })

  it('leave nothing behind in the directory for temporary files', async () => {
    await using world = await testWorld({ env: { WEFT_GATEWAY: 'http://127.0.0.1:1' } })
    await cli(['new', 'one', '--lang', 'bash'], { world })
    const before = await readdir(tmpdir())
    expect(await cli(['up', 'one'], { world })).toMatchObject({ code: 2, err: expect.stringContaining('no gateway answers') })
    const left = (await readdir(tmpdir())).filter((name) => name.startsWith('weft-work-') && !before.includes(name))
    expect(left).toEqual([])
  })
})

describe('template pull', () => {
  async function repository(parent: string): Promise<string> {
    const directory = join(parent, 'repository')
    await mkdir(join(directory, 'template', 'cobol', 'function'), { recursive: true })
    await writeFile(join(directory, 'template', 'cobol', 'template.yml'), 'language: cobol\nfprocess: ./run\n')
    await writeFile(join(directory, 'template', 'cobol', 'function', 'main.cob'), 'first')
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: directory, stdio: 'ignore' })
    git('init', '--quiet', '--initial-branch=main')
    git('add', '.')
    git('commit', '--quiet', '-m', 'templates')
    return directory
  }

  it('copies templates of a repository, which are then listed; those that are there stay when told so', async () => {
    await using world = await testWorld()
    const source = await repository(world.cwd)
    expect(await cli(['template', 'pull', `${source}#main`], { world })).toMatchObject({ code: 0, out: 'Pulled cobol into template/.\n' })
    const file = join(world.cwd, 'template', 'cobol', 'function', 'main.cob')
    await writeFile(file, 'mine')
    expect(await cli(['template', 'pull', source, '--no-overwrite'], { world })).toMatchObject({ code: 0, out: expect.stringContaining('Nothing new') })
    expect(await readFile(file, 'utf8')).toBe('mine')
    expect((await cli(['template', 'list'], { world })).out).toMatch(/cobol +cobol +pulled/)
  })

  it.each<[string, string, Record<string, string>, string]>([
    ['a repository that is not there', '/nonexistent', {}, '/nonexistent cannot be cloned'],
    ['an option of git', '--upload-pack=x', {}, 'error: unknown option'],
    ['a machine without git', '/x', { PATH: '/nonexistent' }, 'there is no git on the PATH\n  install git'],
  ])('refuses %s', async (_name, url, env, message) => {
    await using world = await testWorld({ env })
    expect(await cli(['template', 'pull', url], { world })).toMatchObject({ code: 2, err: expect.stringContaining(message) })
  })
})

describe('login', () => {
  it('keeps a password that the gateway takes, for this user only, and forgets it', async () => {
    await using gateway = await testGateway({
      'GET /system/functions': ({ headers }) => (headers.authorization === 'Basic YWRtaW46cHc=' ? [200, []] : [401, 'no']),
    })
    await using world = await testWorld({ input: 'pw\n' })
    expect(await cli(['login', '-g', gateway.url, '--password-stdin'], { world })).toMatchObject({ code: 0 })
    const file = join(world.cwd, '.config', 'weft', 'credentials.yaml')
    expect(parse(await readFile(file, 'utf8'))).toEqual({ auths: [{ gateway: gateway.url, auth: 'basic', token: 'YWRtaW46cHc=' }] })
    await cli(['logout', '-g', gateway.url], { world })
    expect(parse(await readFile(file, 'utf8'))).toEqual({ auths: [] })
    expect(await cli(['login', '-g', gateway.url, '-p', 'wrong'])).toMatchObject({ code: 2 })
  })
})
