import { isIP } from 'node:net'
import type { AuthorizationPolicySpec, PolicyConditionSpec, PolicyOperation, PolicySource } from '../istio/authorization-policy.ts'
import type { PeerAuthenticationSpec } from '../istio/peer-authentication.ts'
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

/** What the schema of a PeerAuthentication cannot say. */
export function checkPeerAuthentication({ selector, portLevelMtls }: PeerAuthenticationSpec): readonly Violation[] {
  const narrow = Object.keys(selector?.matchLabels ?? {}).length > 0
  const wide = portLevelMtls !== undefined && !narrow ? [{ field: 'spec.portLevelMtls', reason: 'needs a selector: ports are those of certain workloads' }] : []
  return [...checkSelector(selector), ...wide]
}

/** What the schema of an AuthorizationPolicy cannot say. */
export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec): readonly Violation[] {
  const empty = spec.action === 'DENY' && (spec.rules ?? []).length === 0
  return [
    ...checkSelector(spec.selector),
    ...(empty ? [{ field: 'spec.rules', reason: 'a DENY policy without rules has no effect; an empty rule, rules: [{}], denies everything' }] : []),
    ...each(spec.rules, 'spec.rules').flatMap(([rule, path]) => [
      ...each(rule.from, `${path}.from`).flatMap(([{ source }, at]) => checkSource(source, `${at}.source`)),
      ...each(rule.when, `${path}.when`).flatMap(([condition, at]) => checkCondition(condition, at)),
      ...each(rule.to, `${path}.to`).flatMap(([{ operation }, at]) => checkOperation(operation, `${at}.operation`)),
    ]),
  ]
}

type Check = (text: string) => string | undefined
const noProblem: Check = () => undefined

