import { hostFqdn, wildcardsOf } from '../read/names.ts'

/** Whether a name is one that the mesh may have itself: `NAMESPACE/NAME`. */
export function isMeshName(key: string): boolean {
  return /^[^/.:]+\/[^/.:]+$/.test(key)
}

/** The name and the wildcards that hold a host of the mesh, the most specific first. */
export function namesOfHost(key: string): readonly string[] {
  const [namespace = '', name = ''] = key.split('/')
  return [key, ...wildcardsOf(hostFqdn(namespace, name))]
}
