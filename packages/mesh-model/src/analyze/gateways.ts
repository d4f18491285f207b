import { at, each, text, textMap, texts, type Item, type Report } from './item.ts'
import type { AnalysedWorld } from './world.ts'

/** Checks Gateways. */
export function checkGateways(world: AnalysedWorld, report: Report): void {
  const servers = world
    .all('Gateway')
    .flatMap((item) => each(at(item.spec, 'servers'), 'spec.servers').map(([server, path]): Served => ({ item, server, path })))
  for (const one of servers) checkCredential(one, world, report)
  servers.forEach((one, index) => {
    for (const other of servers.slice(0, index)) if (other.item !== one.item) checkPair(one, other, report)
  })
}

interface Served {
  readonly item: Item
  readonly server: unknown
  readonly path: string
}

const CERTIFICATES: readonly (readonly [string, string])[] = [
  ['tls.crt', 'tls.key'],
  ['cert', 'key'],
]

function checkCredential({ item, server, path }: Served, world: AnalysedWorld, report: Report): void {
  const name = text(at(server, 'tls', 'credentialName'))
  if (name === undefined) return
  const place = `${path}.tls.credentialName`
  const secret = world.find('Secret', item.namespace, name) ?? world.find('Secret', 'weft-system', name)
  if (secret === undefined) return report('IST0101', item, place, `there is no Secret ${name}`)
  const { data, stringData } = secret.resource as typeof secret.resource & { readonly data?: unknown; readonly stringData?: unknown }
  const files = { ...textMap(data), ...textMap(stringData) }
  if (!CERTIFICATES.some(([certificate, key]) => Object.hasOwn(files, certificate) && Object.hasOwn(files, key)))
    report('IST0161', item, place, `the Secret ${name} has no certificate and key`)
}

function checkPair(one: Served, other: Served, report: Report): void {
  const credential = text(at(one.server, 'tls', 'credentialName'))
  if (credential !== undefined && credential === at(other.server, 'tls', 'credentialName') && one.item.namespace === other.item.namespace)
    report('IST0138', one.item, `${one.path}.tls.credentialName`, `the Gateway ${other.item.name} uses it too`)
  const selector = (item: Item) => JSON.stringify(Object.entries(textMap(at(item.spec, 'selector'))).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  if (selector(one.item) !== selector(other.item) || at(one.server, 'port', 'number') !== at(other.server, 'port', 'number')) return
  const taken = texts(at(other.server, 'hosts'), '').map(([host]) => host)
  for (const [host, place] of texts(at(one.server, 'hosts'), `${one.path}.hosts`)) {
    if (taken.includes(host)) report('IST0145', one.item, place, `the Gateway ${other.item.name} serves ${host} on this port too`)
  }
}
