import { DEFAULT_NAMESPACE, groupOf, SYSTEM_NAMESPACE, WeftError, type Resource, type ResourceRef } from '@weft/core'

/**
 * Refuses what would let a user take the platform's place: resources of `weft-system` (its service accounts are the identities of ingress, activator
 * and prober), the removal of its namespaces, and revisions, which only the controller makes.
 * @throws WeftError `RESERVED`, `METHOD_NOT_ALLOWED`
 */
export function assertMayWrite(ref: ResourceRef, verb: 'create' | 'update' | 'delete'): void {
  if (ref.group === '' && ref.kind === 'Namespace') return assertMayWriteNamespace(ref.name, verb)
  if (ref.namespace === SYSTEM_NAMESPACE && ref.group === '' && ref.kind !== 'Secret') return refuse(`${ref.kind} ${ref.name}`)
  if (ref.namespace === SYSTEM_NAMESPACE && ref.kind === 'Function') return refuse(`Function ${ref.name}`)
  if (ref.group === 'weft.dev' && ref.kind === 'Revision') {
    throw new WeftError('METHOD_NOT_ALLOWED', {
      method: verb,
      what: `Revision ${ref.name}`,
      allowed: 'a change of the template of its Function, which makes a revision',
    })
  }
}

function refuse(what: string): never {
  throw new WeftError('RESERVED', { what, reason: `the namespace ${SYSTEM_NAMESPACE} holds the identities of the platform` })
}

function assertMayWriteNamespace(name: string, verb: string): void {
  if (name === SYSTEM_NAMESPACE && verb !== 'update') return refuse(`the namespace ${name}`)
  if (name === DEFAULT_NAMESPACE && verb === 'delete') throw new WeftError('RESERVED', { what: `the namespace ${name}`, reason: 'it is there always' })
}

/**
 * Refuses writing a status that the controller owns: calls go where the status of a Function says.
 * @throws WeftError `METHOD_NOT_ALLOWED`
 */
export function assertMayWriteStatus(resource: Resource): void {
  if (groupOf(resource.apiVersion) !== 'weft.dev') return
  throw new WeftError('METHOD_NOT_ALLOWED', {
    method: 'writing',
    what: `the status of ${resource.kind} ${resource.metadata.name}`,
    allowed: 'its spec; the controller writes the status',
  })
}
