import type { NodeState, Target } from './node.ts'

/** A proxy that was not waited for any longer, and why. */
export interface Straggler {
  readonly proxy: string
  readonly reason: string
}

/** What is still open at a node. A refusal is told only when nothing else is on its way any more. */
function openReason(node: NodeState, targets: readonly Target[]): { readonly reason: string; readonly final: boolean } | undefined {
  if (node.connections.size === 0) return { reason: 'not connected', final: false }
  let refused: string | undefined
  for (const connection of node.connections) {
    for (const target of targets) {
      const progress = node.progress(connection, target)
      if (progress === 'done') continue
      const what = `${target.typeUrl.slice(target.typeUrl.lastIndexOf('.') + 1)} ${target.name}`
      if (progress === 'pending') return { reason: `has not acknowledged ${what}`, final: false }
      refused ??= `refused ${what}: ${progress.refused}`
    }
  }
  return refused === undefined ? undefined : { reason: refused, final: true }
}

/**
 * Resolves when every target is in force at the node or was refused by it, or at the deadline.
 * @param signal ends the waiting with the reason of the moment
 * @returns why it was given up, or `undefined` when everything is in force
 */
export async function inForce(node: NodeState, targets: readonly Target[], signal: AbortSignal): Promise<Straggler | undefined> {
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  for (;;) {
    const open = openReason(node, targets)
    if (open === undefined) return undefined
    if (open.final || signal.aborted) return { proxy: node.id, reason: open.reason }
    await Promise.race([node.next(), aborted])
  }
}
