/** The trust domain unless the configuration names another. */
export const DEFAULT_TRUST_DOMAIN = 'cluster.local'

/** Who a workload is on the wire: a service account in a namespace of a trust domain. */
export interface Identity {
  readonly trustDomain: string
  readonly namespace: string
  readonly serviceAccount: string
}

/** The SPIFFE ID of an identity, `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT` (as Istio writes it). */
export function spiffeId(identity: Identity): string {
  return `spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`
}

/** Reads what {@link spiffeId} wrote; `undefined` for anything else (no prefix or suffix is tolerated). */
export function parseSpiffeId(uri: string): Identity | undefined {
  const match = /^spiffe:\/\/([a-z0-9][-a-z0-9.]*)\/ns\/([a-z0-9][-a-z0-9]*)\/sa\/([a-z0-9][-a-z0-9.]*)$/.exec(uri)
  const [, trustDomain, namespace, serviceAccount] = match ?? []
  if (trustDomain === undefined || namespace === undefined || serviceAccount === undefined) return undefined
  return { trustDomain, namespace, serviceAccount }
}
