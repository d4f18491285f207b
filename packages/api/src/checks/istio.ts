import type { AuthorizationPolicySpec, PolicyOperation, PolicySource } from '../istio/authorization-policy.ts'
import type { WorkloadSelector } from '../istio/shared.ts'
import { child, shown, type Violation } from '../violation.ts'
import { checkLabels } from './metadata.ts'

type Indexed<T> = readonly (readonly [T, string])[]

function each<T>(list: readonly T[] | undefined, path: string): Indexed<T> {
  return (list ?? []).map((item, index) => [item, child(path, index)])
}

/** The labels of a selector. */
export function checkSelector(selector: WorkloadSelector | undefined): readonly Violation[] {
  return checkLabels(selector?.matchLabels ?? {}, 'spec.selector.matchLabels')
}

/** What the schema of an AuthorizationPolicy cannot say. */
export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec): readonly Violation[] {
  const empty = spec.action === 'DENY' && (spec.rules ?? []).length === 0
  return [
    ...checkSelector(spec.selector),
    ...(empty ? [{ field: 'spec.rules', reason: 'a DENY policy without rules has no effect; an empty rule, rules: [{}], denies everything' }] : []),
    ...each(spec.rules, 'spec.rules').flatMap(([rule, path]) => [
      ...each(rule.from, `${path}.from`).flatMap(([{ source }, at]) => checkSource(source, `${at}.source`)),
      ...each(rule.to, `${path}.to`).flatMap(([{ operation }, at]) => checkOperation(operation, `${at}.operation`)),
    ]),
  ]
}

type Check = (text: string) => string | undefined

function checkSource(source: PolicySource, path: string): readonly Violation[] {
  return [
    ...checkPatterns(source.principals, `${path}.principals`, principalProblem),
    ...checkPatterns(source.notPrincipals, `${path}.notPrincipals`, principalProblem),
    ...checkPatterns(source.namespaces, `${path}.namespaces`, namespaceProblem),
    ...checkPatterns(source.notNamespaces, `${path}.notNamespaces`, namespaceProblem),
  ]
}

function checkOperation(operation: PolicyOperation, path: string): readonly Violation[] {
  return [
    ...checkPatterns(operation.methods, `${path}.methods`, methodProblem),
    ...checkPatterns(operation.notMethods, `${path}.notMethods`, methodProblem),
    ...checkPatterns(operation.paths, `${path}.paths`, pathProblem),
    ...checkPatterns(operation.notPaths, `${path}.notPaths`, pathProblem),
    ...checkPatterns(operation.hosts, `${path}.hosts`, hostProblem),
    ...checkPatterns(operation.notHosts, `${path}.notHosts`, hostProblem),
  ]
}

function checkPatterns(values: readonly string[] | undefined, path: string, check: Check): readonly Violation[] {
  return each(values, path).flatMap(([text, field]) => {
    const problem = wildcardProblem(text) ?? check(text)
    return problem === undefined ? [] : [{ field, reason: problem }]
  })
}

/** Istio compares a `*` in the middle literally, which its author surely does not mean and which lets a DENY pass: it is refused. */
function wildcardProblem(text: string): string | undefined {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(text)) return `${shown(text)} has a control character`
  if (text === '*' || !text.replace(/^\*/, '').includes('*')) return undefined
  if (!text.startsWith('*') && text.indexOf('*') === text.length - 1) return undefined
  return `${shown(text)}: "*" may only stand at one end`
}

function principalProblem(text: string): string | undefined {
  if (text.startsWith('spiffe://')) return `${shown(text)}: principals are written without spiffe://`
  return /^[A-Za-z0-9._/*:-]+$/.test(text) ? undefined : `${shown(text)} is not an identity such as "cluster.local/ns/default/sa/control"`
}

function namespaceProblem(text: string): string | undefined {
  return /^[a-z0-9*-]{1,64}$/.test(text) ? undefined : `${shown(text)} is not a namespace`
}

function methodProblem(text: string): string | undefined {
  return /^[A-Z*-]+$/.test(text) ? undefined : `${shown(text)} is not an HTTP method in capital letters`
}

function pathProblem(text: string): string | undefined {
  if (/\{\*{1,2}\}|[{}]/.test(text)) return `${shown(text)}: path templates are not supported yet`
  if (/[?#]/.test(text)) return `${shown(text)}: paths are compared without query and fragment`
  return text.startsWith('/') || text.startsWith('*') ? undefined : `${shown(text)} must start with "/" or "*"`
}

function hostProblem(text: string): string | undefined {
  return /^[A-Za-z0-9.*:_-]+$/.test(text) ? undefined : `${shown(text)} is not a host`
}
