import type { MeshHost, MeshReplica, MeshRoute, MeshSnapshot, MeshWorkload, WorkloadPolicy } from '@weft/mesh-model'
import type { NodeLayout } from '../types.ts'

/** Everyone may call. */
export const OPEN: WorkloadPolicy = { deny: [], allow: undefined }

/** A workload `default/NAME-1` with what the test says otherwise. */
export function workload(name: string, more: Partial<MeshWorkload> = {}): MeshWorkload {
  const namespace = more.namespace ?? 'default'
  return {
    key: `${namespace}/${name}-1`,
    namespace,
    name: `${name}-1`,
    function: name,
    revision: 'v1',
    labels: { app: name, version: 'v1' },
    serviceAccount: name,
    mtls: 'strict',
    policy: OPEN,
    timeoutMs: 10_000,
    readinessPath: '/_/ready',
    proxy: 'node-1',
    ...more,
  }
}

/** A route of all calls to one workload. */
export function route(target: string, more: Partial<MeshRoute> = {}): MeshRoute {
  return {
    name: 'default',
    matches: [],
    targets: [{ weight: 100, workload: target }],
    origin: { group: 'weft.dev', kind: 'Function', namespace: 'default', name: 'x' },
    ...more,
  }
}

/** A host that goes where `routes` say; by default to its own first revision. */
export function host(name: string, routes: readonly MeshRoute[] = [route(`default/${name}-1`)], namespace = 'default'): MeshHost {
  return { key: `${namespace}/${name}`, namespace, name, fqdn: `${name}.${namespace}.svc.cluster.local`, ports: [80, 8080], routes }
}

/** A snapshot of these. */
export function snapshot(workloads: readonly MeshWorkload[], hosts: readonly MeshHost[], more: Partial<MeshSnapshot> = {}): MeshSnapshot {
  return {
    version: 1,
    cause: [],
    trustDomain: 'cluster.local',
    path: 'encrypted',
    workloads: new Map(workloads.map((each) => [each.key, each])),
    hosts: new Map(hosts.map((each) => [each.key, each])),
    gateways: new Map(),
    listeners: new Map(),
    chainNames: new Map(),
    gatewayHosts: new Map(),
    credentials: new Map(),
    externals: new Map(),
    namespaces: new Set(['default', 'shop', 'weft-system']),
    outbound: { policy: 'ALLOW_ANY' },
    findings: [],
    statuses: new Map(),
    ...more,
  }
}

/** Places of one node under `directory`. */
export function layout(directory: string, more: Partial<NodeLayout> = {}): NodeLayout {
  return {
    node: 'node-1',
    runDirectory: directory,
    gatewaySocket: `${directory}/gateway`,
    accessLogFile: `${directory}/access.log`,
    activationTimeoutMs: 5000,
    timeoutGraceMs: 1000,
    ownAddresses: ['203.0.113.7/32'],
    limits: {
      maxHeadersKiB: 60,
      maxHeadersCount: 100,
      requestHeadersTimeoutMs: 2000,
      connectionIdleTimeoutMs: 60_000,
      streamIdleTimeoutMs: 60_000,
      maxConcurrentStreams: 100,
      bufferBytes: 1024 * 1024,
      maxConnectionDurationMs: 3600_000,
      maxRequests: 10_000,
      maxReplicaConnections: 1_000,
      maxUnknownHosts: 8,
    },
    telemetry: { accessLog: { format: 'json', only: 'all' } },
    ...more,
  }
}

/** A replica that serves. */
export function replica(id: string, inboundSocket: string, outboundSocket?: string): MeshReplica {
  return { id, inboundSocket, serving: true, ...(outboundSocket === undefined ? {} : { outboundSocket }) }
}
