import type { CertificateStatus, MeshStatus, ProxyStatus, RootRotation, WorkloadConfiguration } from '@weft/mesh-model'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef } from '../client/functions.ts'
import type { Command } from '../command.ts'
import { render, structured, type View } from '../output/render.ts'
import { age, table } from '../output/table.ts'
import { NAMESPACE_OPTION, OUTPUT_OPTION, textOption } from './options.ts'

const MESH_PATH = '/apis/mesh.weft.dev/v1alpha1'
const SHOWN_SERIAL = 8
const FORMAT_OPTION = { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] }

/** `weft mesh status|config|certs|rotate-root`. */
export const meshCommands: readonly Command[] = [
  {
    name: 'mesh status',
    summary: 'which proxy has acknowledged what, what it refused, and what the compiler found',
    options: [GATEWAY_OPTION, FORMAT_OPTION],
    examples: ['weft mesh status', 'weft mesh status -o json'],
    async run({ world, options, client }) {
      const status = await (await client()).json<MeshStatus>({ method: 'GET', path: `${MESH_PATH}/status` })
      const format = textOption(options, 'output')
      world.stdout.write(format === undefined ? meshStatusText(status, Date.now()) : structured(status, format))
    },
  },
  {
    name: 'mesh config',
    summary: "a function's listeners, routes, clusters (those to the outside too), endpoints, filters and certificates as its proxy has them",
    args: [{ syntax: '<name>', description: 'function or service, or NAME.NAMESPACE' }],
    options: [GATEWAY_OPTION, NAMESPACE_OPTION, FORMAT_OPTION],
    examples: ['weft mesh config thermostat', 'weft mesh config thermostat -o json'],
    async run({ world, args, options, client }) {
      const ref = functionRef(args[0] ?? '', options)
      const path = `${MESH_PATH}/config/${ref.name}.${ref.namespace}`
      const workloads = await (await client()).json<readonly WorkloadConfiguration[]>({ method: 'GET', path })
      const format = textOption(options, 'output')
      world.stdout.write(format === undefined ? configurationText(workloads) : structured(workloads, format))
    },
  },
  {
    name: 'mesh certs',
    summary: 'roots, intermediates and certificates in use: who signed them, when they end or are replaced, what to do',
    options: [GATEWAY_OPTION, OUTPUT_OPTION],
    examples: ['weft mesh certs', 'weft mesh certs -o json'],
    async run({ world, options, client }) {
      const certificates = await (await client()).json<readonly CertificateStatus[]>({ method: 'GET', path: `${MESH_PATH}/certs` })
      world.stdout.write(render(certificates, CERTIFICATES, textOption(options, 'output')))
    },
  },
  {
    name: 'mesh rotate-root',
    summary: 'replace the root of all certificates without losing a call',
    description:
      'Makes a new root, lets every proxy trust it, then issues all certificates anew by it; the old root is dropped after mesh.rootOverlap. With an authority of your own (mesh.caDirectory), replace its files first.',
    options: [GATEWAY_OPTION, FORMAT_OPTION],
    examples: ['weft mesh rotate-root'],
    async run({ world, options, client }) {
      const rotation = await (await client()).json<RootRotation>({ method: 'POST', path: `${MESH_PATH}/rotate-root` })
      const format = textOption(options, 'output')
      world.stdout.write(format === undefined ? rotationText(rotation) : structured(rotation, format))
    },
  },
]

const CERTIFICATES: View<CertificateStatus> = {
  heading: ['KIND', 'IDENTITY', 'STATE', 'DAYS LEFT', 'NOT AFTER', 'ROTATES AT', 'ROOT', 'WARNING'],
  row: ({ kind, identity, serial, state, daysLeft, notAfter, rotatesAt, root, trustedUntil, warning }) => [
    kind,
    identity,
    trustedUntil === undefined ? (state ?? 'in use') : `${state} until ${trustedUntil}`,
    String(daysLeft),
    notAfter,
    rotatesAt ?? '-',
    // Enough to tell roots apart; JSON has all of it.
    (kind === 'root' ? serial : (root ?? '-')).slice(0, SHOWN_SERIAL),
    warning ?? '-',
  ],
  wideHeading: ['SERIAL', 'NOT BEFORE'],
  wideRow: ({ serial, notBefore }) => [serial, notBefore],
  name: ({ identity }) => identity,
}

