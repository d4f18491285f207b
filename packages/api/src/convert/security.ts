import { FUNCTION_LABEL, fieldsOf, listOf, present, SECURITY_V1, textOf, textsOf, type Fields, type OldResource, type Outcome } from './conversion.ts'

/** Policy and MeshPolicy of `authentication.istio.io` become PeerAuthentication and RequestAuthentication, one for each target. */
export function convertAuthentication(resource: OldResource, outcome: Outcome): void {
  const { kind, spec } = resource
  const targets = listOf(spec['targets']).map((target) => textOf(fieldsOf(target)['name']))
  if (targets.includes(undefined)) return outcome.fail(resource, 'a target has no name')
  const namespace = kind === 'MeshPolicy' ? 'weft-system' : resource.namespace
  const places = targets.length === 0 ? [undefined] : targets
  for (const [index, target] of places.entries()) {
    const metadata = { name: index === 0 ? resource.name : `${resource.name}-${index + 1}`, namespace }
    const selector = target === undefined ? {} : { selector: { matchLabels: { [FUNCTION_LABEL]: target } } }
    outcome.add(SECURITY_V1, 'PeerAuthentication', metadata, { ...selector, mtls: { mode: modeOf(listOf(spec['peers'])) } })
    const jwtRules = listOf(spec['origins']).flatMap((origin) => jwtRuleOf(fieldsOf(fieldsOf(origin)['jwt'])))
    if (jwtRules.length > 0) outcome.add(SECURITY_V1, 'RequestAuthentication', metadata, { ...selector, jwtRules })
  }
  if (listOf(spec['origins']).length > 0)
    outcome.note(resource, 'a call without a token passes a RequestAuthentication; add an AuthorizationPolicy with requestPrincipals to demand one')
}

/** Without peers nothing was demanded; `mtls: {}` demanded a certificate. */
function modeOf(peers: readonly unknown[]): string {
  const mtls = peers.map(fieldsOf).find((peer) => Object.hasOwn(peer, 'mtls'))
  if (mtls === undefined) return 'PERMISSIVE'
  return textOf(fieldsOf(mtls['mtls'])['mode']) ?? 'STRICT'
}

function jwtRuleOf(jwt: Fields): readonly Fields[] {
  const { issuer, audiences, jwksUri, jwks, jwtHeaders, jwtParams } = jwt
  const fromHeaders = textsOf(jwtHeaders).map((name) => ({ name }))
  const rule = present({ issuer, audiences, jwksUri, jwks, fromHeaders: fromHeaders.length === 0 ? undefined : fromHeaders, fromParams: jwtParams })
  return rule === undefined ? [] : [rule]
}

/** ServiceRoles, with the ServiceRoleBindings that refer to them, become AuthorizationPolicies that allow. */
export function convertRoles(resources: readonly OldResource[], outcome: Outcome): void {
  const bindings = resources.filter(({ kind }) => kind === 'ServiceRoleBinding')
  for (const role of resources.filter(({ kind }) => kind === 'ServiceRole')) {
    const own = bindings.filter(({ namespace, spec }) => namespace === role.namespace && textOf(fieldsOf(spec['roleRef'])['name']) === role.name)
    if (own.length === 0) outcome.fail(role, 'no ServiceRoleBinding in the same files refers to it: nobody would be allowed')
    else convertRole(role, own, outcome)
  }
  for (const { kind, ...resource } of resources) {
    if (kind === 'RbacConfig' || kind === 'ClusterRbacConfig')
      outcome.note({ kind, ...resource }, 'needs no equivalent: a workload is closed to everyone else as soon as an ALLOW policy selects it')
  }
}

function convertRole(role: OldResource, bindings: readonly OldResource[], outcome: Outcome): void {
  const from = bindings.flatMap(({ spec }) => listOf(spec['subjects']).flatMap((subject) => sourceOf(fieldsOf(subject), role, outcome)))
  if (from.length === 0) return outcome.fail(role, 'none of its subjects can be converted')
  const open = from.includes('everyone')
  for (const [index, rule] of listOf(role.spec['rules']).map(fieldsOf).entries()) {
    if (rule['constraints'] !== undefined) outcome.fail(role, `rules[${index}].constraints has no equivalent; write it as "when"`)
    const operation = present({ paths: rule['paths'], methods: methodsOf(rule['methods']) })
    const services = textsOf(rule['services'])
    const to = operation === undefined ? {} : { to: [{ operation }] }
    for (const [position, service] of (services.length === 0 ? ['*'] : services).entries()) {
      const selector = service === '*' ? {} : { selector: { matchLabels: { [FUNCTION_LABEL]: service.split('.')[0] ?? '' } } }
      const metadata = { name: nameOf(role.name, index, position), namespace: role.namespace }
      outcome.add(SECURITY_V1, 'AuthorizationPolicy', metadata, { ...selector, action: 'ALLOW', rules: [{ ...(open ? {} : { from }), ...to }] })
    }
  }
}

function nameOf(name: string, ...numbers: readonly number[]): string {
  return [name, ...numbers.filter((number) => number > 0).map((number) => number + 1)].join('-')
}

function methodsOf(methods: unknown): readonly string[] | undefined {
  const texts = textsOf(methods)
  return texts.length === 0 || texts.includes('*') ? undefined : texts
}

function sourceOf(subject: Fields, role: OldResource, outcome: Outcome): readonly (Fields | 'everyone')[] {
  const properties = fieldsOf(subject['properties'])
  const user = textOf(subject['user']) ?? textOf(properties['source.principal'])
  const namespace = textOf(properties['source.namespace'])
  const other = Object.keys(properties).filter((name) => name !== 'source.principal' && name !== 'source.namespace')
  if (other.length > 0) {
    outcome.fail(role, `the property ${other.join(', ')} of a subject has no equivalent; the subject is left out`)
    return []
  }
  if (user === '*' && namespace === undefined) return ['everyone']
  const source = present({ principals: user === undefined ? undefined : [user], namespaces: namespace === undefined ? undefined : [namespace] })
  return source === undefined ? [] : [{ source }]
}
