import type { OperationMatch, PolicyCondition, PolicyRule, SourceMatch, WorkloadPolicy } from '../snapshot.ts'

/** Fields that only a call of HTTP can answer; a connection has none of these. */
const HTTP_SOURCES: ReadonlySet<string> = new Set(['requestPrincipals', 'notRequestPrincipals'] satisfies (keyof SourceMatch)[])
const HTTP_OPERATIONS: ReadonlySet<string> = new Set(['methods', 'notMethods', 'paths', 'notPaths', 'hosts', 'notHosts'] satisfies (keyof OperationMatch)[])

/**
 * A policy for connections that carry anything but HTTP, as Istio has it (https://istio.io/latest/docs/tasks/security/authorization/authz-tcp/): a rule that
 * allows and asks for something of HTTP allows nothing; one that denies (or is to be noted) is read without what it asks of HTTP, so that it denies more.
 */
export function tcpPolicy(policy: WorkloadPolicy): WorkloadPolicy {
  const { deny, allow, audit, dryRun } = policy
  return {
    ...policy,
    deny: deny.map(withoutHttp),
    allow: allow?.filter((rule) => !asksForHttp(rule)),
    ...(audit === undefined ? {} : { audit: audit.map(withoutHttp) }),
    ...(dryRun === undefined ? {} : { dryRun: { deny: dryRun.deny.map(withoutHttp), allow: dryRun.allow?.filter((rule) => !asksForHttp(rule)) } }),
  }
}

/** Whether a rule asks for something that only HTTP has. */
export function asksForHttp({ sources, operations, conditions = [] }: PolicyRule): boolean {
  const source = (match: SourceMatch) => Object.keys(match).some((key) => HTTP_SOURCES.has(key))
  const operation = (match: OperationMatch) => Object.keys(match).some((key) => HTTP_OPERATIONS.has(key))
  return sources.some(source) || operations.some(operation) || conditions.some((condition) => conditionParts(condition, source, operation))
}

function conditionParts(condition: PolicyCondition, source: (match: SourceMatch) => boolean, operation: (match: OperationMatch) => boolean): boolean {
  switch (condition.kind) {
    case 'source':
      return source(condition.source)
    case 'operation':
      return operation(condition.operation)
    case 'header':
    case 'claim':
      return true
    default:
      return condition satisfies never
  }
}

function withoutHttp(rule: PolicyRule): PolicyRule {
  if (!asksForHttp(rule)) return rule
  const { conditions, ...rest } = rule
  const kept = (conditions ?? []).flatMap((condition): readonly PolicyCondition[] => {
    switch (condition.kind) {
      case 'source':
        return [{ kind: 'source', source: without(condition.source, HTTP_SOURCES) }]
      case 'operation':
        return [{ kind: 'operation', operation: without(condition.operation, HTTP_OPERATIONS) }]
      case 'header':
      case 'claim':
        return []
      default:
        return condition satisfies never
    }
  })
  return {
    ...rest,
    sources: rule.sources.map((match) => without(match, HTTP_SOURCES)),
    operations: rule.operations.map((match) => without(match, HTTP_OPERATIONS)),
    ...(kept.length === 0 ? {} : { conditions: kept }),
  }
}

/** What is empty after that asks for nothing. */
function without<M extends object>(match: M, names: ReadonlySet<string>): M {
  return Object.fromEntries(Object.entries(match).filter(([name]) => !names.has(name))) as M
}
