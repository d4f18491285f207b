import type { WorkloadKey } from '../snapshot.ts'

/**
 * The proxy that serves a workload, of all that there are: the one that ranks highest for its name (rendezvous hashing), so that another proxy takes over
 * some workloads and moves no others.
 * @param proxies xds node ids, at least one
 */
export function placedOn(proxies: readonly string[], workload: WorkloadKey): string {
  let best = { proxy: '', rank: -1 }
  for (const proxy of proxies) {
    const rank = fnv1a(`${proxy} ${workload}`)
    if (rank > best.rank || (rank === best.rank && proxy < best.proxy)) best = { proxy, rank }
  }
  return best.proxy
}

/** FNV-1a of 32 bits, its low bits mixed: names that differ at the end alone must not rank alike. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
