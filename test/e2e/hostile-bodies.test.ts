import { Agent } from 'node:http'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { KINDS } from '@weft/api'
import { invalidManifest, invalidName, invalidResource, validFunction, validManifest, validResource, type Document } from '@weft/api/arbitraries'
import { groupOf, type Resource } from '@weft/core'
import { ask, TestPlatform, type Answer } from '@weft/test-harness'
import fc from 'fast-check'
import { stringify } from 'yaml'

const SEED = Number(process.env['WEFT_SEED'] ?? Date.now() % 1_000_000)
/** How many of each: bodies, names and files add up to 2,000 good and 2,000 bad ones. */
const COUNTS = { bodies: 1_600, names: 300, files: 100 } as const
const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number, salt: number): T[] => fc.sample(arbitrary, { numRuns: count, seed: SEED + salt })

/** One thing to do, and what must come of it. */
interface Attempt {
  readonly what: string
  readonly method: string
  readonly path: string
  readonly type: string
  readonly body: string
}

let platform: TestPlatform
let authorization: string
const agent = new Agent({ keepAlive: true, maxSockets: 16 })
beforeAll(async () => {
  platform = await TestPlatform.start()
  authorization = `Basic ${Buffer.from(`admin:${await platform.password()}`).toString('base64')}`
}, 120_000)
afterAll(async () => {
  agent.destroy()
  await platform[Symbol.asyncDispose]()
})

/** Through the socket and through the ingress in turn. */
function send({ method, path, type, body }: Attempt, index: number): Promise<Answer> {
  const headers = { authorization, 'content-type': type }
  const options = { method, headers, agent, ...(body === '' ? {} : { body }) }
  return index % 2 === 0 ? ask(`${platform.gateway}${path}`, options) : ask(`http://gateway${path}`, { ...options, socketPath: platform.socket })
}

function collectionOf(document: unknown): string {
  const { apiVersion, kind, metadata } = (typeof document === 'object' && document !== null ? document : {}) as Partial<Document>
  const known = KINDS.find((each) => each.kind === kind && each.group === groupOf(String(apiVersion)))
  const definition = known ?? KINDS.find((each) => each.kind === 'VirtualService')
  const namespace = typeof metadata === 'object' && typeof metadata?.['namespace'] === 'string' ? metadata['namespace'] : 'default'
  const version = typeof apiVersion === 'string' && known !== undefined ? apiVersion : `${definition?.group}/v1`
  const base = version.includes('/') ? `/apis/${version}` : `/api/${version}`
  return definition?.namespaced === false ? `${base}/${definition.plural}` : `${base}/namespaces/${encodeURIComponent(namespace)}/${definition?.plural}`
}

/** Everything that users wrote, with the values of Secrets and the versions; the status and the revisions are the controller's. */
async function dump(): Promise<ReadonlyMap<string, Resource>> {
  const found = new Map<string, Resource>()
  for (const { group, versions, plural, kind } of KINDS.filter((each) => each.kind !== 'Revision')) {
    const path = `${group === '' ? '/api/' : `/apis/${group}/`}${versions[0]}/${plural}?reveal=1`
    const { items } = JSON.parse((await platform.api('GET', path)).text) as { items: readonly Resource[] }
    for (const { status: written, ...item } of items) {
      // A controller that writes a status makes a new version; what users wrote is told by the generation.
      const { resourceVersion, ...metadata } = item.metadata
      const version = written === undefined ? { resourceVersion } : {}
      found.set(`${kind} ${item.metadata.namespace ?? '-'}/${item.metadata.name}`, { ...item, metadata: { ...metadata, ...version } } as Resource)
    }
  }
  return found
}

/** Does all at once, as many clients do, and answers in the order asked. */
async function all(attempts: readonly Attempt[]): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  let next = 0
  const worker = async () => {
    for (let index = next++; index < attempts.length; index = next++) {
      const attempt = attempts[index]
      if (attempt !== undefined) answers[index] = await send(attempt, index)
    }
  }
  await Promise.all(Array.from({ length: 12 }, worker))
  return answers
}

