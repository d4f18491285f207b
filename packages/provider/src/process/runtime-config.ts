import type { WorkloadSpec } from '../port.ts'

/** What a runtime is told, as JSON in the environment variable `WEFT_RUNTIME_CONFIG`. Paths are those that the replica sees. */
export interface RuntimeConfig {
  readonly contract: 'openfaas' | 'kubeless' | 'node-http' | 'fetch' | 'cloudevent' | 'grpc' | 'process'
  readonly entry: string
  readonly export?: string
  readonly command?: string
  readonly mode?: 'classic' | 'http' | 'streaming' | 'serializing' | 'static'
  readonly protocol?: 'http2' | 'grpc' | 'tcp'
  readonly functionName: string
  readonly namespace: string
  readonly revision: string
  readonly replica: string
  readonly runtimeName: string
  readonly timeoutMs: number
  readonly concurrency: number
  readonly readinessPath: string
  readonly drainTimeoutMs: number
  readonly outboundSocket: string
  readonly meshNamespaces: readonly string[]
  readonly memoryLimitBytes?: number
}

/** The paths of one incarnation, as its process sees them. */
export interface SeenPaths {
  readonly functionDirectory: string
  readonly outboundSocket: string
}

function runFields(
  spec: WorkloadSpec,
  seen: SeenPaths,
): Pick<RuntimeConfig, 'contract' | 'entry' | 'export' | 'command' | 'mode' | 'protocol' | 'runtimeName'> {
  const { run } = spec
  switch (run.kind) {
    case 'nodejs':
      return {
        contract: run.contract,
        entry: `${seen.functionDirectory}/${run.entry}`,
        runtimeName: run.runtimeName,
        ...(run.export === undefined ? {} : { export: run.export }),
      }
    case 'process':
      return {
        contract: 'process',
        entry: seen.functionDirectory,
        runtimeName: 'process',
        mode: run.mode,
        ...(run.command === undefined ? {} : { command: run.command }),
        ...(run.protocol === undefined ? {} : { protocol: run.protocol }),
      }
    default:
      return run satisfies never
  }
}

/** Writes the configuration of one replica. */
export function runtimeConfig(spec: WorkloadSpec, replica: string, seen: SeenPaths): RuntimeConfig {
  return {
    ...runFields(spec, seen),
    functionName: spec.function,
    namespace: spec.workload.namespace,
    revision: spec.revision,
    replica,
    timeoutMs: spec.timeoutMs,
    concurrency: spec.concurrency,
    readinessPath: spec.readinessPath,
    drainTimeoutMs: spec.drainTimeoutMs,
    outboundSocket: seen.outboundSocket,
    meshNamespaces: spec.meshNamespaces,
    ...(spec.limits.memoryBytes === undefined ? {} : { memoryLimitBytes: spec.limits.memoryBytes }),
  }
}
