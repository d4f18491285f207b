import type { NetworkInterfaceInfo } from 'node:os'
import { join } from 'node:path'
import { connectionsFor, openFilesLimit, type MeshSettings, type NodeLayout, type NodeLimits, type TelemetrySettings } from '@weft/mesh'
import type { CollectorAddress, Config, ListenAddress } from './config.ts'
import type { DataLayout } from './data-directory.ts'

/** What a stranger may use of a proxy. Two minutes without a byte end a stream; certificates live at least an hour, connections half of it. */
const LIMITS: Omit<NodeLimits, 'maxReplicaConnections'> = {
  maxHeadersKiB: 60,
  maxHeadersCount: 100,
  requestHeadersTimeoutMs: 10_000,
  connectionIdleTimeoutMs: 300_000,
  streamIdleTimeoutMs: 300_000,
  maxConcurrentStreams: 100,
  bufferBytes: 262_144,
  maxConnectionDurationMs: 1_800_000,
  maxRequests: 10_000,
  maxUnknownHosts: 1_000,
}

/** Xds node id of the proxy that has the ingress; others have a number behind it. */
const NODE = 'node'
const ACTIVATION_TIMEOUT_MS = 60_000
const TIMEOUT_GRACE_MS = 1_000

/** What the mesh settings are made of. */
export interface MeshSettingsInput {
  readonly config: Config
  readonly layout: DataLayout
  readonly listen: ListenAddress
  readonly tlsListen: ListenAddress
  readonly gatewaySocket: string
  readonly ownAddresses: readonly string[]
  /** Port of the numbers for Prometheus. */
  readonly metricsPort: number
  /** File with the certificates of public authorities, for collectors and hosts outside behind TLS. */
  readonly authorities: string
}

/** The settings of the mesh on one machine. Connections end well before the certificates that they were opened with. */
export function meshSettings({
  config,
  layout,
  listen,
  tlsListen,
  gatewaySocket,
  ownAddresses: addresses,
  metricsPort,
  authorities,
}: MeshSettingsInput): MeshInput {
  const connections = connectionsFor(openFilesLimit())
  const proxy = (suffix: string): NodeLayout => ({
    node: `${NODE}${suffix}`,
    runDirectory: join(config.runDir, `m${suffix}`),
    gatewaySocket,
    accessLogFile: join(layout.logs, `access${suffix}.log`),
    activationTimeoutMs: ACTIVATION_TIMEOUT_MS,
    timeoutGraceMs: TIMEOUT_GRACE_MS,
    ownAddresses: addresses,
    platformPorts: [...new Set([listen.port, tlsListen.port, metricsPort])],
    systemRoots: authorities,
    limits: {
      ...LIMITS,
      maxReplicaConnections: connections.ofReplica,
      maxConnectionDurationMs: Math.min(LIMITS.maxConnectionDurationMs, Math.floor(config.mesh.certificateTtlMs / 4)),
      ...(config.mesh.maxStreamDurationMs === undefined ? {} : { maxStreamDurationMs: config.mesh.maxStreamDurationMs }),
    },
    telemetry: telemetrySettings(config, authorities),
  })
  return {
    layout: { ...proxy(''), ingress: { address: addressOf(listen), port: listen.port, tls: tlsOf(config, tlsListen) } },
    others: Array.from({ length: config.mesh.proxies - 1 }, (_, index) => proxy(`-${index + 2}`)),
    authorityDirectory: layout.mesh,
    leafLifetimeMs: config.mesh.certificateTtlMs,
    ...(config.mesh.caDirectory === undefined ? {} : { broughtAuthority: config.mesh.caDirectory }),
    rootOverlapMs: config.mesh.rootOverlapMs,
    trustDomain: config.mesh.trustDomain,
    path: config.mesh.path,
    outbound: config.mesh.outboundPolicy,
    keys: config.mesh.jwks,
    concurrency: config.mesh.envoyConcurrency,
    maxConnections: connections.all,
  }
}

function tlsOf({ tlsCertificate }: Config, listen: ListenAddress): NonNullable<NonNullable<NodeLayout['ingress']>['tls']> {
  return { address: addressOf(listen), port: listen.port, ...(tlsCertificate === undefined ? {} : { certificate: tlsCertificate }) }
}

const addressOf = ({ host }: ListenAddress) => (host === 'localhost' ? '127.0.0.1' : host)

type MeshInput = Omit<MeshSettings, 'startTimeoutMs'>

/** What of the configuration can be changed while the platform runs. */
export function telemetrySettings({ tracing, accessLog }: Pick<Config, 'tracing' | 'accessLog'>, authorities: string): TelemetrySettings {
  const collector = ({ secure, ...address }: CollectorAddress) => ({ ...address, ...(secure ? { tls: { authorities } } : {}) })
  const log = { format: accessLog.format, only: accessLog.only }
  return {
    ...(tracing.collector === undefined || tracing.samplingPercent === 0
      ? {}
      : { tracing: { collector: collector(tracing.collector), samplingPercent: tracing.samplingPercent } }),
    accessLog:
      log.format === 'otlp' && accessLog.collector !== undefined
        ? { format: 'otlp', only: log.only, collector: collector(accessLog.collector) }
        : { format: log.format === 'otlp' ? 'none' : log.format, only: log.only },
  }
}

/** Where distributions keep the certificates of public authorities. */
const AUTHORITY_FILES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem']

/** The file of `SSL_CERT_FILE`, else the first of the usual ones that is there. */
export function authorityFile(env: Readonly<Record<string, string | undefined>>, exists: (path: string) => boolean): string {
  const named = env['SSL_CERT_FILE']
  return named !== undefined && named !== '' ? named : (AUTHORITY_FILES.find(exists) ?? '/etc/ssl/certs/ca-certificates.crt')
}

/** This machine's addresses as CIDR blocks of one address each. */
export function ownAddresses(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): readonly string[] {
  const all = Object.values(interfaces).flatMap((list) => list ?? [])
  return [...new Set(all.map((entry) => `${entry.address.split('%')[0] ?? ''}/${entry.family === 'IPv4' ? 32 : 128}`))].toSorted()
}
