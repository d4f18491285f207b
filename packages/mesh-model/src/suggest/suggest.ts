import type { AuthorizationPolicyResource, AuthorizationPolicySpec } from '@weft/api'
import { pathTemplates } from './paths.ts'

/** A call that was made and not refused. */
export interface ObservedCall {
  /** SPIFFE ID of the caller, proven by its certificate; with or without `spiffe://`. */
  readonly caller: string
  /** Whom it called. */
  readonly namespace: string
  readonly function: string
  /** Absent where only the number of calls is known. */
  readonly operation?: { readonly method: string; readonly path: string }
}

type Rule = NonNullable<AuthorizationPolicySpec['rules']>[number]

/**
 * The least that the calls need: for each function that was called a policy that allows its callers, with their methods and paths where these are known, and nobody
 * else. Callers that need the same stand in one rule.
 */
export function suggestPolicies(calls: readonly ObservedCall[]): readonly AuthorizationPolicyResource[] {
  const functions = Map.groupBy(calls, (call) => `${call.namespace}/${call.function}`)
  return [...functions.entries()].toSorted(byKey).flatMap(([, group]) => {
    const [first] = group
    return first === undefined ? [] : [policyOf(first, group)]
  })
}

function policyOf({ namespace, function: name }: ObservedCall, calls: readonly ObservedCall[]): AuthorizationPolicyResource {
  const callers = Map.groupBy(calls, ({ caller }) => caller.replace(/^spiffe:\/\//, ''))
  const needs = [...callers.entries()].toSorted(byKey).map(([principal, own]) => ({ principal, to: operationsOf(own) }))
  const rules = [...Map.groupBy(needs, ({ to }) => JSON.stringify(to ?? null)).values()].map((same): Rule => {
    const to = same[0]?.to
    return { from: [{ source: { principals: same.map(({ principal }) => principal) } }], ...(to === undefined ? {} : { to }) }
  })
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: `${name}-callers`, namespace },
    spec: { selector: { matchLabels: { 'weft.dev/function': name } }, action: 'ALLOW', rules },
  }
}

/** Methods with the same paths are one operation; `undefined`: anything, since for some of the calls it is not known what they asked for. */
function operationsOf(calls: readonly ObservedCall[]): Rule['to'] {
  const operations = calls.map(({ operation }) => operation)
  const known = operations.filter((operation) => operation !== undefined)
  if (known.length < operations.length) return undefined
  const methods = [...Map.groupBy(known, ({ method }) => method).entries()].toSorted(byKey)
  const needs = methods.map(([method, own]) => ({ method, paths: pathTemplates(own.map(({ path }) => path)) }))
  return [...Map.groupBy(needs, ({ paths }) => JSON.stringify(paths ?? null)).values()].map((same) => {
    const paths = same[0]?.paths
    return { operation: { methods: same.map(({ method }) => method), ...(paths === undefined ? {} : { paths: [...paths] }) } }
  })
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
