import { SYSTEM_NAMESPACE } from '@weft/core'
import { byAge } from '../read/base.ts'
import { failure } from '../read/finding.ts'
import { policyOf } from './policy.ts'
import { outsideFindings, outsideRules } from './outside.ts'
import { authenticationFor, rulesOfAll } from './authentication.ts'
import { WORKLOAD_PORT } from '../read/workload-port.ts'
import type { RequestAuthenticationModel, RevisionModel } from '../read/models.ts'
import type { MeshWorkload, ResourceFinding, WorkloadPolicy } from '../snapshot.ts'
import type { WorkloadTraffic } from '../workload-traffic.ts'
import type { World } from '../world/world.ts'
import { tcpPolicy } from '../policy/tcp.ts'
import { DEFAULT_PORT } from './ports.ts'

/** Compiles one revision. Its policy and mode are looked up by its labels, so that the cost does not depend on how many policies there are. */
export function compileWorkload(
  world: World,
  revision: RevisionModel,
  proxy: string,
  traffic?: WorkloadTraffic,
): { readonly workload: MeshWorkload; readonly findings: readonly ResourceFinding[] } {
  const account = accountOf(world, revision)
  const fn = world.functions.get(revision.function)
  const policy = policyOf(world, revision)
  const selecting = authenticationFor(world, revision.namespace, revision.labels)
  const authentication = rulesOfAll(selecting)
  const whole = { ...policy, deny: [...outsideRules(fn, world.trustDomain), ...policy.deny], ...brokenAuthentication(selecting) }
  return {
    workload: {
      key: revision.key,
      namespace: revision.namespace,
      name: revision.name,
      function: revision.functionName,
      revision: revision.revision,
      labels: revision.labels,
      serviceAccount: account.name,
      mtls: modeOf(world, revision),
      policy: revision.protocol === 'tcp' ? tcpPolicy(whole) : whole,
      ...(authentication.length === 0 ? {} : { authentication }),
      ...(traffic === undefined ? {} : { traffic }),
      ...ratesOf(world, revision),
      ...(fn?.watchesEveryCall === true ? { watched: 'every-call' } : {}),
      timeoutMs: revision.timeoutMs,
      ...(revision.protocol === 'http' ? {} : { protocol: revision.protocol }),
      ...(revision.protocol === 'tcp' ? { port: revision.port ?? DEFAULT_PORT } : {}),
      readinessPath: revision.readinessPath,
      proxy,
    },
    findings: [...(account.finding === undefined ? [] : [account.finding]), ...outsideFindings(fn, revision, authentication)],
  }
}

function ratesOf(world: World, revision: RevisionModel): Pick<MeshWorkload, 'rates'> {
  const rates = world.functions.get(revision.function)?.rates ?? {}
  return Object.keys(rates).length === 0 ? {} : { rates }
}

/** Its own name's identity, unless another account grants its use: nobody gets an identity by writing its name down. */
function accountOf(world: World, revision: RevisionModel): { readonly name: string; readonly finding?: ResourceFinding } {
  const { serviceAccount, functionName, namespace, ref } = revision
  if (serviceAccount === functionName) return { name: functionName }
  if (world.serviceAccounts.get(`${namespace}/${serviceAccount}`)?.grantedTo.includes(functionName) === true) return { name: serviceAccount }
  const message = `the service account ${serviceAccount} is not granted to ${functionName}; it runs with the identity of its own name`
  return { name: functionName, finding: failure(ref, 'ServiceAccountNotGranted', message) }
}

/** PeerAuthentication by workload, else namespace, else mesh; the oldest of each; strict when nobody says otherwise. */
function modeOf(world: World, { namespace, labels, protocol, port }: RevisionModel): MeshWorkload['mtls'] {
  const index = world.peerAuthentication
  for (const level of [index.narrow(namespace, labels), index.wide(namespace), index.wide(SYSTEM_NAMESPACE)]) {
    const [oldest] = [...level].toSorted(byAge)
    const mode = oldest?.ports.get(protocol === 'tcp' ? (port ?? DEFAULT_PORT) : WORKLOAD_PORT) ?? oldest?.mode
    if (mode !== undefined) return mode
  }
  return 'strict'
}

/** Tokens that nobody knows how to verify are a policy that is not understood. */
export function brokenAuthentication(selecting: readonly RequestAuthenticationModel[]): Pick<WorkloadPolicy, 'broken'> {
  const broken = selecting.find((one) => one.broken !== undefined)
  return broken?.broken === undefined ? {} : { broken: { policy: broken.ref, reason: broken.broken } }
}
