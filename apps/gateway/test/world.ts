import { silentLog } from '@weft/kit'
import { MemoryProvider } from '@weft/provider/memory'
import type { Store } from '@weft/store'
import { memoryStore } from '@weft/store/memory'
import { createGateway, type Gateway, type GatewayOptions } from '../src/index.ts'
import { MemoryArtifacts } from './memory-artifacts.ts'
import { MemoryMesh } from '@weft/mesh-model/memory'

/** A gateway over memory, and a hand on everything behind it. */
export interface World extends AsyncDisposable {
  readonly gateway: Gateway
  readonly store: Store
  readonly provider: MemoryProvider
  readonly mesh: MemoryMesh
  readonly artifacts: MemoryArtifacts
  /** Milliseconds that failed log-ins waited. */
  readonly waits: number[]
  /** One request with the right credentials. */
  call(method: string, url: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** Everything in the store, to see that nothing changed. */
  contents(): Promise<string>
}

/** An answer, with its body read when it is JSON. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  readonly json: Json
}

/** JSON of an answer; a test says by its expectations what it must be. */
export interface Json {
  readonly [key: string]: Json
}

/** A list in an answer; empty when it is none. */
export function listIn(json: Json | undefined): readonly Json[] {
  return Array.isArray(json) ? (json as readonly Json[]) : []
}

/** User and password of the world. */
export const CREDENTIALS = { user: 'admin', password: 'correct horse' }
/** Header that logs in. */
export const AUTHORIZATION = `Basic ${Buffer.from(`${CREDENTIALS.user}:${CREDENTIALS.password}`).toString('base64')}`

const KINDS = ['weft.dev/Function', 'weft.dev/Revision', '/Secret', '/Namespace', '/Service', '/ServiceAccount', 'networking.istio.io/VirtualService']

/** Makes a world with the image `temp:1`. */
export async function makeWorld(overrides: Partial<GatewayOptions> = {}): Promise<World> {
  const store = memoryStore()
  const provider = new MemoryProvider()
  const mesh = new MemoryMesh()
  const artifacts = new MemoryArtifacts()
  const waits: number[] = []
  artifacts.add('temp, first', 'temp:1')
  artifacts.add('temp, second', 'temp:2')
  const gateway = createGateway({
    store,
    provider,
    mesh,
    artifacts,
    builder: artifacts,
    auth: { enabled: true, ...CREDENTIALS },
    version: { release: '0.1.0', sha: 'abc' },
    log: silentLog(),
    delay: async (ms) => void waits.push(ms),
    ...overrides,
  })
  await gateway.listen({})
  return {
    gateway,
    store,
    provider,
    mesh,
    artifacts,
    waits,
    call: (method, url, body, headers = {}) => call(gateway, method, url, body, headers),
    contents: () => contents(store),
    [Symbol.asyncDispose]: async () => {
      await gateway.close()
      await provider.close(100)
      await store.close()
    },
  }
}

async function call(gateway: Gateway, method: string, url: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const payload = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const response = await gateway.app.inject({
    method: method as 'GET',
    url,
    headers: { authorization: AUTHORIZATION, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(payload === undefined ? {} : { payload }),
  })
  return { status: response.statusCode, headers: response.headers, text: response.body, json: readJson(response.body) }
}

function readJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return {}
  }
}

async function contents(store: Store): Promise<string> {
  const lists = await Promise.all(KINDS.map((kind) => store.list({ group: kind.split('/')[0] ?? '', kind: kind.split('/')[1] ?? '' })))
  return JSON.stringify(lists.flatMap((list) => list.items))
}
