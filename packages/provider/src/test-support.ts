import type { LogLine, LogQuery, Provider, Replica, WorkloadSpec } from './port.ts'

/** A workload that any adapter can run. `BEHAVIOUR=crash` in its environment lets each start fail. */
export function exampleSpec(name: string, change: Partial<WorkloadSpec> = {}): WorkloadSpec {
  return {
    workload: { namespace: 'default', name },
    function: name,
    revision: 'v1',
    run: { kind: 'nodejs', contract: 'fetch', entry: 'handler.mjs', runtimeName: 'node24' },
    env: {},
    secrets: {},
    limits: {},
    timeoutMs: 5000,
    concurrency: 0,
    readinessPath: '/_/ready',
    readOnlyRootFilesystem: false,
    drainTimeoutMs: 2000,
    meshNamespaces: ['default'],
    ...change,
  }
}

/** Polls until `value` gives something; fails with the description after the deadline. */
export async function eventually<T>(description: string, value: () => T | undefined | false, deadlineMs = 15_000): Promise<T> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const found = value()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) throw new Error(`did not happen within ${deadlineMs} ms: ${description}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Waits until a workload has so many ready replicas and no others. */
export function readyReplicas(provider: Provider, spec: WorkloadSpec, count: number): Promise<readonly Replica[]> {
  return eventually(`${count} ready replicas of ${spec.workload.name}`, () => {
    const replicas = provider.list(spec.workload)
    return replicas.length === count && replicas.every(({ phase }) => phase === 'ready') && replicas
  })
}

/** Everything that a source gives until it ends. */
export async function collect(source: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const lines: LogLine[] = []
  for await (const line of source) lines.push(line)
  return lines
}

/** All lines of a query that does not follow. */
export function allLines(provider: Provider, query: Omit<LogQuery, 'follow'>): Promise<LogLine[]> {
  return collect(provider.logs({ ...query, follow: false }))
}
