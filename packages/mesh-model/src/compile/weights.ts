import type { RouteTarget } from '../snapshot.ts'

/** Sum of the shares where they cannot be kept as they were written. */
const SCALE = 1_000_000

/**
 * Shares as whole numbers: kept where they are whole already (`90`, `10`), else scaled to a million parts. A share above zero stays above zero, and shares
 * for the same workload with the same headers become one.
 */
export function wholeShares(targets: readonly RouteTarget[]): readonly RouteTarget[] {
  const merged = new Map<string, RouteTarget>()
  for (const target of targets) {
    const key = JSON.stringify([target.workload, target.external, target.missing, target.requestHeaders, target.responseHeaders])
    const other = merged.get(key)
    merged.set(key, other === undefined ? target : { ...target, weight: other.weight + target.weight })
  }
  const list = [...merged.values()]
  const sum = list.reduce((total, target) => total + target.weight, 0)
  if (sum <= SCALE && list.every((target) => isWhole(target.weight))) return list.map((target) => ({ ...target, weight: Math.round(target.weight) }))
  return list.map((target) => ({ ...target, weight: target.weight === 0 ? 0 : Math.max(1, Math.round((target.weight / sum) * SCALE)) }))
}

function isWhole(weight: number): boolean {
  return Math.abs(weight - Math.round(weight)) < 1e-9
}