/** Nothing that starts replicas; a function is one kind among many and gets none. */
function goodDocuments(): Document[] {
  const names = new Set<string>()
  const functions = sample(validFunction(), 20, 1).map((document) => withScale(document))
  const others = sample(
    validResource().filter((document) => document.kind !== 'Function'),
    COUNTS.bodies - functions.length,
    2,
  )
  return [...functions, ...others.map((document, index) => withOwnFunction(document, index))].map((document, index) => {
    const key = `${document.kind}/${String(document.metadata['name'])}`
    const isTaken = names.has(key) || ['default', 'weft-system', 'openfaas-fn'].includes(String(document.metadata['name']))
    names.add(key)
    return isTaken ? { ...document, metadata: { ...document.metadata, name: `n-${index}` } } : document
  })
}

/** A Canary whose function's split is a VirtualService's is refused, which is another test's matter. */
function withOwnFunction(document: Document, index: number): Document {
  return document.kind === 'Canary' ? { ...document, spec: { ...(document['spec'] as object), function: `of-canary-${index}` } } : document
}

function withScale(document: Document): Document {
  const spec = document['spec'] as object
  return { ...document, spec: { ...spec, scale: { replicas: 0, min: 0 } } }
}

const post = (what: string, document: unknown): Attempt => ({
  what,
  method: 'POST',
  path: collectionOf(document),
  type: 'application/json',
  body: JSON.stringify(document),
})

/** What a path names already may be left out of a body: these are refused in a file only. */
const SAID_BY_PATH = ['no apiVersion', 'no kind']

/** Names at every place of the API that takes one. */
function badNames(): Attempt[] {
  return sample(invalidName(), COUNTS.names, 3).map((name, index) => {
    const what = `the name ${JSON.stringify(name.slice(0, 60))}`
    const json = { what, type: 'application/json' }
    const ways: readonly Attempt[] = [
      { ...json, method: 'POST', path: '/system/functions', body: JSON.stringify({ service: name, image: 'functions/alpine' }) },
      { ...json, method: 'POST', path: '/system/secrets', body: JSON.stringify({ name, value: 'x' }) },
      { ...json, method: 'DELETE', path: '/system/functions', body: JSON.stringify({ functionName: name }) },
      { ...json, method: 'POST', path: '/system/namespace/', body: JSON.stringify({ name }) },
      { ...json, method: 'POST', path: '/system/functions', body: JSON.stringify({ service: 'fine', image: 'functions/alpine', namespace: `${name}/` }) },
      { ...json, method: 'DELETE', path: `/api/v1/namespaces/default/secrets/x${encodeURIComponent(name.toWellFormed())}%21`, body: '' },
    ]
    return ways[index % ways.length] ?? post(what, name)
  })
}

describe(`2,000 good and 2,000 bad inputs next to each other (WEFT_SEED=${SEED})`, () => {
  it('takes every good one as it was written, refuses every bad one with a reason, and is changed by no bad one', async () => {
    const documents = goodDocuments()
    const good = documents.map((document) => post(document.kind, document))
    const bad = sample(
      invalidResource().filter(({ because }) => !SAID_BY_PATH.includes(because)),
      COUNTS.bodies,
      4,
    ).map(({ document, because }) => post(because, document))
    const secrets = Array.from({ length: COUNTS.names }, (_, index) => ({ name: `secret-${index}`, value: `value ${index}` }))
    const goodNames = secrets.map((secret): Attempt => ({
      what: secret.name,
      method: 'POST',
      path: '/system/secrets',
      type: 'application/json',
      body: JSON.stringify(secret),
    }))
    const names = badNames()

    const before = await dump()
    const attempts = [...good, ...goodNames].flatMap((attempt, index) => [attempt, [...bad, ...names][index] ?? attempt])
    const answers = await all(attempts)
    const wrong = attempts.flatMap(({ what, path, body }, index) => {
      const { status = 0, text = '' } = answers[index] ?? {}
      const isRight = index % 2 === 0 ? status === 201 || status === 202 : status >= 400 && status < 500 && text.length > 10
      return isRight ? [] : [{ what, path, status, text: text.slice(0, 300), body: body.slice(0, 500) }]
    })
    expect(wrong).toEqual([])

    const after = await dump()
    const expected = new Set([...before.keys(), ...documents.map(keyOf), ...secrets.map(({ name }) => `Secret default/${name}`)])
    expect([...after.keys()].filter((key) => !expected.has(key))).toEqual([])
    expect([...expected].filter((key) => !after.has(key))).toEqual([])
    for (const [key, resource] of before) expect(after.get(key)).toEqual(resource)
    for (const document of documents) expect(essence(after.get(keyOf(document)))).toEqual(essence(document as unknown as Resource))
    expect(Object.keys(Object.prototype)).toEqual([])
  }, 90_000)

  it('is changed by none of the bad ones when they come alone either', async () => {
    const before = await dump()
    const bad = sample(invalidResource(), 400, 5).filter(({ because }) => !SAID_BY_PATH.includes(because))
    const answers = await all([
      ...bad.map(({ document, because }) => ({ ...post(because, document), method: 'PUT', path: `${collectionOf(document)}/n-1` })),
      ...badNames(),
    ])
    expect(answers.filter(({ status }) => status < 400 || status > 499).map(({ status, text }) => [status, text.slice(0, 300)])).toEqual([])
    expect(await dump()).toEqual(before)
  }, 60_000)
})

