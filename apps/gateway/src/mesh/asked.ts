import { canonicalNamespace, parseFunctionRef, parseSpiffeId, WeftError, type NamespacedName } from '@weft/core'
import type { AskedCaller } from '@weft/mesh-model'

/** A function or Service as a question names it. @throws WeftError `INVALID_NAME` */
export function refOf(name: string, namespace: string | undefined): NamespacedName {
  return parseFunctionRef(name, canonicalNamespace(namespace))
}

/** A caller as the command line writes it. @throws WeftError `INVALID_NAME`, `INVALID_VALUE` */
export function callerOf(text: string | undefined, namespace: string | undefined): AskedCaller {
  if (text === undefined) return { kind: 'ingress' }
  if (!text.includes('/')) return { kind: 'workload', name: refOf(text, namespace) }
  const principal = text.startsWith('spiffe://') ? text : `spiffe://${text}`
  if (parseSpiffeId(principal) === undefined)
    throw new WeftError('INVALID_VALUE', { field: 'from', reason: `${text} is not an identity such as cluster.local/ns/default/sa/control` })
  return { kind: 'identity', principal }
}

/** The mesh knows nothing of that name. @throws WeftError `HOST_NOT_FOUND` */
export function notThere(ref: NamespacedName): never {
  const { namespace, name } = ref
  throw new WeftError('HOST_NOT_FOUND', { host: `${name}.${namespace}` })
}
