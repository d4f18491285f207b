import { gatewayPlacement } from '@weft/api'
import { INGRESS_LABELS, GATEWAY_NAMESPACES } from '../compile/authentication.ts'
import { at, each, text, textMap, type Item, type Report } from './item.ts'
import { selectorOf, type AnalysedWorld } from './world.ts'

/** Checks RequestAuthentications, and what functions ask of calls from outside. */
export function checkTokens(world: AnalysedWorld, report: Report): void {
  for (const item of world.all('RequestAuthentication')) checkJwt(item, world, report)
  for (const fn of world.all('Function')) checkWanted(fn, world, report)
}

/** Whether a RequestAuthentication or AuthorizationPolicy is enforced at the ingress. */
export function isForIngress(item: Item): boolean {
  const { kind } = item.ref
  if (!['RequestAuthentication', 'AuthorizationPolicy'].includes(kind) || !GATEWAY_NAMESPACES.includes(item.namespace)) return false
  const labels = Object.entries(selectorOf(item))
  const wide = kind === 'RequestAuthentication' && item.namespace === GATEWAY_NAMESPACES[0]
  return (labels.length > 0 || wide) && labels.every(([key, value]) => INGRESS_LABELS[key] === value)
}

/** Whether a policy is about the egress gateway. */
export function isForEgress(item: Item): boolean {
  const selector = selectorOf(item)
  return Object.keys(selector).length > 0 && GATEWAY_NAMESPACES.includes(item.namespace) && gatewayPlacement(selector) === 'egress'
}

/** A function that wants tokens of calls from outside needs somebody who verifies them. */
function checkWanted(fn: Item, world: AnalysedWorld, report: Report): void {
  const annotations = { ...textMap(at(fn.spec, 'template', 'annotations')), ...textMap(at(fn.resource, 'metadata', 'annotations')) }
  const wanted = text(at(fn.spec, 'ingress', 'authentication')) ?? annotations['weft.dev/ingress-authentication']
  if (wanted !== 'required') return
  const verified = world.all('RequestAuthentication').flatMap((one) => world.covered(one))
  const missing = world.workloads.some((one) => one.namespace === fn.namespace && one.function === fn.name && !verified.includes(one))
  if (missing) report('WEFT0220', fn, 'spec.ingress.authentication', 'no RequestAuthentication selects it')
}

/** The ingress takes a token away that it has verified, unless it is told to leave it. */
function checkTaken(item: Item, rule: unknown, path: string, { world, report }: { readonly world: AnalysedWorld; readonly report: Report }): void {
  const issuer = text(at(rule, 'issuer'))
  if (isForIngress(item) || issuer === undefined) return
  const taker = world
    .all('RequestAuthentication')
    .find(
      (other) =>
        isForIngress(other) && each(at(other.spec, 'jwtRules'), '').some(([one]) => at(one, 'issuer') === issuer && at(one, 'forwardOriginalToken') !== true),
    )
  if (taker !== undefined) report('WEFT0221', item, path, `${taker.namespace}/${taker.name} takes tokens of ${issuer} away at the ingress`)
}

function checkJwt(item: Item, world: AnalysedWorld, report: Report): void {
  for (const [rule, path] of each(at(item.spec, 'jwtRules'), 'spec.jwtRules')) {
    const where = ['jwksUri', 'jwks_uri', 'issuer'].find((name) => (name !== 'issuer' || at(rule, 'jwks') === undefined) && at(rule, name) !== undefined)
    const uri = where === undefined ? undefined : text(at(rule, where))
    if (uri !== undefined && isPrivate(uri)) report('IST0175', item, `${path}.${where}`, `${uri} is a private or local address`)
    checkTaken(item, rule, path, { world, report })
  }
  const covered = world.covered(item)
  for (const service of world.all('Service')) {
    const key = `${service.namespace}/${service.name}`
    if (!world.behind(key).some((workload) => covered.includes(workload))) continue
    for (const [port] of each(at(service.spec, 'ports'), '')) {
      const name = text(at(port, 'name')) ?? ''
      if (at(port, 'appProtocol') === undefined && /^(tcp|tls|https|mongo|mysql|redis)(-|$)/.test(name))
        report('IST0119', item, '', `the Service ${key} has the port ${name}`)
    }
  }
}

/** Whether a URL names a host that is not the internet's. */
export function isPrivate(uri: string): boolean {
  const host = /^[a-z]+:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)/i.exec(uri)?.[1]?.toLowerCase() ?? ''
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    /^(127|10|0)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\.|^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(host) ||
    /^\[(::1?|f[cd]|fe[89ab]|::ffff:)/.test(host)
  )
}
