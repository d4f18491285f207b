import type { ExternalRule, GatewayTls, MeshSnapshot, ResourceFinding, SnapshotDifference } from '@weft/mesh-model'
import { parseGatewayListener } from '../encode/names.ts'
import { tlsProblem } from '../encode/server-tls.ts'
import type { NodeLayout, Touched } from '../encode/types.ts'
import type { Rejection } from '../xds/node.ts'

const all = ({ set, removed }: SnapshotDifference['hosts']): readonly string[] => [...set, ...removed]

/** What a new snapshot has to be looked at for. */
export function touchedBy(difference: SnapshotDifference): Partial<Touched> {
  return {
    hosts: all(difference.hosts),
    workloads: all(difference.workloads),
    listeners: all(difference.listeners),
    chainNames: all(difference.chainNames),
    gatewayHosts: all(difference.gatewayHosts),
    credentials: all(difference.credentials),
    externals: all(difference.externals),
  }
}

/** Files that hold certificates of gateways or of the platform itself. */
export function credentialPaths(snapshot: Pick<MeshSnapshot, 'gateways' | 'externals'>, { ingress }: Pick<NodeLayout, 'ingress'>): ReadonlySet<string> {
  const own = ingress?.tls?.certificate
  const servers = [...snapshot.gateways.values()].flatMap((gateway) => gateway.servers.flatMap(({ tls }) => (tls === undefined ? [] : pathsOf(tls))))
  const outside = [...snapshot.externals.values()].flatMap(({ rules }) => rules.flatMap(rootsOfRule))
  return new Set([...(own === undefined ? [] : [own.certificate, own.key]), ...servers, ...outside])
}

/** Files with the roots that a DestinationRule trusts. */
function rootsOfRule(rule: ExternalRule): readonly string[] {
  return [rule, ...rule.subsets].flatMap(({ tls, ports = [] }) => [tls, ...ports.map((port) => port.tls)].flatMap((each) => each?.roots ?? []))
}

function pathsOf({ certificate, roots }: GatewayTls): readonly string[] {
  return [...(certificate.kind === 'files' ? [certificate.certificate, certificate.key] : []), ...(roots?.kind === 'file' ? [roots.path] : [])]
}

/** Whether the compiler has said already that something is not there. */
function isIncomplete({ certificate, roots }: GatewayTls, { credentials }: MeshSnapshot): boolean {
  if (certificate.kind !== 'secret') return false
  const credential = credentials.get(certificate.key)
  return credential?.certificate === undefined || (roots !== undefined && credential.roots === undefined)
}

/** What only shows at the proxy: certificates that cannot be used, and ports that cannot be bound. */
export function gatewayFindings(
  snapshot: MeshSnapshot,
  files: ReadonlyMap<string, string>,
  rejections: readonly Pick<Rejection, 'name' | 'message'>[],
): readonly ResourceFinding[] {
  const credentials = [...snapshot.gateways.values()].flatMap(({ origin, servers }) =>
    servers.flatMap(({ name, tls }): readonly ResourceFinding[] => {
      const problem = tls === undefined || isIncomplete(tls, snapshot) ? undefined : tlsProblem(tls, { snapshot, files })
      if (problem === undefined) return []
      const message = `${problem}; no TLS connection to the server ${name} is accepted until it is mended`
      return [{ resource: origin, severity: 'error', reason: 'CredentialInvalid', message }]
    }),
  )
  const ports = rejections.flatMap(({ name, message }): readonly ResourceFinding[] => {
    const listener = snapshot.listeners.get(parseGatewayListener(name) ?? '')
    const text = `the port ${listener?.port} is not served: ${message}`
    return (listener?.origins ?? []).map((resource) => ({ resource, severity: 'error', reason: 'PortNotBound', message: text }))
  })
  return [...credentials, ...ports]
}
