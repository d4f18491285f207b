/** How a program answers calls. */
export const MODES = ['classic', 'streaming', 'serializing', 'http', 'static'] as const
/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number]

/** What a program speaks on its port. */
export const PROTOCOLS = ['http', 'http2', 'grpc', 'tcp'] as const
/** One of {@link PROTOCOLS}. */
export type Protocol = (typeof PROTOCOLS)[number]

/** What the provider tells a replica of a program, in the environment variable `WEFT_RUNTIME_CONFIG`. Paths are as the replica sees them. */
export interface ProcessConfig {
  readonly mode: Mode
  /** What it speaks; anything but `http` needs the mode `http`, in which it runs as long as the replica. */
  readonly protocol: Protocol
  /** Command line; absent for static files. */
  readonly command?: string
  readonly functionName: string
  readonly namespace: string
  /** Longest time of one call; 0 is none. */
  readonly timeoutMs: number
  /** Calls at a time, more get a 429; 0 is no limit. */
  readonly concurrency: number
  readonly readinessPath: string
  readonly drainTimeoutMs: number
  /** Unix socket of the proxy's outbound listener; absent: the program has no way out. */
  readonly outboundSocket?: string
  /** Namespaces whose names (`temp.NS`) are hosts of the mesh. */
  readonly meshNamespaces: readonly string[]
  readonly memoryLimitBytes?: number
}

type Raw = Readonly<Record<string, unknown>>

const text = (raw: Raw, key: string): string | undefined => (typeof raw[key] === 'string' && raw[key] !== '' ? raw[key] : undefined)

function whole(raw: Raw, key: string, fallback: number): number {
  const value = raw[key] ?? fallback
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`WEFT_RUNTIME_CONFIG: ${key} must be a number of at least 0`)
  return Math.floor(value)
}

function parseObject(source: string): Raw {
  const value: unknown = JSON.parse(source)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('WEFT_RUNTIME_CONFIG is not a JSON object')
  return value as Raw
}

/** Reads the provider's configuration. @throws Error that names the key which is wrong */
export function parseConfig(source: string): ProcessConfig {
  const raw = parseObject(source)
  const mode = MODES.find((known) => known === (raw['mode'] ?? 'classic'))
  if (mode === undefined) throw new Error(`WEFT_RUNTIME_CONFIG: mode must be one of ${MODES.join(', ')}`)
  const protocol = PROTOCOLS.find((known) => known === (raw['protocol'] ?? 'http'))
  if (protocol === undefined) throw new Error(`WEFT_RUNTIME_CONFIG: protocol must be one of ${PROTOCOLS.join(', ')}`)
  const command = text(raw, 'command')
  const outboundSocket = text(raw, 'outboundSocket')
  return {
    mode,
    protocol,
    functionName: text(raw, 'functionName') ?? 'function',
    namespace: text(raw, 'namespace') ?? 'default',
    timeoutMs: whole(raw, 'timeoutMs', 60_000),
    concurrency: whole(raw, 'concurrency', 0),
    readinessPath: text(raw, 'readinessPath') ?? '/_/ready',
    drainTimeoutMs: whole(raw, 'drainTimeoutMs', 30_000),
    meshNamespaces: Array.isArray(raw['meshNamespaces']) ? raw['meshNamespaces'].filter((name): name is string => typeof name === 'string') : [],
    ...(command === undefined ? {} : { command }),
    ...(outboundSocket === undefined ? {} : { outboundSocket }),
    ...(typeof raw['memoryLimitBytes'] === 'number' ? { memoryLimitBytes: raw['memoryLimitBytes'] } : {}),
  }
}
