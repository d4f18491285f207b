import { canonicalNamespace, groupOf, type Resource } from '@weft/core'
import { ApiGatewaySpec, GATEWAY_API, GatewayClassSpec, type GatewayListener, type NamespaceSelector } from '@weft/api'
import { baseOf, refusals } from '../base.ts'
import { checker } from '../check.ts'
import type { Read } from '../core-kinds.ts'
import type { Model } from '../models.ts'

/** A Secret that a listener refers to. */
export interface CertificateReference {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

/** A listener of a Gateway. */
export interface ListenerModel {
  readonly name: string
  readonly hostname: string
  readonly port: number
  readonly protocol: 'http' | 'https'
  readonly certificate: CertificateReference | undefined
  /** Kinds of routes that may be attached, of those that there are. */
  readonly kinds: readonly string[]
  /** Kinds that it asks for and that there are not. */
  readonly unknownKinds: readonly string[]
  readonly from: 'All' | 'Same' | 'Selector'
  readonly selector: NamespaceSelector
}

/** A Gateway of the Gateway API. */
export interface ApiGatewayModel extends Model {
  readonly generation: number | undefined
  readonly className: string
  readonly listeners: readonly ListenerModel[]
}

/** A GatewayClass. */
export interface GatewayClassModel extends Model {
  readonly generation: number | undefined
  readonly controllerName: string
}

const checkGateway = checker(ApiGatewaySpec)
const checkClass = checker(GatewayClassSpec)

/** Kinds of routes that a listener carries. */
export const ROUTE_KINDS_OF_LISTENERS = ['HTTPRoute', 'GRPCRoute'] as const

/** The key of a Gateway of the Gateway API among the gateways of the mesh: Istio's may have the same name. */
export function apiGatewayKey(key: string): string {
  return key.replace('/', '/gateway-api:')
}

/** Reads a Gateway of the Gateway API. */
export function readApiGateway(resource: Resource): Read<ApiGatewayModel> {
  const base = baseOf(resource)
  const checked = checkGateway(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const { gatewayClassName: className, listeners } = checked.value
  return {
    model: { ...base, generation: resource.metadata.generation, className, listeners: listeners.map((listener) => readListener(listener, base.namespace)) },
  }
}

function readListener({ name, hostname = '*', port, protocol, tls, allowedRoutes }: GatewayListener, namespace: string): ListenerModel {
  const asked = allowedRoutes?.kinds?.map(({ group = GATEWAY_API, kind }) => (group === GATEWAY_API ? kind : `${group}/${kind}`))
  const known: readonly string[] = ROUTE_KINDS_OF_LISTENERS
  const [certificate] = tls?.certificateRefs ?? []
  return {
    name,
    hostname,
    port,
    protocol: protocol === 'HTTPS' ? 'https' : 'http',
    certificate:
      certificate === undefined
        ? undefined
        : {
            group: certificate.group ?? '',
            kind: certificate.kind ?? 'Secret',
            namespace: canonicalNamespace(certificate.namespace ?? namespace),
            name: certificate.name,
          },
    kinds: asked === undefined ? known : known.filter((kind) => asked.includes(kind)),
    unknownKinds: (asked ?? []).filter((kind) => !known.includes(kind)),
    from: allowedRoutes?.namespaces?.from ?? 'Same',
    selector: allowedRoutes?.namespaces?.selector ?? {},
  }
}

/** Reads a GatewayClass. */
export function readGatewayClass(resource: Resource): Read<GatewayClassModel> {
  const { apiVersion, kind, metadata } = resource
  const base = { ...baseOf(resource), key: metadata.name, ref: { group: groupOf(apiVersion), kind, name: metadata.name } }
  const checked = checkClass(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  return { model: { ...base, generation: resource.metadata.generation, controllerName: checked.value.controllerName } }
}