/** What a person reads of a rotation. */
export function rotationText({ phase, root, stragglers, oldTrustedUntil }: RootRotation): string {
  const waiting = stragglers.map(({ proxy, reason }) => `Not there yet: proxy ${proxy} ${reason}. It goes on by itself; see: weft mesh certs\n`).join('')
  if (phase === 'announced') return `The new root ${root} is announced, and signs when every proxy trusts it.\n${waiting}`
  const old = oldTrustedUntil === undefined ? '' : `The old root is trusted until ${oldTrustedUntil}.\n`
  return `The new root ${root} signs; all certificates were issued anew.\n${old}${waiting}`
}

/** What a person reads of the mesh's state. */
export function meshStatusText(status: MeshStatus, now: number): string {
  const head = `Snapshot ${status.snapshotVersion}, trust domain ${status.trustDomain}, path ${status.path}\n`
  return [head, ...status.proxies.map((proxy) => proxyText(proxy, now)), findingsText(status), warningsText(status)].filter((part) => part !== '').join('\n')
}

function proxyText(proxy: ProxyStatus, now: number): string {
  const since = proxy.connected ? `connected for ${age(proxy.connectedAt, now)}` : 'NOT CONNECTED'
  const rows = proxy.types.map((type) => [
    `  ${type.type}`,
    String(type.resources),
    type.sentVersion === type.ackedVersion ? 'SYNCED' : 'STALE',
    type.ackedVersion,
    type.ackAgeMs === undefined ? '-' : age(now - type.ackAgeMs, now),
  ])
  const rejected = proxy.rejected.map((entry) => {
    const cause = entry.cause === undefined ? '' : ` (from ${entry.cause.kind} ${entry.cause.namespace ?? ''}/${entry.cause.name})`
    return `  REJECTED ${entry.type} ${entry.resource}${cause}: ${entry.message}\n`
  })
  return `Proxy ${proxy.proxy}: ${since}, ${proxy.restarts} restarts\n${table([['  TYPE', 'RESOURCES', 'STATE', 'ACKED', 'AGE'], ...rows])}${rejected.join('')}`
}

function warningsText({ certificateWarnings }: MeshStatus): string {
  return certificateWarnings.length === 0 ? '' : `Certificates:\n${certificateWarnings.map((warning) => `  ${warning}\n`).join('')}`
}

function findingsText(status: MeshStatus): string {
  if (status.findings.length === 0) return ''
  const rows = status.findings.map((finding) => [
    `  ${finding.severity}`,
    finding.reason,
    `${finding.resource.kind} ${finding.resource.namespace ?? ''}/${finding.resource.name}`,
    finding.message,
  ])
  return `Findings:\n${table([['  SEVERITY', 'REASON', 'RESOURCE', 'MESSAGE'], ...rows])}`
}

function configurationText(workloads: readonly WorkloadConfiguration[]): string {
  return workloads
    .map((entry) => {
      const parts = (['listeners', 'routes', 'clusters', 'endpoints', 'extensions', 'secrets'] as const).flatMap((kind) =>
        entry[kind].map((resource) => [`  ${kind}`, nameOf(resource)]),
      )
      return `Workload ${entry.workload.namespace}/${entry.workload.name}\n${table(parts)}`
    })
    .join('\n')
}

function nameOf(resource: unknown): string {
  if (typeof resource !== 'object' || resource === null) return String(resource)
  const { name, cluster_name: clusterName } = resource as { name?: unknown; cluster_name?: unknown }
  return String(name ?? clusterName ?? JSON.stringify(resource))
}
