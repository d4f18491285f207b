/** Which of the platform's gateways: the one for calls from outside, or the one for calls to the outside. */
export type GatewayPlacement = 'ingress' | 'egress'

/** Labels of the platform's own gateways, with those that Istio's have; a key may have any of its values. */
export const GATEWAY_LABELS: Readonly<Record<GatewayPlacement, Readonly<Record<string, readonly string[]>>>> = {
  ingress: { istio: ['ingressgateway', 'ingress'], app: ['istio-ingressgateway'], 'weft.dev/gateway': ['ingress'] },
  egress: { istio: ['egressgateway', 'egress'], app: ['istio-egressgateway'], 'weft.dev/gateway': ['egress'] },
}

/** Which gateway a selector means. Without labels it is for every gateway (Istio), so for the one that takes calls from outside. */
export function gatewayPlacement(selector: Readonly<Record<string, string>>): GatewayPlacement | undefined {
  const fits = (placement: GatewayPlacement) => Object.entries(selector).every(([key, value]) => GATEWAY_LABELS[placement][key]?.includes(value) ?? false)
  return fits('ingress') ? 'ingress' : fits('egress') ? 'egress' : undefined
}

/** Why a server of this protocol and TLS mode cannot be one of the gateway; `undefined`: it can. */
export function placementProblem(placement: GatewayPlacement | undefined, mode: string | undefined): string | undefined {
  if (placement === 'egress' && mode !== undefined && mode !== 'ISTIO_MUTUAL' && mode !== 'PASSTHROUGH')
    return `the egress gateway takes calls of the mesh, by the mesh's own TLS: use ISTIO_MUTUAL or PASSTHROUGH in place of ${mode}`
  if (placement === 'ingress' && mode === 'ISTIO_MUTUAL')
    return 'ISTIO_MUTUAL is for the egress gateway (istio: egressgateway): clients outside have no certificate of the mesh; use SIMPLE or MUTUAL'
  return undefined
}
