import type { Replica } from '@weft/provider'

/** So long calls wait for a replica that is started again, rather than to be told that there is none. */
const SOON_MS = 5_000

const isSoon = ({ restartsAt = Number.POSITIVE_INFINITY }: Replica, now: number) => restartsAt - now <= SOON_MS

/**
 * Whether calls that wait when a replica crashes go on waiting: where others come up, and where it had been well and is started again soon. One that crashes at
 * start answers them with its own words.
 */
export function waitsOn(crashed: Replica, others: readonly Replica[], now: number): boolean {
  return others.some(({ phase }) => phase === 'starting' || phase === 'ready') || (crashed.readyAt !== undefined && isSoon(crashed, now))
}

/** The replica whose words a call gets at once that comes while all of them crash and none is started again soon; `undefined`: it waits. */
export function speaksFor(replicas: readonly Replica[], now: number): Replica | undefined {
  return replicas.every((replica) => replica.phase === 'backoff' && !isSoon(replica, now)) ? replicas[0] : undefined
}
