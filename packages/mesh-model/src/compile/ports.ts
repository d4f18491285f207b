import { warning } from '../read/finding.ts'
import type { PortKind } from '../read/port-protocol.ts'
import type { FunctionModel, RevisionModel, ServiceModel } from '../read/models.ts'
import type { ResourceFinding } from '../snapshot.ts'
import type { Endpoints } from './endpoints.ts'

/** Port of a workload that names none. */
export const DEFAULT_PORT = 8080

/** The one port of a function that speaks raw TCP: nothing is read of what it carries, so that it cannot be HTTP on another. */
export function tcpPortsOf(fn: FunctionModel): readonly number[] {
  return [fn.port ?? DEFAULT_PORT]
}

/** Ports of a Service by what they carry. What stands behind it decides; a port that was said to carry something else is named in a finding. */
export function servicePorts(
  service: ServiceModel,
  revisions: readonly RevisionModel[],
): Pick<Endpoints, 'ports' | 'tcpPorts'> & { readonly findings: readonly ResourceFinding[] } {
  const raw = revisions.filter((revision) => revision.protocol === 'tcp')
  const isTcp = raw.length > 0 && raw.length === revisions.length
  const findings: ResourceFinding[] = []
  const ports: number[] = []
  for (const { port, kind, text } of service.ports) {
    const problem = conflict(kind, isTcp, revisions)
    if (problem !== undefined)
      findings.push(warning(service.ref, problem.leftOut ? 'PortNotSupported' : 'ProtocolConflict', `port ${port} (${text}) ${problem.text}`))
    if (problem?.leftOut !== true) ports.push(port)
  }
  if (raw.length > 0 && !isTcp)
    findings.push(
      warning(service.ref, 'ProtocolConflict', `it selects ${names(raw)}, which speak raw TCP, beside functions of HTTP; only the latter are called`),
    )
  const sorted = [...new Set(ports)].toSorted((a, b) => a - b)
  return { ports: sorted, tcpPorts: isTcp ? sorted : [], findings }
}

function conflict(
  kind: PortKind | undefined,
  isTcp: boolean,
  revisions: readonly RevisionModel[],
): { readonly text: string; readonly leftOut: boolean } | undefined {
  if (kind === 'udp') return { text: 'carries UDP, which the mesh does not', leftOut: true }
  if (revisions.length === 0) return undefined
  if (isTcp) return kind === 'http' ? { text: 'is said to carry HTTP, and what it selects speaks raw TCP: it carries that', leftOut: false } : undefined
  if (kind === 'tls') return { text: 'carries TLS, and what it selects speaks HTTP without it', leftOut: true }
  return kind === 'tcp' ? { text: 'is said to carry TCP, and what it selects speaks HTTP: it carries that', leftOut: false } : undefined
}

const names = (revisions: readonly RevisionModel[]): string => [...new Set(revisions.map(({ functionName }) => functionName))].toSorted().join(', ')
