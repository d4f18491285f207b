import { describe, expect, it } from '@jest/globals'
import { parsePairs, refuseForeignFlags, requestFromFlags } from './request-from-flags.ts'

const described = (options: Record<string, unknown>) => requestFromFlags('temp', options, '/work')

describe('a function on the command line', () => {
  it('runs an image', async () => {
    expect(await described({ image: 'functions/alpine', fprocess: 'env' })).toEqual({
      ref: { namespace: 'default', name: 'temp' },
      build: undefined,
      template: { image: 'functions/alpine', process: 'env' },
    })
  })

  it('is built from a file, of which only the export of the handler counts', async () => {
    const { build, template } = await described({ fromFile: 'functions/t.js', handler: 'temp.sample', runtime: 'nodejs6', revision: 'v2' })
    expect(build).toEqual({ name: 'temp', source: { kind: 'file', path: '/work/functions/t.js', name: 't.js' }, runtime: 'nodejs6', handler: 'temp.sample' })
    expect(template).toEqual({ runtime: 'nodejs6', revision: 'v2', handler: 'temp.sample' })
  })

  it('is built from a handler directory, whose image is recorded', async () => {
    const { build } = await described({ handler: './hello', lang: 'node22', image: 'acme/hello:1', buildArg: ['A=1'], allowScripts: true })
    expect(build).toEqual({
      name: 'temp',
      source: { kind: 'directory', path: '/work/hello' },
      runtime: 'node22',
      reference: 'acme/hello:1',
      buildArgs: { A: '1' },
      allowScripts: true,
    })
  })

  it.each<[string, Record<string, unknown>, object]>([
    ['the environment', { env: ['A=1', 'B=x=y', 'C='] }, { env: { A: '1', B: 'x=y', C: '' } }],
    ['labels in both forms', { label: ['app=temp', 'version:v1'] }, { labels: { app: 'temp', version: 'v1' } }],
    ['annotations', { annotation: ['topic=a'] }, { annotations: { topic: 'a' } }],
    ['secrets, also in a list', { secret: ['a'], secrets: ['b,c'] }, { secrets: ['a', 'b', 'c'] }],
    [
      'limits under either name',
      { memory: '64Mi', cpuLimit: '100m', memoryRequest: '1Mi', cpuRequest: '10m' },
      { limits: { memory: '64Mi', cpu: '100m' }, requests: { memory: '1Mi', cpu: '10m' } },
    ],
    ['what is more exact', { memory: '64Mi', memoryLimit: '32Mi' }, { limits: { memory: '32Mi' } }],
    ['numbers', { port: '9090', concurrency: '4' }, { port: 9090, concurrency: 4 }],
    ['the contract', { contract: 'fetch' }, { contract: 'fetch' }],
    [
      'the rest',
      { readonly: true, constraint: ['a==b'], serviceAccount: 'sa', timeout: '30s' },
      { readOnlyRootFilesystem: true, constraints: ['a==b'], serviceAccount: 'sa', timeout: '30s' },
    ],
  ])('has %s', async (_name, options, template) => {
    expect((await described({ image: 'i', ...options })).template).toEqual({ image: 'i', ...template })
  })

  it('has a scale when one is given', async () => {
    expect((await described({ image: 'i', replicas: '2', min: '1', max: '5', zeroAfter: '5m' })).scale).toEqual({
      replicas: 2,
      min: 1,
      max: 5,
      zeroAfter: '5m',
    })
  })

  it.each<[string, string, Record<string, unknown>, string]>([
    ['nothing that runs', 'temp', {}, 'nothing says what temp runs'],
    ['a source without a runtime', 'temp', { fromFile: 'x.js' }, '--runtime: it is needed'],
    ['a name that is none', 'Temp!', { image: 'i' }, 'is not a DNS-1123 label'],
    ['a pair without a value', 'temp', { image: 'i', env: ['A'] }, '--env: "A" is not KEY=VALUE'],
    ['a port that is no number', 'temp', { image: 'i', port: 'http' }, '--port: "http" is not a whole number'],
    ['a negative number', 'temp', { image: 'i', replicas: '-1' }, '--replicas: "-1" is not a whole number'],
  ])('is refused with %s', async (_name, name, options, message) => {
    await expect(requestFromFlags(name, options, '/work')).rejects.toThrow(message)
  })
})

describe('options of other programs', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['--network', { network: 'func' }, '--network: Weft does not have it'],
    ['--replace', { replace: true }, '--replace: Weft does not have it'],
    ['--update=false', { update: false }, '--update=false: Weft does not have it'],
    ['--tag sha', { tag: 'sha' }, '--tag: Weft does not have "sha"'],
    ['--schedule', { schedule: '* * * * *' }, 'schedules come with triggers'],
    ['--headless', { headless: true }, 'calls go through the mesh'],
    ['--servicePort', { servicePort: '80' }, 'use --port'],
    ['--image-pull-policy', { imagePullPolicy: 'Always' }, 'no image is pulled'],
    ['--node-selectors', { nodeSelectors: 'a=b' }, 'there is one machine'],
  ])('%s is refused by name', (_name, options, message) => {
    expect(() => refuseForeignFlags(options)).toThrow(message)
  })

  it.each([{}, { update: true }, { tag: 'latest' }, { readTemplate: true }])('%j changes nothing', (options) => {
    expect(() => refuseForeignFlags(options)).not.toThrow()
  })
})

it('a pair keeps all that is behind its first sign', () => {
  expect(parsePairs([' A =1=2:3', 'B:x=y'], '--env')).toEqual({ A: '1=2:3', B: 'x=y' })
})
