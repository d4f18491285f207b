import { canonicalNamespace, DEFAULT_TRUST_DOMAIN, isDnsLabel, ISTIO_NAMESPACE_ALIAS, NAMESPACE_ALIASES } from '@weft/core'
import { isPathTemplate, type PolicyOperation, type PolicySource } from '@weft/api'
import { readAddressBlock } from '../policy/address.ts'
import type { OperationMatch, PathMatch, RequestPrincipalMatch, SourceMatch, StringMatch } from '../snapshot.ts'
import { hostKeyOf, hostSpellings } from './names.ts'

/** What texts of a policy are read against, and where problems are noted. */
export interface Names {
  readonly trustDomain: string
  readonly namespace: string
  readonly notes: string[]
}

/** Reads a source of a rule. */
export function readSource(source: PolicySource, names: Names): SourceMatch {
  const blocks = (values: readonly string[] | undefined) => values?.flatMap((value) => addressBlock(value, names))
  const accounts = (values: readonly string[] | undefined) => values?.flatMap((value) => accountMatches(value, names))
  if (source.serviceAccounts !== undefined && (source.principals ?? source.namespaces) !== undefined) {
    names.notes.push('serviceAccounts cannot stand beside principals or namespaces')
  }
  const principals = (values: readonly string[] | undefined) => values?.flatMap((value) => principalMatches(pattern(value, names), names.trustDomain))
  const namespaces = (values: readonly string[] | undefined) => values?.flatMap((value) => namespaceMatches(pattern(value, names)))
  const requestPrincipals = (values: readonly string[] | undefined) => values?.map((value) => requestPrincipal(value, names))
  return present({
    principals: accounts(source.serviceAccounts) ?? principals(source.principals),
    notPrincipals: joined(accounts(source.notServiceAccounts), principals(source.notPrincipals)),
    namespaces: namespaces(source.namespaces),
    notNamespaces: namespaces(source.notNamespaces),
    requestPrincipals: requestPrincipals(source.requestPrincipals),
    notRequestPrincipals: requestPrincipals(source.notRequestPrincipals),
    ipBlocks: blocks(source.ipBlocks),
    notIpBlocks: blocks(source.notIpBlocks),
    remoteIpBlocks: blocks(source.remoteIpBlocks),
    notRemoteIpBlocks: blocks(source.notRemoteIpBlocks),
  })
}

function joined<T>(a: readonly T[] | undefined, b: readonly T[] | undefined): readonly T[] | undefined {
  return a === undefined ? b : [...a, ...(b ?? [])]
}

/**
 * `ISSUER/SUBJECT`, parted at the last slash, since an issuer may be a URL; a `*` at one end belongs to that part, and alone in a part it means any (Istio's
 * own reading, so that no issuer can pass for another by a slash in its subjects).
 */
function requestPrincipal(text: string, names: Names): RequestPrincipalMatch {
  const any: StringMatch = { kind: 'present' }
  if (text === '*') return { issuer: any, subject: any }
  const slash = text.lastIndexOf('/')
  if (slash >= 0) return { issuer: pattern(text.slice(0, slash), names), subject: pattern(text.slice(slash + 1), names) }
  if (text.startsWith('*')) return { issuer: any, subject: pattern(text, names) }
  if (!text.endsWith('*')) names.notes.push(`"${text}" is not ISSUER/SUBJECT`)
  return { issuer: pattern(text, names), subject: any }
}

function addressBlock(text: string, names: Names) {
  const block = readAddressBlock(text)
  if (block !== undefined) return [block]
  names.notes.push(`"${text}" is no address and no block of addresses`)
  return []
}

/** `SERVICE-ACCOUNT` or `NAMESPACE/SERVICE-ACCOUNT`, never a pattern: the end of the identity. */
function accountMatches(text: string, names: Names): readonly StringMatch[] {
  const [account = '', namespace = names.namespace, ...rest] = text.split('/').toReversed()
  if (rest.length > 0 || !isDnsLabel(account) || !isDnsLabel(namespace)) {
    names.notes.push(`"${text}" is not SERVICE-ACCOUNT or NAMESPACE/SERVICE-ACCOUNT`)
  }
  return withAlias({ kind: 'suffix', value: `/ns/${namespace}/sa/${account}` })
}

