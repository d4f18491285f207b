import type { ExternalRule, ExternalTls, GatewayTls, MeshSnapshot, ResourceFinding, SnapshotDifference } from '@weft/mesh-model'
import type { ResourceRef } from '@weft/core'
import type { Origin } from '../credentials/last-good.ts'
import { sourcesOf } from '../encode/outside-tls.ts'
import { parseGatewayListener } from '../encode/names.ts'
import { originOf, tlsMaterial, type Credentials } from '../encode/server-tls.ts'
import type { NodeLayout, Touched } from '../encode/types.ts'
import type { Rejection } from '../xds/node.ts'

const all = ({ set, removed }: SnapshotDifference['hosts']): readonly string[] => [...set, ...removed]

/** Whether anything of a kind is different. */
export function isTouched(difference: SnapshotDifference['hosts']): boolean {
  return all(difference).length > 0
}

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

/** What {@link originOf} knows the sources by to which anything refers. */
export function referredSources(snapshot: Pick<MeshSnapshot, 'gateways' | 'externals'>, { ingress }: Pick<NodeLayout, 'ingress'>): ReadonlySet<string> {
  const own = ingress?.tls?.certificate
  const servers = [...snapshot.gateways.values()].flatMap((gateway) => gateway.servers.flatMap(({ tls }) => (tls === undefined ? [] : originsOf(tls))))
  const outside = [...snapshot.externals.values()].flatMap(({ rules }) => rules.flatMap(tlsOfRule).flatMap(sourcesOf))
  const rest = outside.flatMap((source) => [originOf('certificate', source), originOf('roots', source)])
  const origins = [...servers, ...rest, ...(own === undefined ? [] : [originOf('certificate', { kind: 'files', ...own })])]
  return new Set(origins.flatMap(({ id, others }) => [id, ...others]))
}

function originsOf({ certificate, roots }: GatewayTls): readonly Origin[] {
  return [originOf('certificate', certificate), ...(roots === undefined ? [] : [originOf('roots', roots)])]
}

/** Files with the roots that a DestinationRule trusts. */
function rootsOfRule(rule: ExternalRule): readonly string[] {
  return tlsOfRule(rule).flatMap((each) => each?.roots ?? [])
}

function tlsOfRule(rule: ExternalRule): readonly (ExternalTls | undefined)[] {
  return [rule, ...rule.subsets].flatMap(({ tls, ports = [] }) => [tls, ...ports.map((port) => port.tls)])
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

/** The certificates in use are looked at again after this time: they end. */
const LOOK_AGAIN_MS = 60_000

/** {@link gatewayFindings}, worked out when something of them changed: with many gateways, looking at each is not for every change. */
export class GatewayFindings {
  #found: readonly ResourceFinding[] = []
  #rejections = ''
  #until = 0

  /** Gateways, their Secrets or files are others now. */
  renew(): void {
    this.#until = 0
  }

  get(known: Known, rejections: readonly Pick<Rejection, 'name' | 'message'>[], now: number): readonly ResourceFinding[] {
    const texts = JSON.stringify(rejections.map(({ name, message }) => [name, message]))
    if (now < this.#until && texts === this.#rejections) return this.#found
    this.#found = gatewayFindings(known, rejections)
    this.#rejections = texts
    this.#until = now + LOOK_AGAIN_MS
    return this.#found
  }
}

type Known = Credentials & { readonly snapshot: MeshSnapshot }

/** What only shows at the proxy: certificates that cannot be used, and ports that cannot be bound. */
function gatewayFindings(known: Known, rejections: readonly Pick<Rejection, 'name' | 'message'>[]): readonly ResourceFinding[] {
  const { snapshot } = known
  const credentials = [...snapshot.gateways.values()].flatMap(({ origin, servers }) =>
    servers.flatMap(({ name, tls }) => (tls === undefined ? [] : serverFindings(origin, name, tls, known))),
  )
  const ports = rejections.flatMap(({ name, message }): readonly ResourceFinding[] => {
    const listener = snapshot.listeners.get(parseGatewayListener(name) ?? '')
    const text = `the port ${listener?.port} is not served: ${message}`
    return (listener?.origins ?? []).map((resource) => ({ resource, severity: 'error', reason: 'PortNotBound', message: text }))
  })
  return [...credentials, ...ports]
}

function serverFindings(resource: ResourceRef, server: string, tls: GatewayTls, known: Known): readonly ResourceFinding[] {
  const materials = tlsMaterial(tls, known)
  const bad = materials.find((material) => !material.ok)
  if (bad?.ok === false) {
    if (isIncomplete(tls, known.snapshot)) return []
    const message = `${bad.reason}; no TLS connection to the server ${server} is accepted until it is mended`
    return [{ resource, severity: 'error', reason: 'CredentialInvalid', message }]
  }
  const notes = [
    ...new Map(materials.flatMap((material) => (material.ok && material.note !== undefined ? [[material.note.message, material.note]] : []))).values(),
  ]
  return notes.map(({ reason, message }) => {
    const outcome = reason === 'CredentialKept' ? 'goes on with the last one that was good' : 'shows it since there is no better one'
    return { resource, severity: 'warning', reason, message: `${message}; the server ${server} ${outcome}` }
  })
}
