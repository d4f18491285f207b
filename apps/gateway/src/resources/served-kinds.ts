import type { ServedKind } from './kinds.ts'

const ISTIO = ['v1', 'v1beta1', 'v1alpha3'] as const

function weft(kind: string, plural: string, shortNames: readonly string[]): ServedKind {
  return { group: 'weft.dev', versions: ['v1alpha1'], kind, plural, singular: kind.toLowerCase(), shortNames, namespaced: true, status: true, legacy: false }
}

function core(kind: string, plural: string, shortNames: readonly string[], namespaced = true): ServedKind {
  return { group: '', versions: ['v1'], kind, plural, singular: kind.toLowerCase(), shortNames, namespaced, status: false, legacy: false }
}

function istio(group: string, kind: string, plural: string, shortNames: readonly string[], versions: readonly string[]): ServedKind {
  return { group, versions, kind, plural, singular: kind.toLowerCase(), shortNames, namespaced: true, status: true, legacy: false }
}

function legacy(group: string, version: string, shortNames: readonly string[]): ServedKind {
  return { group, versions: [version], kind: 'Function', plural: 'functions', singular: 'function', shortNames, namespaced: true, status: false, legacy: true }
}

/** Every kind that is served, in the order of discovery. */
export const SERVED_KINDS: readonly ServedKind[] = [
  core('Namespace', 'namespaces', ['ns'], false),
  core('Service', 'services', ['svc']),
  core('Secret', 'secrets', []),
  core('ServiceAccount', 'serviceaccounts', ['sa']),
  weft('Function', 'functions', ['fn']),
  weft('Revision', 'revisions', ['rev']),
  istio('networking.istio.io', 'VirtualService', 'virtualservices', ['vs'], ISTIO),
  istio('networking.istio.io', 'DestinationRule', 'destinationrules', ['dr'], ISTIO),
  istio('security.istio.io', 'AuthorizationPolicy', 'authorizationpolicies', ['ap'], ['v1', 'v1beta1']),
  istio('security.istio.io', 'PeerAuthentication', 'peerauthentications', ['pa'], ['v1', 'v1beta1']),
  legacy('openfaas.com', 'v1', []),
  legacy('kubeless.io', 'v1beta1', []),
]
