import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { signal } from '../proc.ts'
import { processIds, remove, subgroups } from './files.ts'

const GONE_WITHIN_MS = 2000

async function sweepGroup(path: string): Promise<void> {
  for (let waited = 0; waited < GONE_WITHIN_MS; waited += 20) {
    for (const pid of processIds(`${path}/cgroup.procs`)) signal(pid, 'SIGKILL')
    if (remove(path)) return
    await delay(20)
  }
}

/** Kills everything in the groups below these directories, and removes them. A directory that is not there any more is done. */
export async function sweepGroups(directories: readonly string[]): Promise<void> {
  await Promise.all(
    directories.map(async (directory) => {
      await Promise.all(subgroups(directory).map((name) => sweepGroup(`${directory}/${name}`)))
      remove(directory)
    }),
  )
}

/** The directories that an earlier run of this instance wrote down with {@link rememberGroups}. */
export function rememberedGroups(file: string): string[] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Array.isArray(value) ? value.filter((path): path is string => typeof path === 'string' && /^\/.*\/weft-[0-9a-f]+$/.test(path)) : []
  } catch {
    return []
  }
}

/** Writes down which directories the next run has to sweep. */
export function rememberGroups(file: string, directories: readonly string[]): void {
  writeFileSync(file, JSON.stringify(directories), { mode: 0o600 })
}
