import { readFunctionIngress, readHttpTrigger, readIngress } from '../read/fronts.ts'
import { gatewayPlacement } from '@weft/api'
import { at, each, gatewayNamed, text, textMap, texts, type Item, type Report } from './item.ts'
import type { AnalysedWorld } from './world.ts'

/** Checks what gives functions names: Gateways as the platform has them, and what stands for them. */
export function checkFronts(world: AnalysedWorld, report: Report): void {
  for (const item of world.all('Gateway')) checkServers(item, world, report)
  for (const item of world.all('VirtualService')) checkPaths(item, world, report)
  for (const [kind, read] of FRONTS) for (const item of world.all(kind)) checkFront(item, world, report, read)
}

const FRONTS = [
  ['Ingress', readIngress],
  ['HTTPTrigger', readHttpTrigger],
  ['FunctionIngress', readFunctionIngress],
] as const

const PLAIN: ReadonlySet<unknown> = new Set([80, 8080])
const SECURE: ReadonlySet<unknown> = new Set([443, 8443])

function checkServers(item: Item, world: AnalysedWorld, report: Report): void {
  const servers = each(at(item.spec, 'servers'), 'spec.servers')
  if (servers.length === 0) return
  const placement = gatewayPlacement(textMap(at(item.spec, 'selector')))
  if (placement === undefined) report('WEFT0801', item, 'spec.selector', 'no gateway of the platform has these labels')
  for (const [server, path] of servers) {
    // What comes to the egress gateway says itself what it is.
    if (placement !== 'egress') checkPort(item, server, path, report)
    if (['MUTUAL', 'OPTIONAL_MUTUAL'].includes(text(at(server, 'tls', 'mode')) ?? ''))
      checkRoots(item, server, world, (place, message) => report('WEFT0803', item, `${path}.${place}`, message))
  }
}

function checkPort(item: Item, server: unknown, path: string, report: Report): void {
  const number = at(server, 'port', 'number')
  const protocol = (text(at(server, 'port', 'protocol')) ?? '').toUpperCase()
  const plain = ['HTTP', 'HTTP2', 'GRPC'].includes(protocol)
  if (plain ? SECURE.has(number) : PLAIN.has(number)) report('WEFT0802', item, `${path}.port`, `${protocol} on port ${String(number)}`)
}

function checkRoots(item: Item, server: unknown, world: AnalysedWorld, tell: (place: string, message: string) => void): void {
  const name = text(at(server, 'tls', 'credentialName'))
  if (name === undefined) return
  const find = (one: string) => world.find('Secret', item.namespace, one) ?? world.find('Secret', 'weft-system', one)
  const own = find(name)
  if (own === undefined) return
  const has = (secret: Item | undefined) =>
    ['ca.crt', 'cacert'].some((file) => [at(secret?.resource, 'data', file), at(secret?.resource, 'stringData', file)].some((one) => one !== undefined))
  if (!has(own) && !has(find(`${name}-cacert`))) tell('tls.credentialName', `neither ${name} nor ${name}-cacert has a ca.crt`)
}

/** Paths that are the platform's wherever a Gateway answers under every name. */
const OWN_PATH = /^\/(?:(?:function|async-function|system|apis|ui)(?:\/|$)|healthz$|openapi\.json$)/

function checkPaths(item: Item, world: AnalysedWorld, report: Report): void {
  const everything =
    texts(at(item.spec, 'hosts'), '').some(([host]) => host === '*') &&
    texts(at(item.spec, 'gateways'), '').some(([name]) => isOnPlatformPort(item, name, world))
  if (!everything) return
  for (const [route, path] of each(at(item.spec, 'http'), 'spec.http')) {
    for (const [match, place] of each(at(route, 'match'), `${path}.match`)) {
      const uri = text(at(match, 'uri', 'exact')) ?? text(at(match, 'uri', 'prefix'))
      if (uri !== undefined && OWN_PATH.test(uri)) report('WEFT0804', item, `${place}.uri`, `${uri} is the platform\u2019s own`)
    }
  }
}

function isOnPlatformPort(item: Item, name: string, world: AnalysedWorld): boolean {
  const [namespace, short] = gatewayNamed(name, item.namespace)
  const gateway = world.find('Gateway', namespace, short)
  if (gatewayPlacement(textMap(at(gateway?.spec, 'selector'))) === 'egress') return false
  return each(at(gateway?.spec, 'servers'), '').some(([server]) => PLAIN.has(at(server, 'port', 'number')) || SECURE.has(at(server, 'port', 'number')))
}

function checkFront(item: Item, world: AnalysedWorld, report: Report, read: (typeof FRONTS)[number][1]): void {
  const { model } = read(item.resource)
  if (model === undefined) {
    const name = text(at(item.spec, 'ingressClassName'))
    if (name !== undefined && !['weft', 'istio'].includes(name)) report('WEFT0801', item, 'spec.ingressClassName', `${name} is somebody else\u2019s class`)
    return
  }
  const backends = new Set(model.fronts.flatMap(({ routes = [] }) => routes.flatMap(({ destinations }) => destinations.map(({ host = '' }) => host))))
  for (const host of backends) {
    const [namespace = '', name = ''] = host.split('/')
    if (!world.hasHost(name, namespace)) report('WEFT0805', item, 'spec', `there is no function or Service ${host}`)
  }
  const secrets = new Set(model.gateway.servers.flatMap(({ tls }) => (tls !== undefined && 'secrets' in tls.certificate ? tls.certificate.secrets : [])))
  for (const key of secrets) {
    const [namespace = '', name = ''] = key.split('/')
    if (world.find('Secret', namespace, name) === undefined) report('WEFT0806', item, 'spec', `there is no Secret ${key}`)
  }
}
