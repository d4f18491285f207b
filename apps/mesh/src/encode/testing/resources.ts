import type { CanaryRouting } from '@weft/api'
import type { Resource } from '@weft/core'
import { createCompiler } from '@weft/mesh-model'
import type { CompilerSettings, MeshSnapshot } from '@weft/mesh-model'

const metadata = (name: string, namespace = 'default'): Resource['metadata'] => ({ name, namespace, creationTimestamp: '2026-01-01T00:00:00Z' })

/** A function with revisions `v1`, `v2`, … (labels `version`), all calls to the first. Workloads are `NAMESPACE/NAME-v1`, … */
export function functionOf(name: string, revisions = 1, namespace = 'default'): readonly Resource[] {
  const fn: Resource = {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Function',
    metadata: metadata(name, namespace),
    spec: { template: { runtime: 'node22' } },
    status: { traffic: [{ revision: 'v1', weight: 100 }] },
  }
  const versions = Array.from({ length: revisions }, (_, index) => `v${index + 1}`)
  return [
    fn,
    ...versions.map((revision, index): Resource => ({
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'Revision',
      metadata: metadata(`${name}-${revision}`, namespace),
      spec: { function: name, revision, number: index + 1, template: { runtime: 'node22', labels: { app: name, version: revision } } },
      status: { phase: 'Active' },
    })),
  ]
}

/** A function with two revisions, and what its canary, whose candidate is `v2`, has the mesh do. */
export function tried(name: string, routing: CanaryRouting, traffic: Readonly<Record<string, number>> = { v1: 100 }): readonly Resource[] {
  const status = { traffic: Object.entries(traffic).map(([revision, weight]) => ({ revision, weight })), canary: { candidate: 'v2', ...routing } }
  return functionOf(name, 2).map((resource) => (resource.kind === 'Function' ? { ...resource, status } : resource))
}

/** Routes of a host, as a user writes them. */
export function virtualService(host: string, http: readonly unknown[]): Resource {
  return { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: metadata(host), spec: { hosts: [host], http } }
}

/** A DestinationRule with the subsets `v1` to `v3`. */
export function destinationRule(host: string, trafficPolicy?: unknown, subsets: readonly unknown[] = [subset('v1'), subset('v2'), subset('v3')]): Resource {
  const spec = { host, subsets, ...(trafficPolicy === undefined ? {} : { trafficPolicy }) }
  return { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: metadata(host), spec }
}

/** The subset of one version. */
export function subset(version: string, trafficPolicy?: unknown): object {
  return { name: version, labels: { version }, ...(trafficPolicy === undefined ? {} : { trafficPolicy }) }
}

/** A resource of Istio's networking API. */
export function networking(kind: string, name: string, spec: unknown, namespace = 'default'): Resource {
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { ...metadata(name), namespace }, spec }
}

/** Settings of the compiler beside the path of hops. */
type Settings = Partial<CompilerSettings>

/** The snapshot of resources, compiled as the platform does, whatever is wrong with them. */
export function compiledWith(resources: readonly Resource[], path: MeshSnapshot['path'] = 'encrypted', settings: Settings = {}): MeshSnapshot {
  return createCompiler({ proxies: ['node-1'], path, ...settings }).apply(resources.map((resource) => ({ type: 'set', resource }))).snapshot
}

/** Like {@link compiledWith}. Fails when one of them is refused. */
export function compiled(resources: readonly Resource[], path: MeshSnapshot['path'] = 'encrypted', settings: Settings = {}): MeshSnapshot {
  const snapshot = compiledWith(resources, path, settings)
  const errors = snapshot.findings.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(({ reason, message }) => `${reason}: ${message}`).join('\n'))
  return snapshot
}
