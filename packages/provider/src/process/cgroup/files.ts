import { readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'

/** Reads a control file; `''` when there is none. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Writes a control file; `false` when the kernel or the file's owner refuses. */
export function write(path: string, value: string | number): boolean {
  try {
    writeFileSync(path, String(value), { flag: 'r+' })
    return true
  } catch {
    return false
  }
}

/** Removes a group; `true` when it is gone. */
export function remove(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/** Names of the groups inside a group. */
export function subgroups(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []))
  } catch {
    return []
  }
}

/** The number after `key` in a file of `key number` lines; 0 when it is not there. */
export function keyed(text: string, key: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${key} `))
  return line === undefined ? 0 : Number(line.slice(key.length + 1))
}

/** The process ids in a `cgroup.procs` file. */
export function processIds(path: string): number[] {
  return read(path).split('\n').filter(Boolean).map(Number)
}