/** Keys of `when` (https://istio.io/latest/docs/reference/config/security/conditions/), and what their values are. */
function conditionCheck(key: string): Check | undefined {
  if (CLAIM_KEY.test(key)) return noProblem
  if (/^request\.headers\[[A-Za-z0-9!#$%&'*+.^_`|~-]+\]$/.test(key)) return noProblem
  return CONDITION_KEYS.get(key)
}

function portProblem(text: string): string | undefined {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? undefined : `${shown(text)} is not a port`
}

function blockProblem(text: string): string | undefined {
  const [address = '', length, ...rest] = text.split('/')
  const most = isIP(address) === 4 ? 32 : 128
  const fits =
    isIP(address) !== 0 && !address.includes('%') && rest.length === 0 && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= most))
  return fits ? undefined : `${shown(text)} is not an address such as 203.0.113.7 or a block such as 203.0.113.0/24`
}

function accountProblem(text: string): string | undefined {
  const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
  return new RegExp(`^(?:${label}/)?${label}$`).test(text) ? undefined : `${shown(text)} is not SERVICE-ACCOUNT or NAMESPACE/SERVICE-ACCOUNT`
}

/** A claim, and one within it: `request.auth.claims[a][b]`. */
const CLAIM_KEY = /^request\.auth\.claims(\[[^[\]]+\])+$/

const CONDITION_KEYS: ReadonlyMap<string, Check> = new Map([
  ['source.ip', blockProblem],
  ['remote.ip', blockProblem],
  ['source.namespace', namespaceProblem],
  ['source.principal', principalProblem],
  ['source.serviceAccount', accountProblem],
  ['destination.port', portProblem],
  ['request.auth.principal', requestPrincipalProblem],
  ['request.auth.audiences', noProblem],
  ['request.auth.presenter', noProblem],
])

/** Keys that Istio knows and that mean nothing here. */
const OTHER_KEYS: readonly (readonly [RegExp, string])[] = [
  [/^destination\.ip$/, 'functions have no address of their own'],
  [/^connection\.sni$/, 'calls within the mesh carry no server name'],
  [/^experimental\./, 'filters of Envoy are not a user\u2019s to look into'],
]

function checkCondition({ key, values, notValues }: PolicyConditionSpec, path: string): readonly Violation[] {
  const check = conditionCheck(key)
  if (check === undefined) {
    const why = OTHER_KEYS.find(([is]) => is.test(key))?.[1]
    const known = [...CONDITION_KEYS.keys(), 'request.headers[NAME]', 'request.auth.claims[NAME]'].join(', ')
    return [{ field: `${path}.key`, reason: why === undefined ? `unknown key ${shown(key)}; known are ${known}` : `the key ${key} is not supported: ${why}` }]
  }
  const whole = check === blockProblem || check === portProblem || check === accountProblem
  const list = whole ? checkTexts : checkPatterns
  return [
    ...(values === undefined && notValues === undefined ? [{ field: path, reason: 'needs values or notValues' }] : []),
    ...list(values, `${path}.values`, check),
    ...list(notValues, `${path}.notValues`, check),
  ]
}

function checkSource(source: PolicySource, path: string): readonly Violation[] {
  return [
    ...checkPatterns(source.principals, `${path}.principals`, principalProblem),
    ...checkPatterns(source.notPrincipals, `${path}.notPrincipals`, principalProblem),
    ...checkPatterns(source.namespaces, `${path}.namespaces`, namespaceProblem),
    ...checkPatterns(source.notNamespaces, `${path}.notNamespaces`, namespaceProblem),
    ...(['requestPrincipals', 'notRequestPrincipals'] as const).flatMap((name) => checkPatterns(source[name], `${path}.${name}`, requestPrincipalProblem)),
    ...(['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const).flatMap((name) =>
      checkTexts(source[name], `${path}.${name}`, blockProblem),
    ),
    ...(['serviceAccounts', 'notServiceAccounts'] as const).flatMap((name) => checkTexts(source[name], `${path}.${name}`, accountProblem)),
    ...(source.serviceAccounts !== undefined && (source.principals ?? source.namespaces) !== undefined
      ? [{ field: `${path}.serviceAccounts`, reason: 'cannot stand beside principals or namespaces' }]
      : []),
  ]
}

function checkOperation(operation: PolicyOperation, path: string): readonly Violation[] {
  return [
    ...checkPatterns(operation.methods, `${path}.methods`, methodProblem),
    ...checkPatterns(operation.notMethods, `${path}.notMethods`, methodProblem),
    ...checkTexts(operation.paths, `${path}.paths`, pathProblem),
    ...checkTexts(operation.notPaths, `${path}.notPaths`, pathProblem),
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

function checkTexts(values: readonly string[] | undefined, path: string, check: Check): readonly Violation[] {
  return each(values, path).flatMap(([text, field]) => {
    const problem = controlProblem(text) ?? check(text)
    return problem === undefined ? [] : [{ field, reason: problem }]
  })
}

/** Whether a path of a policy is a template of Istio's: `{*}` and `{**}` are whole segments, and `{**}` is the last of them. */
export function isPathTemplate(text: string): boolean {
  const fits = (part: string) => part === '{*}' || part === '{**}' || !/[*{}]/.test(part)
  return text.startsWith('/') && text.split('/').slice(1).every(fits) && !/\{\*\*\}.*\{/.test(text)
}

function templateProblem(text: string): string | undefined {
  if (isPathTemplate(text) && !/[?#]/.test(text)) return undefined
  return `${shown(text)}: in a path template {*} and {**} are whole segments, {**} is the last of them, and no other "*" or brace is there`
}

function controlProblem(text: string): string | undefined {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  return /[\u0000-\u001f\u007f]/.test(text) ? `${shown(text)} has a control character` : undefined
}

/** Istio compares a `*` in the middle literally, which its author surely does not mean and which lets a DENY pass: it is refused. */
function wildcardProblem(text: string): string | undefined {
  const control = controlProblem(text)
  if (control !== undefined) return control
  if (text === '*' || !text.replace(/^\*/, '').includes('*')) return undefined
  if (!text.startsWith('*') && text.indexOf('*') === text.length - 1) return undefined
  return `${shown(text)}: "*" may only stand at one end`
}

function principalProblem(text: string): string | undefined {
  if (text.startsWith('spiffe://')) return `${shown(text)}: principals are written without spiffe://`
  return /^[A-Za-z0-9._/*:-]+$/.test(text) ? undefined : `${shown(text)} is not an identity such as "cluster.local/ns/default/sa/control"`
}

function requestPrincipalProblem(text: string): string | undefined {
  return /[/*]/.test(text) ? undefined : `${shown(text)} is not ISSUER/SUBJECT`
}

function namespaceProblem(text: string): string | undefined {
  return /^[a-z0-9*-]{1,64}$/.test(text) ? undefined : `${shown(text)} is not a namespace`
}

function methodProblem(text: string): string | undefined {
  return /^[A-Z*-]+$/.test(text) ? undefined : `${shown(text)} is not an HTTP method in capital letters`
}

function pathProblem(text: string): string | undefined {
  if (/[{}]/.test(text)) return templateProblem(text)
  const stars = wildcardProblem(text)
  if (stars !== undefined) return stars
  if (/[?#]/.test(text)) return `${shown(text)}: paths are compared without query and fragment`
  return text.startsWith('/') || text.startsWith('*') ? undefined : `${shown(text)} must start with "/" or "*"`
}

function hostProblem(text: string): string | undefined {
  return /^[A-Za-z0-9.*:_-]+$/.test(text) ? undefined : `${shown(text)} is not a host`
}
