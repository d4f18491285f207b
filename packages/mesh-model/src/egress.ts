import { GATEWAY_LABELS } from '@weft/api'
import { SYSTEM_NAMESPACE } from '@weft/core'
import type { HostKey, WorkloadKey } from './snapshot.ts'

/** Service account and function of the egress gateway, in `weft-system`. */
export const EGRESS_ACCOUNT = 'egressgateway'

/** Names by which routes send calls to the egress gateway: Istio's (whose namespace is another name of ours), and our own. Nothing else that has them is meant. */
export const EGRESS_HOSTS: ReadonlySet<HostKey> = new Set([`${SYSTEM_NAMESPACE}/istio-egressgateway`, `${SYSTEM_NAMESPACE}/${EGRESS_ACCOUNT}`])

/** Whether a host of the mesh is the egress gateway. */
export function isEgressHost(key: HostKey): boolean {
  return EGRESS_HOSTS.has(key)
}

/** The workload that a port of the egress gateway is: no function can be deployed in its namespace. */
export function egressWorkload(port: number): WorkloadKey {
  return `${SYSTEM_NAMESPACE}/${EGRESS_ACCOUNT}-${port}`
}

/** The port of an {@link egressWorkload}. */
export function egressPortOf(key: WorkloadKey): number | undefined {
  const prefix = `${SYSTEM_NAMESPACE}/${EGRESS_ACCOUNT}-`
  const rest = key.startsWith(prefix) ? key.slice(prefix.length) : ''
  return /^[1-9]\d{0,4}$/.test(rest) ? Number(rest) : undefined
}

/** Labels of the egress gateway: its own first, then with the other values that selectors may have for them. */
export function egressLabels(): readonly Readonly<Record<string, string>>[] {
  const { istio = [], ...rest } = GATEWAY_LABELS.egress
  const others = Object.fromEntries(Object.entries(rest).flatMap(([key, values]) => values.slice(0, 1).map((value) => [key, value])))
  return istio.map((value) => ({ ...others, istio: value }))
}
