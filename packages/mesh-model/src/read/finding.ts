import type { ResourceRef } from '@weft/core'
import type { ResourceFinding } from '../snapshot.ts'

/** Reasons of findings; stable, since clients and tests go by them. */
export type FindingReason =
  | 'CredentialExpired'
  | 'CredentialInvalid'
  | 'CredentialKept'
  | 'CredentialNotFound'
  | 'BackendNotFound'
  | 'DelegateConflict'
  | 'DelegateNotFound'
  | 'FieldNotSupported'
  | 'GatewayConflict'
  | 'GatewayNotFound'
  | 'GatewayNotOurs'
  | 'HostConflict'
  | 'HostNotFound'
  | 'HostNotServed'
  | 'HostOwnedByService'
  | 'InvalidKind'
  | 'InvalidName'
  | 'InvalidResource'
  | 'NoMatchingListenerHostname'
  | 'NoMatchingParent'
  | 'NotAllowedByListeners'
  | 'KeysNotFetched'
  | 'PlatformAddress'
  | 'PolicyBroken'
  | 'PortNotBound'
  | 'PortNotFound'
  | 'PortNotSupported'
  | 'ProtocolConflict'
  | 'RefNotPermitted'
  | 'ReservedNamespace'
  | 'RevisionNotFound'
  | 'SelectorIgnored'
  | 'ServiceAccountNotGranted'
  | 'SplitOwned'
  | 'SubsetConflict'
  | 'SubsetNotFound'
  | 'TokensNotVerified'
  | 'TlsNotVerified'
  | 'TrafficPolicyIgnored'
  | 'UnsupportedValue'
  | 'WeightsInvalid'

/** Something that keeps a resource, or a part of it, from having its effect. */
export function failure(resource: ResourceRef, reason: FindingReason, message: string): ResourceFinding {
  return { resource, severity: 'error', reason, message }
}

/** Something that its author would want to know. */
export function warning(resource: ResourceRef, reason: FindingReason, message: string): ResourceFinding {
  return { resource, severity: 'warning', reason, message }
}
