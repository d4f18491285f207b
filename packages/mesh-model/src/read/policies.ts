import { DEFAULT_TRUST_DOMAIN, OPENFAAS_NAMESPACE_ALIAS, DEFAULT_NAMESPACE, SYSTEM_NAMESPACE, type Resource } from '@weft/core'
import { AuthorizationPolicySpec, PeerAuthenticationSpec, type PolicyOperation, type PolicySource } from '@weft/api'
import type { OperationMatch, ResourceFinding, SourceMatch, StringMatch } from '../snapshot.ts'
import { baseOf, field, policySelector, refusals, versionProblem } from './base.ts'
import { checker } from './check.ts'
import type { Read } from './core-kinds.ts'
import { failure, warning } from './finding.ts'
import type { AuthorizationPolicyModel, PeerAuthenticationModel } from './models.ts'
import { hostKeyOf, hostSpellings } from './names.ts'

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
    ? (checked.value.rules ?? []).map((rule, index) => ({
        policy: base.ref,
        index,
        sources: (rule.from ?? []).map(({ source }) => readSource(source, names)),
        operations: (rule.to ?? []).map(({ operation }) => readOperation(operation, names)),
      }))
    : []
  const broken = notes.length === 0 ? undefined : notes.join('; ')
  const action = checked.ok && checked.value.action === 'DENY' ? ('deny' as const) : ('allow' as const)
  const findings = broken === undefined ? [] : [...refused, failure(base.ref, 'PolicyBroken', `it denies all calls to what it selects: ${broken}`)]
  return { model: { ...base, findings, selector: policySelector(resource.spec), action, rules: broken === undefined ? rules : [], broken } }
}

interface Names {
  readonly trustDomain: string
  readonly namespace: string
  readonly notes: string[]
}

function readSource(source: PolicySource, names: Names): SourceMatch {
  const principals = (values: readonly string[] | undefined) => values?.flatMap((value) => principalMatches(pattern(value, names), names.trustDomain))
  const namespaces = (values: readonly string[] | undefined) => values?.flatMap((value) => namespaceMatches(pattern(value, names)))
  return present({
    principals: principals(source.principals),
    notPrincipals: principals(source.notPrincipals),
    namespaces: namespaces(source.namespaces),
    notNamespaces: namespaces(source.notNamespaces),
  })
}

function readOperation(operation: PolicyOperation, names: Names): OperationMatch {
  const plain = (values: readonly string[] | undefined) => values?.map((value) => pattern(value, names))
  const paths = (values: readonly string[] | undefined) => values?.map((value) => pathPattern(value, names))
  const hosts = (values: readonly string[] | undefined) => values?.flatMap((value) => hostMatches(pattern(value.toLowerCase(), names), names.namespace))
  return present({
    methods: plain(operation.methods),
    notMethods: plain(operation.notMethods),
    paths: paths(operation.paths),
    notPaths: paths(operation.notPaths),
    hosts: hosts(operation.hosts),
    notHosts: hosts(operation.notHosts),
    ports: operation.ports?.map(Number),
    notPorts: operation.notPorts?.map(Number),
  })
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the fields that are not there. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
}

/**
 * Istio's patterns: `*` alone is presence, a `*` at one end stands for anything (authorization-policy reference, "exact, prefix, suffix, presence").
 * A `*` elsewhere, which Istio compares literally and its author surely does not mean, makes the policy broken rather than one that never matches.
 */
function pattern(text: string, names: Names): StringMatch {
  const match = plainPattern(text)
  if (match.kind !== 'present' && match.value.includes('*')) names.notes.push(`"${text}": "*" may only stand at one end`)
  return match
}

function plainPattern(text: string): Exclude<StringMatch, { kind: 'regex' }> {
  if (text === '*') return { kind: 'present' }
  if (text.startsWith('*')) return { kind: 'suffix', value: text.slice(1) }
  return text.endsWith('*') ? { kind: 'prefix', value: text.slice(0, -1) } : { kind: 'exact', value: text }
}

function pathPattern(text: string, names: Names): StringMatch {
  if (/\{\*{1,2}\}/.test(text)) names.notes.push(`"${text}": templates such as {*} are not supported yet`)
  else return pattern(text, names)
  return { kind: 'exact', value: text }
}

/**
 * A principal in our terms: `cluster.local` stands for whatever the trust domain is (as in Istio), and `openfaas-fn` for `default`.
 */
function principalMatches(match: StringMatch, trustDomain: string): readonly StringMatch[] {
  const local = `${DEFAULT_TRUST_DOMAIN}/`
  const own: StringMatch =
    (match.kind === 'exact' || match.kind === 'prefix') && match.value.startsWith(local)
      ? { kind: match.kind, value: `${trustDomain}/${match.value.slice(local.length)}` }
      : match
  return withAlias(own)
}

/** A namespace in our terms; a pattern that `openfaas-fn` fulfils is fulfilled by `default` too. */
function namespaceMatches(match: StringMatch): readonly StringMatch[] {
  const real: StringMatch = { kind: 'exact', value: DEFAULT_NAMESPACE }
  if (match.kind === 'exact') return [match.value === OPENFAAS_NAMESPACE_ALIAS ? real : match]
  const meansAlias =
    (match.kind === 'prefix' && OPENFAAS_NAMESPACE_ALIAS.startsWith(match.value)) || (match.kind === 'suffix' && OPENFAAS_NAMESPACE_ALIAS.endsWith(match.value))
  return meansAlias ? [match, real] : [match]
}

const ALIAS_PART = `/ns/${OPENFAAS_NAMESPACE_ALIAS}/`
const REAL_PART = `/ns/${DEFAULT_NAMESPACE}/`

/** The match of a principal, its namespace's alias resolved; one that ends (prefix) or begins (suffix) inside the alias also means the real name. */
function withAlias(match: StringMatch): readonly StringMatch[] {
  if (match.kind === 'present' || match.kind === 'regex') return [match]
  const { kind, value } = match
  if (value.includes(ALIAS_PART)) return [{ kind, value: value.replace(ALIAS_PART, REAL_PART) }]
  for (let length = ALIAS_PART.length - 1; length > 1; length--) {
    if (kind === 'prefix' && length > '/ns/'.length && value.endsWith(ALIAS_PART.slice(0, length)))
      return [match, { kind, value: value.slice(0, -length) + REAL_PART }]
    if (kind === 'suffix' && value.startsWith(ALIAS_PART.slice(-length))) return [match, { kind, value: REAL_PART + value.slice(length) }]
  }
  return [match]
}

/** A host of the mesh in all of its spellings, since callers may use any; other hosts as they stand. */
function hostMatches(match: StringMatch, namespace: string): readonly StringMatch[] {
  if (match.kind !== 'exact') return [match]
  const key = hostKeyOf(match.value, namespace)
  if (key === undefined) return [match]
  const spellings = new Set([match.value, ...hostSpellings(key, namespace)])
  return [...spellings].map((value) => ({ kind: 'exact', value }))
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
  if (base.namespace === SYSTEM_NAMESPACE && selector.length > 0) {
    problems.push(warning(base.ref, 'SelectorIgnored', `with a selector it is about workloads of ${SYSTEM_NAMESPACE} only, and there are none`))
  }
  return { model: { ...base, findings: problems, selector, mode: checked.ok && version === undefined ? modeOf(field(checked.value.mtls, 'mode')) : 'strict' } }
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
