import { SYSTEM_NAMESPACE, type Resource } from '@weft/core'
import { AuthorizationPolicySpec, gatewayPlacement, PeerAuthenticationSpec } from '@weft/api'
import type { PolicyRule, ResourceFinding } from '../snapshot.ts'
import { baseOf, field, policySelector, refusals, versionProblem } from './base.ts'
import { checker } from './check.ts'
import { readCondition } from './conditions.ts'
import type { Read } from './core-kinds.ts'
import { failure, warning } from './finding.ts'
import { readOperation, readSource, type Names } from './matches.ts'
import { WORKLOAD_PORT } from './workload-port.ts'
import type { AuthorizationPolicyModel, Model, PeerAuthenticationModel, Selector } from './models.ts'

const checkAuthorization = checker(AuthorizationPolicySpec)
const checkPeerAuthentication = checker(PeerAuthenticationSpec)

/** Reads an AuthorizationPolicy. One that cannot be understood is `broken`, and denies whatever it selects. */
export function readAuthorizationPolicy(resource: Resource, trustDomain: string): Read<AuthorizationPolicyModel> {
  const base = baseOf(resource)
  const notes: string[] = []
  const version = versionProblem(resource)
  if (version !== undefined) notes.push(version)
  const checked = checkAuthorization(resource.spec ?? {})
  const refused = checked.ok ? [] : refusals(base.ref, checked)
  notes.push(...refused.map((finding) => finding.message))
  const names: Names = { trustDomain, namespace: base.namespace, notes }
  const rules = checked.ok
    ? (checked.value.rules ?? []).map((rule, index): PolicyRule => ({
        policy: base.ref,
        index,
        sources: (rule.from ?? []).map(({ source }) => readSource(source, names)),
        operations: (rule.to ?? []).map(({ operation }) => readOperation(operation, names)),
        ...(rule.when === undefined ? {} : { conditions: rule.when.flatMap((condition) => readCondition(condition, names)) }),
      }))
    : []
  const problem = notes.length === 0 ? undefined : notes.join('; ')
  const { dryRun, findings: trial } = readDryRun(resource, base.ref)
  const action = actionOf(checked.ok ? checked.value.action : undefined)
  const effect = dryRun || action === 'audit' ? 'it decides nothing, and is left out' : 'it denies all calls to what it selects'
  const selector = policySelector(resource.spec)
  const findings = problem === undefined ? trial : [...refused, failure(base.ref, 'PolicyBroken', `${effect}: ${problem}`), ...trial]
  const broken = dryRun || action === 'audit' ? undefined : problem
  return { model: { ...base, findings, selector, action, dryRun, rules: problem === undefined ? rules : [], broken } }
}

/** Whether policies with the selector are about the egress gateway. */
function selectsEgress(selector: Selector): boolean {
  return selector.length > 0 && gatewayPlacement(Object.fromEntries(selector)) === 'egress'
}

function actionOf(action: AuthorizationPolicySpec['action']): AuthorizationPolicyModel['action'] {
  if (action === 'AUDIT') return 'audit'
  return action === 'DENY' ? 'deny' : 'allow'
}

/** Annotation by which a policy is tried out (https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/). */
const DRY_RUN = 'istio.io/dry-run'

/** A value that is neither yes nor no enforces the policy. */
function readDryRun({ metadata }: Resource, ref: AuthorizationPolicyModel['ref']): { readonly dryRun: boolean; readonly findings: readonly ResourceFinding[] } {
  const value = field(metadata.annotations, DRY_RUN)
  if (value === undefined || value === 'false') return { dryRun: false, findings: [] }
  if (value === 'true') return { dryRun: true, findings: [] }
  return { dryRun: false, findings: [warning(ref, 'InvalidResource', `the annotation ${DRY_RUN} must be "true" or "false"; the policy is enforced`)] }
}

/** Reads a PeerAuthentication. One that cannot be understood asks for mutual TLS, which is the strictest it can be. */
export function readPeerAuthentication(resource: Resource): Read<PeerAuthenticationModel> {
  const base = baseOf(resource)
  const problems: ResourceFinding[] = []
  const version = versionProblem(resource)
  if (version !== undefined) problems.push(failure(base.ref, 'InvalidResource', version))
  const checked = checkPeerAuthentication(resource.spec ?? {})
  if (!checked.ok) problems.push(...refusals(base.ref, checked))
  const selector = policySelector(resource.spec)
  const ofEgress = selectsEgress(selector)
  if (base.namespace === SYSTEM_NAMESPACE && selector.length > 0 && !ofEgress) {
    problems.push(warning(base.ref, 'SelectorIgnored', `with a selector it is about workloads of ${SYSTEM_NAMESPACE} only, and there are none`))
  }
  const understood = checked.ok && version === undefined ? checked.value : undefined
  const ports = readPorts(understood?.portLevelMtls ?? {}, { base, narrow: selector.length > 0, ofEgress, problems })
  return { model: { ...base, findings: problems, selector, mode: understood === undefined ? 'strict' : modeOf(understood.mtls?.mode), ports } }
}

/** Every function has one port, 8080, behind whatever port of its host was called; the egress gateway has those of its Gateways. */
function readPorts(
  levels: NonNullable<PeerAuthenticationSpec['portLevelMtls']>,
  { base, narrow, ofEgress, problems }: { readonly base: Model; readonly narrow: boolean; readonly ofEgress: boolean; readonly problems: ResourceFinding[] },
): PeerAuthenticationModel['ports'] {
  const texts = Object.keys(levels)
  if (texts.length > 0 && !narrow) problems.push(failure(base.ref, 'InvalidResource', 'portLevelMtls needs a selector, and has no effect without'))
  const unknown = ofEgress ? [] : texts.filter((text) => Number(text) !== WORKLOAD_PORT)
  if (unknown.length > 0)
    problems.push(
      warning(base.ref, 'PortNotFound', `spec.portLevelMtls: workloads have the port ${WORKLOAD_PORT} and no ${unknown.join(', ')}, which has no effect`),
    )
  return new Map(narrow ? texts.map((text) => [Number(text), modeOf(levels[text]?.mode)] as const) : [])
}

function modeOf(mode: unknown): PeerAuthenticationModel['mode'] {
  switch (mode) {
    case 'STRICT':
      return 'strict'
    case 'PERMISSIVE':
      return 'permissive'
    case 'DISABLE':
      return 'disable'
    default:
      return undefined
  }
}
