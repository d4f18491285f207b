import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { Ajv } from 'ajv'
import { parseDurationMs, WeftError } from '@weft/core'
import { isAddressRange } from '@weft/kit'
import { parseDocument } from 'yaml'
import { ConfigFile } from './config-schema.ts'

/** A TCP address to listen on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** The configuration, checked and complete; nothing below reads the environment or a file for it. */
export interface Config {
  readonly listen: ListenAddress
  /** Where TLS is taken. */
  readonly tlsListen: ListenAddress
  /** The platform's own certificate and key: paths of files. Absent: TLS for Gateways only. */
  readonly tlsCertificate?: { readonly certificate: string; readonly key: string }
  readonly metricsListen: ListenAddress
  readonly dataDir: string
  readonly runDir: string
  readonly auth: 'basic' | 'none'
  readonly isolation: 'required' | 'preferred' | 'none'
  readonly log: { readonly format: 'text' | 'json'; readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent' }
  readonly mesh: {
    readonly path: 'encrypted' | 'direct'
    readonly trustDomain: string
    readonly certificateTtlMs: number
    /** Absent: roots are made here. */
    readonly caDirectory?: string
    readonly rootOverlapMs: number
    readonly outboundPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY'
    readonly jwks: { readonly allowedAddresses: readonly string[]; readonly refreshMs: number }
    readonly proxies: number
    readonly envoyConcurrency: number
    /** Absent: no limit. */
    readonly maxStreamDurationMs?: number
  }
  /** Whom canaries may ask. */
  readonly canary: { readonly prometheus: string | undefined; readonly allowedAddresses: readonly string[] }
  readonly tracing: { readonly collector: CollectorAddress | undefined; readonly samplingPercent: number }
  readonly accessLog: {
    readonly format: 'json' | 'text' | 'otlp' | 'none'
    readonly only: 'all' | 'errors'
    /** Set when the format is `otlp`. */
    readonly collector: CollectorAddress | undefined
  }
  readonly drainTimeoutMs: number
  readonly catalogue: string | undefined
}

/** Something that takes OTLP. */
export interface CollectorAddress {
  readonly protocol: 'http/protobuf' | 'grpc'
  readonly secure: boolean
  readonly host: string
  readonly port: number
  /** Before `/v1/traces`, without a slash at its end. */
  readonly path: string
}

/** The world as configuration sees it. */
export interface ConfigSources {
  /** What flags said; wins over everything. */
  readonly flags: ConfigFile
  readonly env: Readonly<Record<string, string | undefined>>
  /** Text of `weft.yaml` and its name for messages; absent when there is none. */
  readonly file?: { readonly name: string; readonly text: string }
  readonly uid: number
}

const MAX_CERTIFICATE_TTL_MS = 24 * 3_600_000
const validate = new Ajv({ allErrors: true, strict: false }).compile(ConfigFile)

/** Reads flags, environment and file, in this order of authority. @throws WeftError `INVALID_CONFIG` with all violations at once */
export function readConfig(sources: ConfigSources): Config {
  const problems: string[] = []
  const file = sources.file === undefined ? {} : readFileText(sources.file, problems)
  const merged: ConfigFile = {
    ...file,
    ...fromEnvironment(sources.env),
    ...sources.flags,
    tracing: { ...file.tracing, ...tracingFromEnvironment(sources.env, problems), ...sources.flags.tracing },
    accessLog: { ...file.accessLog, ...sources.flags.accessLog },
    mesh: { ...file.mesh, ...meshFromEnvironment(sources.env), ...sources.flags.mesh },
    log: { ...file.log, ...sources.flags.log },
  }
  check(merged, 'configuration', problems)
  if (problems.length > 0) throw new WeftError('INVALID_CONFIG', { problems: problems.join('; ') })
  return compile(merged, sources)
}

function readFileText(file: { name: string; text: string }, problems: string[]): ConfigFile {
  const document = parseDocument(file.text, { uniqueKeys: true })
  for (const error of document.errors) problems.push(`${file.name}: ${error.message.split('\n')[0] ?? ''}`)
  const value: unknown = document.errors.length > 0 ? {} : (document.toJS({ maxAliasCount: 10 }) ?? {})
  check(value, file.name, problems)
  return problems.length > 0 ? {} : (value as ConfigFile)
}

/** Keys whose values are shown in messages: none of them is a secret. */
const TELEMETRY_KEY = /^(?:tracing|accessLog)\.\w+$/

function valueAt(value: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((inner, name) => (inner as Readonly<Record<string, unknown>>)[name], value)
}

function check(value: unknown, where: string, problems: string[]): void {
  if (validate(value)) return
  for (const error of validate.errors ?? []) {
    const key = error.instancePath.slice(1).replaceAll('/', '.')
    const detail =
      error.keyword === 'additionalProperties' ? `there is no setting "${String(error.params['additionalProperty'])}"` : (error.message ?? 'not valid')
    const legal = error.keyword === 'enum' ? ` (${(error.params['allowedValues'] as unknown[]).join(', ')})` : ''
    const found = TELEMETRY_KEY.test(key) ? ` (found ${JSON.stringify(valueAt(value, key))})` : ''
    problems.push(`${where}: ${key === '' ? '' : `${key} `}${detail}${legal}${found}`)
  }
}

/** The variables that stand for settings: WEFT_LISTEN, WEFT_TLS_LISTEN, WEFT_TLS_CERT, WEFT_TLS_KEY, WEFT_METRICS_LISTEN, WEFT_DATA_DIR, WEFT_RUN_DIR, WEFT_AUTH, WEFT_ISOLATION. */
function fromEnvironment(env: ConfigSources['env']): ConfigFile {
  const pick = {
    listen: 'WEFT_LISTEN',
    tlsListen: 'WEFT_TLS_LISTEN',
    tlsCert: 'WEFT_TLS_CERT',
    tlsKey: 'WEFT_TLS_KEY',
    metricsListen: 'WEFT_METRICS_LISTEN',
    dataDir: 'WEFT_DATA_DIR',
    runDir: 'WEFT_RUN_DIR',
    auth: 'WEFT_AUTH',
    isolation: 'WEFT_ISOLATION',
  }
  return Object.fromEntries(Object.entries(pick).flatMap(([key, name]) => (env[name] === undefined || env[name] === '' ? [] : [[key, env[name]]])))
}

/** OpenTelemetry's own variables. The argument of the sampler is a share from 0 to 1. */
function tracingFromEnvironment(env: ConfigSources['env'], problems: string[]): NonNullable<ConfigFile['tracing']> {
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name])
  const endpoint = text('OTEL_EXPORTER_OTLP_ENDPOINT')
  const protocol = text('OTEL_EXPORTER_OTLP_PROTOCOL')
  const share = text('OTEL_TRACES_SAMPLER_ARG')
  if (share !== undefined && !(Number(share) >= 0 && Number(share) <= 1))
    problems.push(`OTEL_TRACES_SAMPLER_ARG is "${share}", but must be a number from 0 to 1`)
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    // The check of the merged configuration refuses what is no protocol of ours.
    ...(protocol === undefined ? {} : { protocol: protocol as 'grpc' }),
    ...(share === undefined ? {} : { sampling: Number(share) * 100 }),
  }
}

