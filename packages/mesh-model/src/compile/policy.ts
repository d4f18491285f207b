import { SYSTEM_NAMESPACE } from '@weft/core'
import { byAge } from '../read/base.ts'
import type { AuthorizationPolicyModel, RevisionModel } from '../read/models.ts'
import type { PolicyRule, WorkloadPolicy } from '../snapshot.ts'
import type { World } from '../world/world.ts'

/** What is selected by its labels. */
type Selected = Pick<RevisionModel, 'namespace' | 'labels'>

/** What the policies of a workload say together. */
export function policyOf(world: World, selected: Selected): WorkloadPolicy {
  return policyFrom(policiesFor(world, selected))
}

/** AuthorizationPolicies of the mesh's root namespace (with and without a selector) and of the workload's own, all together. */
export function policiesFor({ authorization: index }: World, { namespace, labels }: Selected): readonly AuthorizationPolicyModel[] {
  return [...index.wide(SYSTEM_NAMESPACE), ...index.narrow(SYSTEM_NAMESPACE, labels), ...index.wide(namespace), ...index.narrow(namespace, labels)]
}

/** What policies that select the same say together. */
export function policyFrom(policies: readonly AuthorizationPolicyModel[]): WorkloadPolicy {
  const selecting = policies.toSorted(byAge)
  if (selecting.length === 0) return OPEN
  const understood = selecting.filter((policy) => policy.broken === undefined)
  const tried = understood.filter((policy) => policy.dryRun && policy.action !== 'audit')
  const audit = rulesOf(understood, 'audit') ?? []
  return {
    ...decisions(understood.filter((policy) => !policy.dryRun)),
    ...brokenBy(selecting),
    ...(audit.length === 0 ? {} : { audit }),
    ...(tried.length === 0 ? {} : { dryRun: decisions(tried) }),
  }
}

function decisions(policies: readonly AuthorizationPolicyModel[]): Pick<WorkloadPolicy, 'deny' | 'allow'> {
  return { deny: rulesOf(policies, 'deny') ?? [], allow: rulesOf(policies, 'allow') }
}

/** All rules of the policies with an action; `undefined` when there is no such policy. */
function rulesOf(policies: readonly AuthorizationPolicyModel[], action: AuthorizationPolicyModel['action']): readonly PolicyRule[] | undefined {
  const own = policies.filter((policy) => policy.action === action)
  return own.length === 0 ? undefined : own.flatMap((policy) => policy.rules)
}

/** The policy of workloads that none selects: everybody of the mesh may call. */
const OPEN: WorkloadPolicy = { deny: [], allow: undefined }

function brokenBy(selecting: readonly AuthorizationPolicyModel[]): Pick<WorkloadPolicy, 'broken'> {
  const broken = selecting.find((policy) => policy.broken !== undefined)
  return broken?.broken === undefined ? {} : { broken: { policy: broken.ref, reason: broken.broken } }
}