/** Reads an operation of a rule. */
export function readOperation(operation: PolicyOperation, names: Names): OperationMatch {
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
export function pattern(text: string, names: Names): StringMatch {
  const match = plainPattern(text)
  if (match.kind !== 'present' && match.value.includes('*')) names.notes.push(`"${text}": "*" may only stand at one end`)
  return match
}

function plainPattern(text: string): Exclude<StringMatch, { kind: 'regex' }> {
  if (text === '*') return { kind: 'present' }
  if (text.startsWith('*')) return { kind: 'suffix', value: text.slice(1) }
  return text.endsWith('*') ? { kind: 'prefix', value: text.slice(0, -1) } : { kind: 'exact', value: text }
}

function pathPattern(text: string, names: Names): PathMatch {
  if (!/\{\*{1,2}\}/.test(text)) return pattern(text, names)
  if (!isPathTemplate(text))
    names.notes.push(`"${text}": in a template {*} and {**} are whole segments, {**} is the last of them, and no other "*" or brace is there`)
  return { kind: 'template', value: text }
}

/**
 * A principal in our terms: `cluster.local` stands for whatever the trust domain is (as in Istio), `openfaas-fn` for `default`, and Istio's ingress
 * gateway for ours.
 */
function principalMatches(match: StringMatch, trustDomain: string): readonly StringMatch[] {
  const local = `${DEFAULT_TRUST_DOMAIN}/`
  const own: StringMatch =
    (match.kind === 'exact' || match.kind === 'prefix') && match.value.startsWith(local)
      ? { kind: match.kind, value: `${trustDomain}/${match.value.slice(local.length)}` }
      : match
  return withAlias(own)
}

/** A namespace in our terms; a pattern that an alias fulfils is fulfilled by what it stands for too. */
function namespaceMatches(match: StringMatch): readonly StringMatch[] {
  if (match.kind === 'exact') return [{ kind: 'exact', value: canonicalNamespace(match.value) }]
  const meant = [...NAMESPACE_ALIASES].filter(
    ([alias]) => (match.kind === 'prefix' && alias.startsWith(match.value)) || (match.kind === 'suffix' && alias.endsWith(match.value)),
  )
  return [match, ...meant.map(([, real]): StringMatch => ({ kind: 'exact', value: real }))]
}

/** Parts of principals that stand for others: namespaces, and the accounts of Istio's own gateways. */
const PRINCIPAL_ALIASES: readonly (readonly [alias: string, real: string])[] = [
  [`/ns/${ISTIO_NAMESPACE_ALIAS}/sa/istio-ingressgateway-service-account`, `/ns/${canonicalNamespace(ISTIO_NAMESPACE_ALIAS)}/sa/ingress`],
  [`/ns/${ISTIO_NAMESPACE_ALIAS}/sa/istio-egressgateway-service-account`, `/ns/${canonicalNamespace(ISTIO_NAMESPACE_ALIAS)}/sa/egressgateway`],
  ...[...NAMESPACE_ALIASES].map(([alias, real]) => [`/ns/${alias}/`, `/ns/${real}/`] as const),
]

/** The match of a principal, aliases resolved; one that ends (prefix) or begins (suffix) inside an alias also means the real name. */
function withAlias(match: StringMatch): readonly StringMatch[] {
  if (match.kind === 'present' || match.kind === 'regex') return [match]
  const { kind, value } = match
  const whole = PRINCIPAL_ALIASES.find(([alias]) => value.includes(alias))
  const resolved: StringMatch = whole === undefined ? match : { kind, value: value.replace(...whole) }
  return [resolved, ...PRINCIPAL_ALIASES.flatMap((pair) => throughPart(kind, value, pair))]
}

/** What a pattern that ends or begins within an alias means with the real name in its place. */
function throughPart(kind: StringMatch['kind'], value: string, [alias, real]: readonly [string, string]): readonly StringMatch[] {
  for (let length = alias.length - 1; length > 1; length--) {
    if (kind === 'prefix' && length > '/ns/'.length && value.endsWith(alias.slice(0, length))) return [{ kind, value: value.slice(0, -length) + real }]
    if (kind === 'suffix' && value.startsWith(alias.slice(-length))) return [{ kind, value: real + value.slice(length) }]
  }
  return []
}

/** A host of the mesh in all of its spellings, since callers may use any; other hosts as they stand. */
function hostMatches(match: StringMatch, namespace: string): readonly StringMatch[] {
  if (match.kind !== 'exact') return [match]
  const key = hostKeyOf(match.value, namespace)
  if (key === undefined) return [match]
  const spellings = new Set([match.value, ...hostSpellings(key, namespace)])
  return [...spellings].map((value) => ({ kind: 'exact', value }))
}
