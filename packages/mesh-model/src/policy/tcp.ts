import type { OperationMatch, PolicyCondition, PolicyRule, SourceMatch, WorkloadPolicy } from '../snapshot.ts'

/** Fields that only a call of HTTP can answer; a connection has none of these. */
const HTTP_SOURCES: ReadonlySet<string> = new Set(['requestPrincipals', 'notRequestPrincipals'] satisfies (keyof SourceMatch)[])
const HTTP_OPERATIONS: ReadonlySet<string> = new Set(['methods', 'notMethods', 'paths', 'notPaths', 'hosts', 'notHosts'] satisfies (keyof OperationMatch)[])

/**
 * A policy for connections that carry anything but HTTP, as Istio has it (https://istio.io/latest/docs/tasks/security/authorization/authz-tcp/): a rule that
 * allows and asks for something of HTTP allows nothing; one that denies (or is to be noted) is read without what it asks of HTTP, so that it denies more.
 */
export function tcpPolicy(policy: WorkloadPolicy): WorkloadPolicy {
  return withoutFields(policy, HTTP_OPERATIONS)
}

/** The same for connections of which the name that they are for is known: rules may ask for hosts. */
export function namedConnectionPolicy(policy: WorkloadPolicy): WorkloadPolicy {
  return withoutFields(policy, new Set([...HTTP_OPERATIONS].filter((name) => name !== 'hosts' && name !== 'notHosts')))
}

function withoutFields(policy: WorkloadPolicy, operations: ReadonlySet<string>): WorkloadPolicy {
  const { deny, allow, audit, dryRun } = policy
  const read = (rules: readonly PolicyRule[]) => rules.map((rule) => withoutHttp(rule, operations))
  const answerable = (rules: readonly PolicyRule[] | undefined) => rules?.filter((rule) => !asksForHttp(rule, operations))
  return {
    ...policy,
    deny: read(deny),
    allow: answerable(allow),
    ...(audit === undefined ? {} : { audit: read(audit) }),
    ...(dryRun === undefined ? {} : { dryRun: { deny: read(dryRun.deny), allow: answerable(dryRun.allow) } }),
  }
}

/** Whether a rule asks for something that only HTTP has. */
export function asksForHttp({ sources, operations, conditions = [] }: PolicyRule, fields: ReadonlySet<string> = HTTP_OPERATIONS): boolean {
  const source = (match: SourceMatch) => Object.keys(match).some((key) => HTTP_SOURCES.has(key))
  const operation = (match: OperationMatch) => Object.keys(match).some((key) => fields.has(key))
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

function withoutHttp(rule: PolicyRule, fields: ReadonlySet<string>): PolicyRule {
  if (!asksForHttp(rule, fields)) return rule
  const { conditions, ...rest } = rule
  const kept = (conditions ?? []).flatMap((condition): readonly PolicyCondition[] => {
    switch (condition.kind) {
      case 'source':
        return [{ kind: 'source', source: without(condition.source, HTTP_SOURCES) }]
      case 'operation':
        return [{ kind: 'operation', operation: without(condition.operation, fields) }]
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
    operations: rule.operations.map((match) => without(match, fields)),
    ...(kept.length === 0 ? {} : { conditions: kept }),
  }
}

/** What is empty after that asks for nothing. */
function without<M extends object>(match: M, names: ReadonlySet<string>): M {
  return Object.fromEntries(Object.entries(match).filter(([name]) => !names.has(name))) as M
}