const DEFAULT_PORTS = { 'http/protobuf': 4318, grpc: 4317 } as const

/** Reads the address of a collector, of which the form was checked. */
function collectorOf(endpoint: string, protocol: CollectorAddress['protocol']): CollectorAddress {
  const { protocol: scheme, hostname, port, pathname } = parsedUrl(endpoint)
  return {
    protocol,
    secure: scheme === 'https:',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? DEFAULT_PORTS[protocol] : Number(port),
    path: pathname.replace(/\/+$/, ''),
  }
}

function parsedUrl(endpoint: string): URL {
  if (!URL.canParse(endpoint))
    throw new WeftError('INVALID_CONFIG', { problems: `the endpoint "${endpoint}" must be http://HOST:PORT or https://HOST:PORT with a port from 1 to 65535` })
  return new URL(endpoint)
}

function telemetryOf(file: ConfigFile): Pick<Config, 'tracing' | 'accessLog'> {
  const { endpoint, protocol = 'http/protobuf', sampling = 1 } = file.tracing ?? {}
  const { format = 'json', only = 'all', endpoint: logEndpoint = endpoint } = file.accessLog ?? {}
  if (format === 'otlp' && logEndpoint === undefined) {
    const problems = 'accessLog.format is "otlp", but neither accessLog.endpoint nor tracing.endpoint says where entries go (http://HOST:PORT)'
    throw new WeftError('INVALID_CONFIG', { problems })
  }
  return {
    tracing: { collector: endpoint === undefined ? undefined : collectorOf(endpoint, protocol), samplingPercent: sampling },
    accessLog: { format, only, collector: format === 'otlp' && logEndpoint !== undefined ? collectorOf(logEndpoint, protocol) : undefined },
  }
}

/** WEFT_CA_DIRECTORY. */
function meshFromEnvironment(env: ConfigSources['env']): NonNullable<ConfigFile['mesh']> {
  const caDirectory = env['WEFT_CA_DIRECTORY']
  return caDirectory === undefined || caDirectory === '' ? {} : { caDirectory }
}

