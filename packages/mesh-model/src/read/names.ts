import { canonicalNamespace, isDnsLabel } from '@weft/core'
import type { HostKey, MeshHost, MeshSnapshot } from '../snapshot.ts'

const CLUSTER_SUFFIX = ['svc', 'cluster', 'local']

/**
 * Which host a name means to somebody in `namespace`: `x`, `x.ns`, `x.ns.svc` or `x.ns.svc.cluster.local`, whatever their case, with a trailing dot or
 * without. @returns `undefined` for anything else; whether the host exists is another question
 */
export function hostKeyOf(name: string, namespace: string): HostKey | undefined {
  const [host = '', ns = namespace, ...rest] = name.toLowerCase().replace(/\.$/, '').split('.')
  if (!isDnsLabel(host) || !isDnsLabel(ns)) return undefined
  const suffixed = rest.length === 0 || (rest.length === 1 && rest[0] === 'svc') || (rest.length === 3 && rest.every((part, i) => part === CLUSTER_SUFFIX[i]))
  return suffixed ? `${canonicalNamespace(ns)}/${host}` : undefined
}

/** What resources about a name are kept by: the host of the mesh that it may mean, else the name itself. `a.b` may mean both, and has the mesh's key. */
export function nameKeyOf(name: string, namespace: string): string {
  return hostKeyOf(name, namespace) ?? name.toLowerCase().replace(/\.$/, '')
}

/** The wildcards that hold a name, the narrowest first: `*.b.c`, `*.c`, `*` for `a.b.c`. */
export function wildcardsOf(name: string): readonly string[] {
  const labels = name.split('.').slice(1)
  return [...labels.map((_, index) => `*.${labels.slice(index).join('.')}`), '*']
}

/** The full name of a host, as Istio and Kubernetes write it. */
export function hostFqdn(namespace: string, name: string): string {
  return `${name}.${namespace}.svc.cluster.local`
}

/** A host (`:authority`) without its port and trailing dot, in lower case. */
export function bareAuthority(authority: string): string {
  return withoutPort(authority).toLowerCase().replace(/\.$/, '')
}

function withoutPort(authority: string): string {
  return authority.replace(/:\d{1,5}$/, '')
}

/**
 * The host that a caller means by `authority` (a Host header, with or without a port), for routes that are made on demand.
 * @returns `undefined` when the mesh has no such host
 */
export function resolveHost(snapshot: Pick<MeshSnapshot, 'hosts'>, callerNamespace: string, authority: string): MeshHost | undefined {
  const key = hostKeyOf(withoutPort(authority), callerNamespace)
  return key === undefined ? undefined : snapshot.hosts.get(key)
}

/** Every way in which callers may write a host: the forms of the policies' `hosts` that mean the same. */
export function hostSpellings(key: HostKey, namespace: string): readonly string[] {
  const [ns = '', name = ''] = key.split('/')
  const namespaces = ns === canonicalNamespace('') ? [ns, 'openfaas-fn'] : [ns]
  const qualified = namespaces.flatMap((alias) => [`${name}.${alias}`, `${name}.${alias}.svc`, hostFqdn(alias, name)])
  return ns === namespace ? [name, ...qualified] : qualified
}
