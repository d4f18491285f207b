import { KINDS, type KindDefinition } from '@weft/api'
import type { ServedKind } from './kinds.ts'

function kept({ group, versions, kind, plural, singular, shortNames, namespaced, status, schema }: KindDefinition): ServedKind {
  return { group, versions, kind, plural, singular, shortNames, namespaced, status, legacy: false, schema }
}

function legacy(group: string, version: string): ServedKind {
  return {
    group,
    versions: [version],
    kind: 'Function',
    plural: 'functions',
    singular: 'function',
    shortNames: [],
    namespaced: true,
    status: false,
    legacy: true,
  }
}

/** Every kind that is served, in the order of discovery: those that Weft keeps, and those that it only takes in. */
export const SERVED_KINDS: readonly ServedKind[] = [...KINDS.map(kept), legacy('openfaas.com', 'v1'), legacy('kubeless.io', 'v1beta1')]
