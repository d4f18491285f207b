import type { ResourceRef } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'

/** The resource of a user that a refused proxy resource was made from, as far as its name tells. */
export function causeOf(snapshot: MeshSnapshot, _typeUrl: string, name: string): ResourceRef | undefined {
  const [kind, namespace = '', object = ''] = name.split('/')
  if (kind === 'gateway') return snapshot.listeners.get(name.slice('gateway/'.length))?.origins[0]
  if (kind === 'gateway-host') return snapshot.gatewayHosts.get(name.slice('gateway-host/'.length))?.origin
  if (kind === 'ingress') {
    const host = snapshot.hosts.get(`${namespace}/${object}`)
    return host?.routes.at(0)?.origin
  }
  const workload = kind === 'pair' ? snapshot.workloads.get(name.split('/').slice(3, 5).join('/')) : snapshot.workloads.get(`${namespace}/${object}`)
  // A port of the egress gateway has no revision, but the Gateways that ask for it.
  if (workload?.gateway !== undefined) return snapshot.listeners.get(workload.gateway)?.origins[0]
  return workload === undefined ? undefined : { group: 'weft.dev', kind: 'Revision', namespace: workload.namespace, name: workload.name }
}
