import { MODES } from './config.ts'
import { parseDuration } from './duration.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The variables of the watchdogs, read. Times in milliseconds, undefined where they are not set. */
export interface Settings {
  readonly execTimeoutMs?: number
  readonly readTimeoutMs?: number
  readonly writeTimeoutMs?: number
  readonly maxInflight: number
  readonly upstreamUrl?: string
  readonly contentType?: string
  readonly staticPath?: string
  readonly readyPath?: string
  readonly bufferBody: boolean
  readonly prefixLogs: boolean
  /** Longest line of the program's log in bytes; Infinity for none. */
  readonly logLineBytes: number
  readonly logCallId: boolean
  readonly cgiHeaders: boolean
  readonly combineOutput: boolean
  readonly marshalRequest: boolean
  readonly writeDebug: boolean
  /** More ports on which names can be reached without a proxy. */
  readonly outboundPorts: readonly number[]
}

const LINE_BYTES = 65_536
/** Read for their form only: Weft serves on a socket that it is given, has metrics in the proxy, and takes replicas out of it before they end. */
const DURATIONS_WITHOUT_EFFECT = ['healthcheck_interval'] as const
const NUMBERS_WITHOUT_EFFECT = ['port', 'metrics_port'] as const
const FLAGS_WITHOUT_EFFECT = ['suppress_lock'] as const

/** Reads variables and collects what is wrong with them. */
class Reader {
  readonly #env: Environment
  readonly problems: string[] = []

  constructor(env: Environment) {
    this.#env = env
  }

  text(...names: readonly string[]): string | undefined {
    return names.map((name) => this.#env[name]).find((value) => value !== undefined && value !== '')
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.text(name)?.toLowerCase()
    if (value === undefined) return fallback
    if (['true', '1', 't'].includes(value)) return true
    if (!['false', '0', 'f'].includes(value)) this.problems.push(`${name}=${value} must be true or false`)
    return false
  }

  duration(name: string): number | undefined {
    const value = this.text(name)
    const ms = value === undefined ? undefined : parseDuration(value)
    if (value !== undefined && ms === undefined) this.problems.push(`${name}=${value} must be a duration such as 30s or 1m30s, or whole seconds`)
    return ms
  }

  whole(name: string, fallback: number, least: number): number {
    const value = this.text(name)
    if (value === undefined) return fallback
    const number = Number(value)
    if (Number.isInteger(number) && number >= least) return number
    this.problems.push(`${name}=${value} must be a whole number of at least ${least}`)
    return fallback
  }

  ports(name: string): readonly number[] {
    const words = this.text(name)?.split(',') ?? []
    const ports = words.map(Number)
    if (ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)) return ports
    this.problems.push(`${name}=${words.join(',')} must be port numbers with commas between`)
    return []
  }

  url(...names: readonly string[]): string | undefined {
    const value = this.text(...names)
    if (value === undefined) return undefined
    if (URL.canParse(value) && ['http:', 'tcp:'].includes(new URL(value).protocol)) return value
    this.problems.push(`${names[0] ?? ''}=${value} must be an address such as http://127.0.0.1:5000 or tcp://127.0.0.1:6379`)
    return undefined
  }
}

function checkMode(mode: string | undefined, problems: string[]): void {
  if (mode === undefined || MODES.some((known) => known === mode)) return
  const why = mode === 'afterburn' || mode === 'inproc' ? `mode=${mode} is not supported` : `mode=${mode} is unknown`
  problems.push(`${why}: use one of ${MODES.join(', ')}`)
}

function checkOthers(read: Reader): void {
  for (const name of DURATIONS_WITHOUT_EFFECT) read.duration(name)
  for (const name of NUMBERS_WITHOUT_EFFECT) read.whole(name, 0, 0)
  for (const name of FLAGS_WITHOUT_EFFECT) read.flag(name, false)
  // What asks for protection must not be passed over in silence.
  if (read.flag('jwt_auth', false)) read.problems.push('jwt_auth=true is not supported: protect the function with an AuthorizationPolicy of the mesh')
  if (read.duration('write_timeout') === 0) read.problems.push('write_timeout=0 is no time in which anything can be answered: leave it out for no limit')
}

function lineBytes(read: Reader): number {
  const bytes = read.whole('log_buffer_size', LINE_BYTES, -1)
  return bytes === -1 ? Number.POSITIVE_INFINITY : Math.max(1, bytes)
}

/**
 * Reads the variables of of-watchdog and the classic watchdog.
 * @throws Error that names every variable which is wrong
 */
export function readSettings(env: Environment): Settings {
  const read = new Reader(env)
  checkMode(read.text('mode'), read.problems)
  checkOthers(read)
  const optional = {
    execTimeoutMs: read.duration('exec_timeout'),
    readTimeoutMs: read.duration('read_timeout'),
    writeTimeoutMs: read.duration('write_timeout'),
    upstreamUrl: read.url('upstream_url', 'http_upstream_url'),
    contentType: read.text('content_type'),
    staticPath: read.text('static_path'),
    readyPath: read.text('ready_path'),
  }
  const settings = {
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<Settings>),
    maxInflight: read.whole('max_inflight', 0, 0),
    bufferBody: read.flag('http_buffer_req_body', false),
    prefixLogs: read.flag('prefix_logs', false),
    logLineBytes: lineBytes(read),
    logCallId: read.flag('log_callid', false),
    cgiHeaders: read.flag('cgi_headers', true),
    combineOutput: read.flag('combine_output', true),
    marshalRequest: read.flag('marshal_request', false),
    writeDebug: read.flag('write_debug', false),
    outboundPorts: read.ports('outbound_ports'),
  }
  if (read.problems.length > 0) throw new Error(read.problems.join('; '))
  return settings
}
