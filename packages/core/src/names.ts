import { WeftError } from './errors.ts'

/** The namespace that a name without one belongs to. */
export const DEFAULT_NAMESPACE = 'default'
/** OpenFaaS clients say `openfaas-fn` where we say `default`; the alias holds in the API, hosts and principals. */
export const OPENFAAS_NAMESPACE_ALIAS = 'openfaas-fn'
/** Namespace of the platform's own identities (ingress, activator, prober, queue-worker, triggers), and of what holds for the whole mesh. */
export const SYSTEM_NAMESPACE = 'weft-system'
/** Resources for Istio say `istio-system` (its root namespace, and that of its gateways) where we say `weft-system`. */
export const ISTIO_NAMESPACE_ALIAS = 'istio-system'

/** Other names of namespaces, in the API, hosts and principals. */
export const NAMESPACE_ALIASES: ReadonlyMap<string, string> = new Map([
  [OPENFAAS_NAMESPACE_ALIAS, DEFAULT_NAMESPACE],
  [ISTIO_NAMESPACE_ALIAS, SYSTEM_NAMESPACE],
])

const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/

/** Whether `text` is a DNS-1123 label: 1 to 63 of `a-z0-9-`, not starting or ending with a dash (RFC 1123 §2.1). */
export function isDnsLabel(text: string): boolean {
  return DNS_LABEL.test(text)
}

/** Turns an alias into what it stands for, and the empty string into `default`; leaves any other namespace as it is. */
export function canonicalNamespace(namespace: string | undefined): string {
  if (namespace === undefined || namespace === '') return DEFAULT_NAMESPACE
  return NAMESPACE_ALIASES.get(namespace) ?? namespace
}

/** A name inside a namespace; both are DNS-1123 labels. */
export interface NamespacedName {
  readonly namespace: string
  readonly name: string
}

/**
 * Checks a name and a namespace and gives them back in canonical form.
 * @throws WeftError `INVALID_NAME`
 */
export function namespacedName(name: string, namespace?: string): NamespacedName {
  const ns = canonicalNamespace(namespace)
  if (!isDnsLabel(name)) throw new WeftError('INVALID_NAME', { what: 'name', value: name })
  if (!isDnsLabel(ns)) throw new WeftError('INVALID_NAME', { what: 'namespace', value: ns })
  return { namespace: ns, name }
}

/**
 * Reads `NAME` or `NAME.NAMESPACE`, split at the last dot as the OpenFaaS gateway does.
 * @throws WeftError `INVALID_NAME` when a part is not a DNS-1123 label
 */
export function parseFunctionRef(text: string, defaultNamespace: string = DEFAULT_NAMESPACE): NamespacedName {
  const dot = text.lastIndexOf('.')
  if (dot < 0) return namespacedName(text, defaultNamespace)
  const namespace = text.slice(dot + 1)
  if (namespace === '') throw new WeftError('INVALID_NAME', { what: 'namespace', value: namespace })
  return namespacedName(text.slice(0, dot), namespace)
}

/** `namespace/name`, the key under which maps and queues hold a namespaced thing. */
export function keyOf(ref: NamespacedName): string {
  return `${ref.namespace}/${ref.name}`
}

/** Splits a key made by {@link keyOf}. */
export function splitKey(key: string): NamespacedName {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
