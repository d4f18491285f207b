/** Handler contracts of this runtime. */
const CONTRACT_NAMES = ['openfaas', 'kubeless', 'node-http', 'fetch', 'cloudevent', 'grpc'] as const
/** One of {@link CONTRACT_NAMES}. */
export type ContractName = (typeof CONTRACT_NAMES)[number]

/** What the provider tells a replica, in the environment variable `WEFT_RUNTIME_CONFIG`. Paths are as seen inside the sandbox. */
export interface RuntimeConfig {
  readonly contract: ContractName
  /** File of the user's module, absolute or relative to the working directory. */
  readonly entry: string
  /** Export of it; absent: `default`, else `module.exports`. */
  readonly export?: string
  readonly functionName: string
  readonly namespace: string
  readonly revision: string
  readonly replica: string
  /** Runtime as the user wrote it (`node22`, `nodejs14`). */
  readonly runtimeName: string
  /** Longest time of one call; 0 is none. */
  readonly timeoutMs: number
  /** Calls at a time, more get a 429; 0 is no limit. */
  readonly concurrency: number
  readonly readinessPath: string
  readonly drainTimeoutMs: number
  /** Unix socket of the proxy's outbound listener; absent: connections are left alone. */
  readonly outboundSocket?: string
  /** Namespaces whose names (`temp.NS`) are hosts of the mesh. */
  readonly meshNamespaces: readonly string[]
  readonly memoryLimitBytes?: number
}

type Raw = Readonly<Record<string, unknown>>

const text = (raw: Raw, key: string, fallback: string): string => (typeof raw[key] === 'string' ? raw[key] : fallback)

function whole(raw: Raw, key: string, fallback: number): number {
  const value = raw[key] ?? fallback
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`WEFT_RUNTIME_CONFIG: ${key} must be a number of at least 0`)
  return Math.floor(value)
}

function contractOf(raw: Raw): ContractName {
  const contract = CONTRACT_NAMES.find((name) => name === raw['contract'])
  if (contract === undefined) throw new Error(`WEFT_RUNTIME_CONFIG: contract must be one of ${CONTRACT_NAMES.join(', ')}`)
  return contract
}

function parseObject(source: string): Raw {
  const value: unknown = JSON.parse(source)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('WEFT_RUNTIME_CONFIG is not a JSON object')
  return value as Raw
}

/** Reads the provider's configuration. @throws Error that names the key which is wrong */
export function parseConfig(source: string): RuntimeConfig {
  const raw = parseObject(source)
  const entry = text(raw, 'entry', '')
  if (entry === '') throw new Error('WEFT_RUNTIME_CONFIG: entry is missing')
  const namespaces = Array.isArray(raw['meshNamespaces']) ? raw['meshNamespaces'].filter((name): name is string => typeof name === 'string') : []
  return {
    contract: contractOf(raw),
    entry,
    functionName: text(raw, 'functionName', 'function'),
    namespace: text(raw, 'namespace', 'default'),
    revision: text(raw, 'revision', ''),
    replica: text(raw, 'replica', ''),
    runtimeName: text(raw, 'runtimeName', ''),
    timeoutMs: whole(raw, 'timeoutMs', 60_000),
    concurrency: whole(raw, 'concurrency', 0),
    readinessPath: text(raw, 'readinessPath', '/_/ready'),
    drainTimeoutMs: whole(raw, 'drainTimeoutMs', 30_000),
    meshNamespaces: namespaces,
    ...(typeof raw['export'] === 'string' && raw['export'] !== '' ? { export: raw['export'] } : {}),
    ...(typeof raw['outboundSocket'] === 'string' && raw['outboundSocket'] !== '' ? { outboundSocket: raw['outboundSocket'] } : {}),
    ...(typeof raw['memoryLimitBytes'] === 'number' ? { memoryLimitBytes: raw['memoryLimitBytes'] } : {}),
  }
}
