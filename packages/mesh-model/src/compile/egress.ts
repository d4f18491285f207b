import { SYSTEM_NAMESPACE } from '@weft/core'
import { EGRESS_ACCOUNT, egressLabels, egressWorkload, isEgressHost } from '../egress.ts'
import { byAge } from '../read/base.ts'
import { warning } from '../read/finding.ts'
import type { Destination, DestinationRuleModel, PeerAuthenticationModel } from '../read/models.ts'
import type { MeshListener, MeshWorkload, RouteTarget } from '../snapshot.ts'
import type { World } from '../world/world.ts'
import { authenticationFor, rulesOfAll } from './authentication.ts'
import type { Reading } from './endpoints.ts'
import { policiesFor, policyFrom } from './policy.ts'
import type { OutsideProblem } from './registered.ts'
import { rulesAt } from './rules.ts'
import type { Work } from './routes.ts'
import { brokenAuthentication } from './workload.ts'
import { isVisible } from '../find-external.ts'

const NO_TIMEOUT_MS = 0

/**
 * A port of the egress gateway as a workload: callers reach it as any other one, with its identity checked, and its policies are those that select it.
 */
export function compileEgress(world: World, { key, port }: Pick<MeshListener, 'key' | 'port'>, proxy: string): MeshWorkload {
  const labels = egressLabels()
  const policies = new Set(labels.flatMap((one) => policiesFor(world, { namespace: SYSTEM_NAMESPACE, labels: one })))
  const tokens = [...new Set(labels.flatMap((one) => authenticationFor(world, SYSTEM_NAMESPACE, one)))].toSorted(byAge)
  const authentication = rulesOfAll(tokens)
  const name = egressWorkload(port).slice(SYSTEM_NAMESPACE.length + 1)
  return {
    key: egressWorkload(port),
    namespace: SYSTEM_NAMESPACE,
    name,
    function: EGRESS_ACCOUNT,
    revision: String(port),
    labels: labels[0] ?? {},
    serviceAccount: EGRESS_ACCOUNT,
    mtls: modeOf(world, port),
    policy: { ...policyFrom([...policies]), ...brokenAuthentication(tokens) },
    ...(authentication.length === 0 ? {} : { authentication }),
    timeoutMs: NO_TIMEOUT_MS,
    port,
    readinessPath: '/',
    proxy,
    gateway: key,
  }
}

/** By selector, else for the mesh; the oldest of each. */
function modeOf({ peerAuthentication: index }: World, port: number): MeshWorkload['mtls'] {
  const selecting = new Set(egressLabels().flatMap((labels) => index.narrow(SYSTEM_NAMESPACE, labels)))
  const levels: readonly Iterable<PeerAuthenticationModel>[] = [selecting, index.wide(SYSTEM_NAMESPACE)]
  for (const level of levels) {
    const [oldest] = [...level].toSorted(byAge)
    const mode = oldest?.ports.get(port) ?? oldest?.mode
    if (mode !== undefined) return mode
  }
  return 'strict'
}

/** A share that goes to the egress gateway, or what keeps it from there; `undefined`: another host is meant. */
export function egressTarget(reading: Reading, namespace: string, share: Destination): RouteTarget | OutsideProblem | undefined {
  const { host, port, subset, weight, text } = share
  if (host === undefined || !isEgressHost(host)) return undefined
  const ports = egressPorts(reading)
  if (ports.length === 0) return { reason: 'HostNotFound', message: `no Gateway selects the egress gateway, so that nothing listens at ${text}` }
  if (subset !== undefined && !subsetNames(reading, host, namespace).has(subset))
    return { reason: 'SubsetNotFound', message: `no DestinationRule of ${text} has a subset ${subset}` }
  const [only] = ports
  const chosen = port ?? (ports.length === 1 ? only : undefined)
  if (chosen === undefined) return { reason: 'PortNotFound', message: `the egress gateway has the ports ${ports.join(', ')}, and the destination names none` }
  if (!ports.includes(chosen)) return { reason: 'PortNotFound', message: `no Gateway has a server of the egress gateway on port ${chosen}` }
  return { weight, workload: egressWorkload(chosen) }
}

/** Ports of the egress gateway; none when no Gateway selects it. */
export function egressPorts({ world, dependencies }: Reading): readonly number[] {
  dependencies.add('egress')
  return world.gateways.egressPorts()
}

function subsetNames(reading: Reading, host: string, namespace: string): ReadonlySet<string> {
  const rules = rulesAt(reading, host).filter((rule) => isVisible(rule, namespace))
  return new Set(rules.flatMap(({ subsets }) => subsets.map(({ name }) => name)))
}

/** What a rule says of the way to the gateway that does not hold: it is one place, reached by the mesh's own TLS. */
export function reportEgressRules(work: Work, key: string, rules: readonly DestinationRuleModel[]): void {
  for (const { ref, traffic, outside, subsets } of rules) {
    const parts = [{ traffic, outside }, ...subsets].flatMap((one) => [{ traffic: one.traffic, tls: one.outside?.tls }, ...(one.outside?.ports ?? [])])
    if (parts.some(({ tls }) => tls !== undefined && tls.mode !== 'mesh'))
      work.findings.push(warning(ref, 'TrafficPolicyIgnored', `tls has no effect on ${key}: calls to it carry the caller's certificate (ISTIO_MUTUAL)`))
    if (parts.some(({ traffic: said }) => said?.pool !== undefined || said?.outliers !== undefined))
      work.findings.push(warning(ref, 'TrafficPolicyIgnored', `connectionPool and outlierDetection have no effect on ${key}; write them for the host outside`))
  }
}