function compile(file: ConfigFile, { env, uid }: ConfigSources): Config {
  const dataDir = resolve(file.dataDir ?? join(env['XDG_DATA_HOME'] ?? join(env['HOME'] ?? '.', '.local', 'share'), 'weft'))
  const certificateTtlMs = parseDurationMs(file.mesh?.certificateTtl ?? '24h', 'mesh.certificateTtl')
  if (certificateTtlMs > MAX_CERTIFICATE_TTL_MS || certificateTtlMs < 60_000) {
    throw new WeftError('INVALID_CONFIG', { problems: 'mesh.certificateTtl must be from 1m to 24h' })
  }
  const listen = parseListen(file.listen ?? '127.0.0.1:8080', 'listen')
  return {
    listen,
    tlsListen: file.tlsListen === undefined ? { ...listen, port: TLS_PORT } : parseListen(file.tlsListen, 'tlsListen'),
    ...tlsCertificate(file),
    metricsListen: parseListen(file.metricsListen ?? '127.0.0.1:8082', 'metricsListen'),
    dataDir,
    runDir: resolve(file.runDir ?? join(runtimeRoot(env, uid), createHash('sha256').update(dataDir).digest('hex').slice(0, 8))),
    auth: file.auth ?? 'basic',
    isolation: file.isolation ?? 'preferred',
    log: { format: file.log?.format ?? 'text', level: file.log?.level ?? 'info' },
    mesh: {
      path: file.mesh?.path ?? 'encrypted',
      trustDomain: file.mesh?.trustDomain ?? 'cluster.local',
      certificateTtlMs,
      ...(file.mesh?.caDirectory === undefined ? {} : { caDirectory: resolve(file.mesh.caDirectory) }),
      rootOverlapMs: parseDurationMs(file.mesh?.rootOverlap ?? '1h', 'mesh.rootOverlap'),
      outboundPolicy: file.mesh?.outboundPolicy ?? 'ALLOW_ANY',
      jwks: keyFetching(file.mesh?.jwks ?? {}),
      proxies: file.mesh?.proxies ?? 1,
      envoyConcurrency: file.mesh?.envoyConcurrency ?? 2,
      ...(file.mesh?.maxStreamDuration === undefined
        ? {}
        : { maxStreamDurationMs: Math.max(1, parseDurationMs(file.mesh.maxStreamDuration, 'mesh.maxStreamDuration')) }),
    },
    canary: { prometheus: file.canary?.prometheus, allowedAddresses: addressRanges(file.canary?.allowedAddresses ?? [], 'canary.allowedAddresses') },
    ...telemetryOf(file),
    drainTimeoutMs: parseDurationMs(file.drainTimeout ?? '30s', 'drainTimeout'),
    catalogue: file.catalogue,
  }
}

const TLS_PORT = 8443

function tlsCertificate({ tlsCert, tlsKey }: ConfigFile): Pick<Config, 'tlsCertificate'> {
  if (tlsCert === undefined && tlsKey === undefined) return {}
  if (tlsCert === undefined || tlsKey === undefined) throw new WeftError('INVALID_CONFIG', { problems: 'tlsCert and tlsKey go together: name both files' })
  return { tlsCertificate: { certificate: resolve(tlsCert), key: resolve(tlsKey) } }
}

const MIN_REFRESH_MS = 100

function keyFetching({ allowedAddresses = [], refreshInterval = '5m' }: NonNullable<NonNullable<ConfigFile['mesh']>['jwks']>): Config['mesh']['jwks'] {
  const refreshMs = parseDurationMs(refreshInterval, 'mesh.jwks.refreshInterval')
  if (refreshMs < MIN_REFRESH_MS) throw new WeftError('INVALID_CONFIG', { problems: `mesh.jwks.refreshInterval must be at least ${MIN_REFRESH_MS}ms` })
  return { allowedAddresses: addressRanges(allowedAddresses, 'mesh.jwks.allowedAddresses'), refreshMs }
}

function addressRanges(ranges: readonly string[], key: string): readonly string[] {
  const bad = ranges.find((range) => !isAddressRange(range))
  if (bad === undefined) return ranges
  throw new WeftError('INVALID_CONFIG', { problems: `${key}: ${bad} is not a block of addresses such as 10.0.0.0/8` })
}

/** Where sockets go: `$XDG_RUNTIME_DIR/weft`, else a directory of the user's own. */
export function runtimeRoot(env: ConfigSources['env'], uid: number): string {
  if (env['XDG_RUNTIME_DIR'] !== undefined && env['XDG_RUNTIME_DIR'] !== '') return join(env['XDG_RUNTIME_DIR'], 'weft')
  return uid === 0 ? '/run/weft' : `/tmp/weft-${uid}`
}

/** Reads `HOST:PORT` (IPv6 in brackets). @throws WeftError `INVALID_CONFIG` */
export function parseListen(text: string, key: string): ListenAddress {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match?.[1] === undefined || port > 65_535) {
    throw new WeftError('INVALID_CONFIG', { problems: `${key} is "${text}", but must be HOST:PORT with a port from 0 to 65535` })
  }
  return { host: match[1].replace(/^\[|\]$/g, ''), port }
}
