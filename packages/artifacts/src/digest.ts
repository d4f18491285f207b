import { createHash } from 'node:crypto'
import type { ArtifactRun } from './port.ts'

/** One file of an artifact as it counts for the digest. */
export interface ArtifactFile {
  /** Relative path with `/`. */
  readonly path: string
  readonly executable: boolean
  /** SHA-256 of the content, hexadecimal. */
  readonly hash: string
  readonly sizeBytes: number
}

const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
const sortedEntries = (map: object) => Object.entries(map).toSorted(([a], [b]) => byCodeUnit(a, b))

/**
 * The name of an artifact: SHA-256 over the sorted files (path, mode, content hash) and over run, environment and labels. Neither the order in which files
 * were found nor times, owners or the machine count.
 */
export function artifactDigest(
  files: readonly ArtifactFile[],
  run: ArtifactRun,
  env: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): string {
  const list = files.toSorted((a, b) => byCodeUnit(a.path, b.path)).map((file) => [file.path, file.executable ? '0555' : '0444', file.hash])
  const text = JSON.stringify(['weft-artifact-v1', list, sortedEntries(run), sortedEntries(env), sortedEntries(labels)])
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
