import { canonicalNamespace } from '@weft/core'
import { GATEWAY_API, type RouteParent } from '@weft/api'
import type { ParentModel } from './models.ts'

const TARGETS: Readonly<Record<string, ParentModel['target']['kind']>> = {
  '/Service': 'host',
  'weft.dev/Function': 'function',
  [`${GATEWAY_API}/Gateway`]: 'gateway',
}

/** What a route is attached to; parents of other kinds are somebody else's. */
export function readParents(parents: readonly RouteParent[] | undefined, namespace: string): readonly ParentModel[] {
  return (parents ?? []).flatMap((parent, index) => {
    const { group = GATEWAY_API, kind = 'Gateway', name } = parent
    const target = Object.hasOwn(TARGETS, `${group}/${kind}`) ? TARGETS[`${group}/${kind}`] : undefined
    if (target === undefined) return []
    const key = `${canonicalNamespace(parent.namespace ?? namespace)}/${name}`
    return [{ reference: { ...parent, group, kind }, index, target: { kind: target, key } }]
  })
}
