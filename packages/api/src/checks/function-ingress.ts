import type { Resource } from '@weft/core'
import type { FunctionSpec } from '../function.ts'
import { child, shown, type Violation } from '../violation.ts'

/** Label by which Knative makes a service private to the cluster; its only value there is `cluster-local`. */
export const KNATIVE_VISIBILITY_LABEL = 'networking.knative.dev/visibility'
/** Annotations that say what `spec.visibility` and `spec.ingress.authentication` say, for clients that have only those (OpenFaaS). */
export const INGRESS_ANNOTATIONS = { visibility: 'weft.dev/visibility', authentication: 'weft.dev/ingress-authentication' } as const

const ANNOTATION_VALUES: Readonly<Record<string, readonly string[]>> = {
  [INGRESS_ANNOTATIONS.visibility]: ['public', 'mesh'],
  [INGRESS_ANNOTATIONS.authentication]: ['optional', 'required'],
}

/** What calls from outside meet. */
export interface IngressRules {
  /** They do not get there at all. */
  readonly isPrivate: boolean
  /** They need a verified token. */
  readonly needsToken: boolean
}

/** Reads what a Function says of calls from outside: its spec, else its labels and annotations, or those of its template. */
export function ingressRulesOf({
  metadata,
  spec,
}: Pick<Resource, 'metadata'> & { readonly spec: Pick<FunctionSpec, 'visibility' | 'ingress' | 'template'> }): IngressRules {
  const labels = { ...spec.template.labels, ...metadata.labels }
  const annotations = { ...spec.template.annotations, ...metadata.annotations }
  const said = spec.visibility ?? annotations[INGRESS_ANNOTATIONS.visibility]
  return {
    isPrivate: said === undefined ? isClusterLocal(labels) : said === 'mesh',
    needsToken: (spec.ingress?.authentication ?? annotations[INGRESS_ANNOTATIONS.authentication]) === 'required',
  }
}

/** Whether labels make something private to the mesh, as Knative reads them. */
export function isClusterLocal(labels: Readonly<Record<string, string>> | undefined): boolean {
  return labels?.[KNATIVE_VISIBILITY_LABEL] === 'cluster-local'
}

/** Values that mean nothing there would leave a function open that its author thinks closed. */
export function checkIngressWords(resource: Resource): readonly Violation[] {
  const { template } = resource.spec as FunctionSpec
  return [...wordsAt(resource.metadata, 'metadata'), ...wordsAt(template, 'spec.template')]
}

interface Described {
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

function wordsAt({ labels = {}, annotations = {} }: Described, path: string): readonly Violation[] {
  const label = labels[KNATIVE_VISIBILITY_LABEL]
  const wrong = label === undefined || label === 'cluster-local' ? [] : [[child(`${path}.labels`, KNATIVE_VISIBILITY_LABEL), ['cluster-local'], label] as const]
  const others = Object.entries(ANNOTATION_VALUES).flatMap(([name, values]) => {
    const value = annotations[name]
    return value === undefined || values.includes(value) ? [] : [[child(`${path}.annotations`, name), values, value] as const]
  })
  return [...wrong, ...others].map(([field, values, value]) => ({ field, reason: `must be ${values.join(' or ')}, and is ${shown(value)}` }))
}
