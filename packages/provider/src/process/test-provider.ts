import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Replica, WorkloadSpec } from '../port.ts'
import { readyReplicas } from '../test-support.ts'
import { startProcessProvider, type ProcessProvider, type ProcessProviderOptions, type ProviderLog } from './index.ts'

/** The small runtime that the tests of this folder run. */
export const TEST_RUNTIME = fileURLToPath(new URL('fixtures/runtime.mjs', import.meta.url))

/** Hears nothing. */
export const noLog: ProviderLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A process provider in a temporary directory. */
export interface TestProvider {
  readonly provider: ProcessProvider
  readonly directory: string
  /** Deploys a workload and waits for one ready replica. */
  one(spec: WorkloadSpec): Promise<Replica>
  end(): Promise<void>
}

/** Starts a provider whose replicas run {@link TEST_RUNTIME}; short waits unless told otherwise. */
export async function testProvider(options: Partial<ProcessProviderOptions> = {}): Promise<TestProvider> {
  const directory = await mkdtemp(join(tmpdir(), 'wp-'))
  const provider = await startProcessProvider({
    runDirectory: join(directory, 'run'),
    dataDirectory: join(directory, 'data'),
    runtimeBundles: { nodejs: TEST_RUNTIME, process: TEST_RUNTIME },
    isolation: 'required',
    log: noLog,
    ...options,
  }).catch(async (error: unknown) => {
    await rm(directory, { recursive: true, force: true })
    throw error
  })
  return {
    provider,
    directory,
    one: async (spec) => {
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const [replica] = await readyReplicas(provider, spec, 1)
      if (replica === undefined) throw new Error('no replica')
      return replica
    },
    end: async () => {
      await provider.close(3000)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Calls a replica on its inbound socket, as the proxy would. @returns the JSON that it answers */
export function call<T = unknown>(replica: Replica, path: string, query: Readonly<Record<string, string | number>> = {}): Promise<T> {
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath: replica.inboundSocket, path: `${path}?${search.toString()}`, agent: false, headers: { connection: 'close' } },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('error', reject)
        response.on('end', () => resolve(JSON.parse(text) as T))
      },
    )
    outgoing.on('error', reject)
    outgoing.end()
  })
}
