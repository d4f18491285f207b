import { readExportTo } from '../read/export-to.ts'
import { at, each, text, texts, type Item, type Report } from './item.ts'
import type { AnalysedWorld } from './world.ts'

/** Checks ServiceEntries. */
export function checkServiceEntries(world: AnalysedWorld, report: Report): void {
  const entries = world.all('ServiceEntry')
  for (const item of entries) checkAddresses(item, report)
  entries.forEach((item, index) => {
    for (const other of entries.slice(0, index)) checkProtocols(item, other, report)
  })
}

const protocolOf = (port: unknown) => (text(at(port, 'protocol')) ?? '').toUpperCase() || 'TCP'

function checkAddresses(item: Item, report: Report): void {
  if (each(at(item.spec, 'addresses'), '').length > 0) return
  for (const [port, path] of each(at(item.spec, 'ports'), 'spec.ports')) {
    if (protocolOf(port) === 'TCP') report('IST0134', item, path, 'the port carries TCP, and there are no addresses')
  }
}

/** Two that somebody sees both of, with one host, must say the same of its ports. */
function checkProtocols(item: Item, other: Item, report: Report): void {
  const hosts = texts(at(other.spec, 'hosts'), '').map(([host]) => host.toLowerCase())
  const shared = texts(at(item.spec, 'hosts'), '').find(([host]) => hosts.includes(host.toLowerCase()))
  if (shared === undefined || !isSeenWith(item, other)) return
  for (const [port, path] of each(at(item.spec, 'ports'), 'spec.ports')) {
    const clash = each(at(other.spec, 'ports'), '').find(([one]) => at(one, 'number') === at(port, 'number') && protocolOf(one) !== protocolOf(port))
    if (clash !== undefined)
      report('IST0177', item, `${path}.protocol`, `the ServiceEntry ${other.name} says ${protocolOf(clash[0])} for this port of ${shared[0]}`)
  }
}

function isSeenWith(item: Item, other: Item): boolean {
  const [own, theirs] = [item, other].map((one) => readExportTo(exportedTo(one), one.namespace))
  return own === undefined || theirs === undefined || own.some((namespace) => theirs.includes(namespace))
}

function exportedTo(item: Item): readonly string[] | undefined {
  const names = texts(at(item.spec, 'exportTo'), '').map(([name]) => name)
  return names.length === 0 ? undefined : names
}
