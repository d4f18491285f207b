import { fieldsOf, listOf, NETWORKING_V1, textOf, type OldResource, type Outcome } from './conversion.ts'

/** An EgressRule becomes a ServiceEntry. */
export function convertEgressRule(resource: OldResource, outcome: Outcome): void {
  const { name, namespace, spec } = resource
  const host = textOf(fieldsOf(spec['destination'])['service'])
  if (host === undefined) return outcome.fail(resource, 'it names no destination.service')
  const ports = listOf(spec['ports']).map((port, index) => {
    const { port: number, protocol } = fieldsOf(port)
    const upper = (textOf(protocol) ?? 'HTTP').toUpperCase()
    return { number, protocol: upper, name: `${upper.toLowerCase()}-${index}` }
  })
  if (ports.length === 0) return outcome.fail(resource, 'it names no ports')
  const resolution = host.includes('*') ? 'NONE' : 'DNS'
  outcome.add(NETWORKING_V1, 'ServiceEntry', { name, namespace }, { hosts: [host], location: 'MESH_EXTERNAL', resolution, ports })
}
