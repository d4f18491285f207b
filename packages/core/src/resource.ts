/**
 * The shape that every resource shares, as in Kubernetes: `apiVersion`, `kind`, `metadata`, `spec`, `status`.
 * Schemas and static types of each kind are in `@weft/api`.
 */

/** Metadata of a resource. `namespace` is absent for cluster-wide kinds (Namespace). */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Opaque to clients; grows with every write to the store. Set by the store. */
  readonly resourceVersion?: string
  /** Grows by one with every change of `spec`. Set by the store. */
  readonly generation?: number
  /** Never used again for another object. Set by the store. */
  readonly uid?: string
  /** RFC 3339. Set by the store. */
  readonly creationTimestamp?: string
  readonly ownerReferences?: readonly OwnerReference[]
}

/** Points from a child (a Revision) to its owner (a Function). */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid?: string
}

/** Any resource, whatever its kind. */
export interface Resource<Spec = unknown, Status = unknown> {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly spec?: Spec
  readonly status?: Status
}

/** A condition of a status, as in Kubernetes. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  /** One CamelCase word. */
  readonly reason: string
  /** A sentence for people. */
  readonly message: string
  /** RFC 3339. */
  readonly lastTransitionTime?: string
}

/** Names a resource without its content. */
export interface ResourceRef {
  /** The group only (`weft.dev`, `networking.istio.io`, `''` for core): versions of a group are one thing. */
  readonly group: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
}

/** The group of an `apiVersion`: what stands before the slash, `''` for core `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

/** The reference of a resource. */
export function refOf(resource: Resource): ResourceRef {
  const { name, namespace } = resource.metadata
  return { group: groupOf(resource.apiVersion), kind: resource.kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

/** One string for a reference, to key maps by: `group/kind/namespace/name`. */
export function refKey(ref: ResourceRef): string {
  return `${ref.group}/${ref.kind}/${ref.namespace ?? ''}/${ref.name}`
}