describe('files', () => {
  it('are applied when they are good', async () => {
    const directory = join(platform.dataDir, 'good')
    await mkdir(directory, { recursive: true })
    const name = fc.nat({ max: 1_000_000_000 }).map((number) => `file-${number}`)
    const manifests = sample(
      // A Canary whose function's split is a VirtualService's is refused: they have functions of their own among the bodies.
      validManifest({ name }).filter(({ documents }) => documents.every(({ kind }) => kind !== 'Function' && kind !== 'Canary')),
      COUNTS.files,
      6,
    )
    await Promise.all(manifests.map(({ text }, index) => writeFile(join(directory, `${index}.${text.trimStart().startsWith('{') ? 'json' : 'yaml'}`), text)))
    await platform.weftOk(['apply', '-f', directory])
    const after = await dump()
    for (const document of manifests.flatMap(({ documents }) => documents)) expect(after.has(keyOf(document))).toBe(true)
  }, 60_000)

  it('are refused with the file and a reason when they are bad', async () => {
    const before = await dump()
    const bad = sample(invalidManifest(), 12, 7)
    const results = await Promise.all(
      bad.map(async ({ text, because }, index) => {
        const file = join(platform.dataDir, `bad-${index}.yaml`)
        await writeFile(file, text)
        const { code, stderr } = await platform.weft(['apply', '-f', file])
        return [because, code === 0, stderr.includes(`bad-${index}.yaml`)]
      }),
    )
    expect(results).toEqual(bad.map(({ because }) => [because, false, true]))
    expect(await dump()).toEqual(before)
  }, 60_000)

  it('of a directory change nothing when one of them is bad', async () => {
    const before = await dump()
    const directory = join(platform.dataDir, 'mixed')
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, 'a-good.yaml'), stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'never' } }))
    await writeFile(
      join(directory, 'b-bad.yaml'),
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: x }\nspec: { hosts: [x], http: [{ gremlin: 1 }] }\n',
    )
    const { code, stderr } = await platform.weft(['apply', '-f', directory])
    expect([code === 0, stderr]).toEqual([false, expect.stringMatching(/b-bad\.yaml.*gremlin/s)])
    expect(await dump()).toEqual(before)
  })

  it('are refused by the API too', async () => {
    const before = await dump()
    const bad = sample(invalidManifest(), COUNTS.files, 8)
    const path = '/apis/networking.istio.io/v1/namespaces/default/virtualservices/never?fieldManager=test'
    const answers = await all(
      bad.map(({ text, because }) => ({ what: because, method: 'PATCH', path, type: 'application/apply-patch+yaml', body: text === '' ? ' ' : text })),
    )
    expect(answers.filter(({ status }) => status < 400 || status > 499).map(({ status, text }) => [status, text.slice(0, 300)])).toEqual([])
    expect(await dump()).toEqual(before)
  }, 60_000)
})

function keyOf({ kind, metadata }: Document): string {
  return `${kind} ${kind === 'Namespace' ? '-' : String(metadata['namespace'] ?? 'default')}/${String(metadata['name'])}`
}

/** What a user wrote of a resource; Secrets as their data, functions without the digest that their image got. */
function essence(resource: Resource | undefined): unknown {
  if (resource === undefined) return undefined
  const { kind, spec, metadata } = resource
  const { labels, annotations } = metadata
  const { data, stringData } = resource as { data?: Record<string, string>; stringData?: Record<string, string> }
  const texts = Object.entries(stringData ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  const values = kind === 'Secret' ? { ...data, ...Object.fromEntries(texts) } : undefined
  return JSON.parse(JSON.stringify({ kind, spec: kind === 'Function' ? undefined : spec, labels, annotations, values })) as unknown
}
