import type { NamespacedName } from '@weft/core'
import type { GatewayHost, MeshHost, MeshSnapshot, MeshWorkload, WorkloadConfiguration, WorkloadKey } from '@weft/mesh-model'
import {
  connectName,
  EDGE_FILTERS,
  gatewayRoutes,
  identitySecret,
  inboundName,
  ingressRoutes,
  localCluster,
  outboundRoutes,
  TRUST_SECRET,
  TYPE_URLS,
} from '../encode/names.ts'
import { authenticationName } from '../encode/authentication.ts'
import type { ResourceName } from '../encode/types.ts'
import { readAny } from '../proto/codec.ts'
import type { NodeState } from '../xds/node.ts'
import type { WireResource } from '../xds/resource.ts'
import { shownSecret } from './certificates.ts'
import { leadsOut, waysOut } from './outside-of.ts'
import { workloadsOf } from './workloads-of.ts'

const refersTo = (host: Pick<MeshHost, 'routes'>, workload: MeshWorkload) =>
  host.routes.some((route) => route.targets.some((target) => target.workload === workload.key))

/** Which resources concern a workload, by their names. */
function concerns(workload: MeshWorkload, hosts: readonly MeshHost[], names: readonly GatewayHost[]): (resource: ResourceName) => boolean {
  const { key } = workload
  const exact = new Set([
    inboundName(key),
    outboundRoutes(key),
    localCluster(key),
    connectName(key),
    TRUST_SECRET,
    ...Object.values(EDGE_FILTERS),
    ...hosts.map((host) => ingressRoutes(host.key)),
    ...names.map(({ key: name }) => gatewayRoutes(name)),
  ])
  exact.add(identitySecret(workload.namespace, workload.serviceAccount))
  exact.add(authenticationName(key))
  return ({ name }) => exact.has(name) || name.startsWith(`outbound/${key}/`) || (name.startsWith('pair/') && name.endsWith(`/${key}`))
}

/** What its proxy is to have for each workload of a host or function; secrets without keys. */
export function configurationOf(snapshot: MeshSnapshot, nodeOf: (workload: WorkloadKey) => NodeState, name: NamespacedName): readonly WorkloadConfiguration[] {
  return workloadsOf(snapshot, name).map((workload) => {
    const hosts = [...snapshot.hosts.values()].filter((host) => refersTo(host, workload))
    const names = [...snapshot.gatewayHosts.values()].filter((host) => refersTo(host, workload))
    const wanted = concerns(workload, hosts, names)
    const node = nodeOf(workload.key)
    const of = (typeUrl: string) => node.resources(typeUrl).filter(wanted)
    const json = (typeUrl: string) => of(typeUrl).map(read)
    const routes = [...json(TYPE_URLS.route), ...json(TYPE_URLS.virtualHost)]
    const tunnels = node.resources(TYPE_URLS.listener).filter((resource) => leadsOut(resource.name))
    const out = waysOut(
      routes,
      tunnels.map((resource) => ({ name: resource.name, json: read(resource) })),
    )
    const outside = (typeUrl: string) =>
      node
        .resources(typeUrl)
        .filter((resource) => out.has(resource.name) && leadsOut(resource.name))
        .map(read)
    return {
      workload: { namespace: workload.namespace, name: workload.name },
      listeners: [...json(TYPE_URLS.listener), ...outside(TYPE_URLS.listener)],
      routes,
      clusters: [...json(TYPE_URLS.cluster), ...outside(TYPE_URLS.cluster)],
      endpoints: [...json(TYPE_URLS.endpoints), ...outside(TYPE_URLS.endpoints)],
      extensions: json(TYPE_URLS.extension),
      secrets: of(TYPE_URLS.secret).map(shownSecret),
      model: { workload, hosts },
    }
  })
}

const read = ({ typeUrl, bytes }: WireResource): unknown => readAny(typeUrl, bytes)
