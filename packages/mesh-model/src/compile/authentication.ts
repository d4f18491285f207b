import { ISTIO_NAMESPACE_ALIAS, SYSTEM_NAMESPACE } from '@weft/core'
import type { IngressAuthentication, JwtRule } from '../authentication.ts'
import { byAge } from '../read/base.ts'
import type { RequestAuthenticationModel } from '../read/models.ts'
import { policyFrom } from './policy.ts'
import type { World } from '../world/world.ts'

/** Labels of the ingress, by which policies select it (as they select Istio's ingress gateway). */
export const INGRESS_LABELS: Readonly<Record<string, string>> = { istio: 'ingressgateway', app: 'istio-ingressgateway', 'weft.dev/gateway': 'ingress' }
/** Where resources about the platform's gateways are written: ours, and where Istio's live. */
export const GATEWAY_NAMESPACES: readonly string[] = [SYSTEM_NAMESPACE, ISTIO_NAMESPACE_ALIAS]

/** RequestAuthentications that select something: those of the mesh's root namespace, and those of its own; all their rules together, as Istio joins them. */
export function authenticationFor(world: World, namespace: string, labels: Readonly<Record<string, string>>): readonly RequestAuthenticationModel[] {
  const index = world.requestAuthentication
  const selecting = new Set([
    ...index.wide(SYSTEM_NAMESPACE),
    ...index.narrow(SYSTEM_NAMESPACE, labels),
    ...index.wide(namespace),
    ...index.narrow(namespace, labels),
  ])
  return [...selecting].toSorted(byAge)
}

/** The rules of what {@link authenticationFor} found. */
export function rulesOfAll(selecting: readonly RequestAuthenticationModel[]): readonly JwtRule[] {
  return selecting.flatMap(({ rules }) => rules)
}

/**
 * What the ingress asks; `undefined` when nothing selects it. A policy must select it by its labels: one for the whole mesh is about callers with an identity, which
 * clients outside do not have.
 */
export function compileIngressAuthentication(world: World): IngressAuthentication | undefined {
  const root = authenticationFor(world, SYSTEM_NAMESPACE, INGRESS_LABELS)
  const others = GATEWAY_NAMESPACES.filter((namespace) => namespace !== SYSTEM_NAMESPACE)
  const all = [...root, ...others.flatMap((namespace) => world.requestAuthentication.narrow(namespace, INGRESS_LABELS))].toSorted(byAge)
  const broken = all.find((one) => one.broken !== undefined)?.broken
  const rules = rulesOfAll(all)
  const policies = GATEWAY_NAMESPACES.flatMap((namespace) => world.authorization.narrow(namespace, INGRESS_LABELS))
  if (rules.length === 0 && broken === undefined && policies.length === 0) return undefined
  return { rules, ...(broken === undefined ? {} : { broken }), ...(policies.length === 0 ? {} : { policy: policyFrom(policies) }) }
}
