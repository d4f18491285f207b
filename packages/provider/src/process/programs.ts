import { accessSync, constants, lstatSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { REPLICA_PATH } from './environment.ts'
import type { RootEntry } from './launch/plan.ts'

/** Finds a program by its absolute path or in the directories of `path`; `undefined` when it is nowhere. */
export function findProgram(name: string, path: string = REPLICA_PATH): string | undefined {
  const candidates = name.includes('/') ? [name] : path.split(':').map((directory) => join(directory, name))
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const ROOT_NAMES = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']

/** The directories beside `/usr` that hold programs and libraries, as they are on this host. */
export function rootEntries(): RootEntry[] {
  return ROOT_NAMES.flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return []
    return stat.isSymbolicLink() ? [{ path, link: readlinkSync(path) }] : [{ path }]
  })
}
