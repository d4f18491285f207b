import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'

/** Joins two connections byte by byte: each side may end before the other, and an error of one ends both. */
export function splice(near: Duplex, far: Socket): void {
  near.on('error', () => far.destroy())
  far.on('error', () => near.destroy())
  near.on('close', () => far.destroy())
  far.on('close', () => near.destroy())
  near.pipe(far)
  far.pipe(near)
}
