import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { processIds, read, remove, write } from './files.ts'
import type { Groups } from './port.ts'
import { V1Groups } from './v1.ts'
import { V2Groups } from './v2.ts'

const V1_CONTROLLERS = ['memory', 'cpu', 'cpuacct', 'pids'] as const

interface Mount {
  readonly root: string
  readonly point: string
  readonly version: 1 | 2
  readonly options: readonly string[]
}

/** The cgroup mounts in the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export function cgroupMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ')
    const [, , , root = '', point = ''] = left.split(' ')
    const [type = '', , options = ''] = right.split(' ')
    if (type !== 'cgroup' && type !== 'cgroup2') return []
    return { root, point, version: type === 'cgroup' ? 1 : 2, options: options.split(',') } as const
  })
}

/** The group that we are in, by controller (`''` for version 2), from the text of `/proc/self/cgroup` (cgroups(7)). */
export function ownGroups(text: string): Map<string, string> {
  const rows = text.split('\n').flatMap((line) => {
    const [, controllers = '', ...path] = line.split(':')
    return path.length === 0 ? [] : controllers.split(',').map((controller) => [controller, path.join(':')] as const)
  })
  return new Map(rows)
}

function below(mount: Mount, own: string): string {
  const inside = own === mount.root ? '' : own.startsWith(`${mount.root}/`) ? own.slice(mount.root.length) : own
  return `${mount.point}${inside === '/' ? '' : inside}`.replace(/\/$/, '')
}

/** Tries whether a process can be moved into a group: permission to make a group does not always include that. */
async function accepts(directory: string): Promise<boolean> {
  const child = spawn('/bin/sh', ['-c', 'read -r line'], { stdio: ['pipe', 'ignore', 'ignore'] })
  const gone = once(child, 'exit').catch(() => {})
  child.stdin.on('error', () => {})
  const moved = child.pid !== undefined && write(`${directory}/cgroup.procs`, child.pid) && processIds(`${directory}/cgroup.procs`).includes(child.pid)
  child.stdin.end('\n')
  await gone
  return moved
}

async function usable(directory: string): Promise<boolean> {
  const trial = `${directory}/trial`
  try {
    mkdirSync(trial, { recursive: true })
  } catch {
    return false
  }
  const good = await accepts(trial)
  remove(trial)
  if (!good) remove(directory)
  return good
}

async function detectV1(mounts: readonly Mount[], own: ReadonlyMap<string, string>, name: string): Promise<Groups | undefined> {
  const found: Partial<Record<(typeof V1_CONTROLLERS)[number], string>> = {}
  for (const controller of V1_CONTROLLERS) {
    const mount = mounts.find(({ version, options }) => version === 1 && options.includes(controller))
    if (mount === undefined) continue
    const candidates = [`${below(mount, own.get(controller) ?? '/')}/${name}`, `${mount.point}/${name}`]
    for (const directory of candidates) {
      if (!(await usable(directory))) continue
      found[controller] = directory
      break
    }
  }
  return Object.keys(found).length === 0 ? undefined : new V1Groups(found)
}

/** From the own group up to the root of the mount: the first that may have subgroups with controllers is taken. */
function ancestors(mount: Mount, own: string): string[] {
  const found = [below(mount, own)]
  for (let at = found[0] ?? ''; at.length > mount.point.length;) {
    at = at.slice(0, at.lastIndexOf('/'))
    found.push(at)
  }
  return found.filter((path) => path.length >= mount.point.length)
}

async function tryV2(parent: string, name: string): Promise<Groups | undefined> {
  const directory = `${parent}/${name}`
  for (const controller of ['memory', 'cpu', 'pids']) write(`${parent}/cgroup.subtree_control`, `+${controller}`)
  if (!(await usable(directory))) return undefined
  for (const controller of ['memory', 'cpu', 'pids']) write(`${directory}/cgroup.subtree_control`, `+${controller}`)
  const controllers = read(`${directory}/cgroup.subtree_control`).trim().split(' ').filter(Boolean)
  if (controllers.length > 0) return new V2Groups(directory, controllers)
  remove(directory)
  return undefined
}

async function detectV2(mounts: readonly Mount[], own: ReadonlyMap<string, string>, name: string): Promise<Groups | undefined> {
  const mount = mounts.find(({ version }) => version === 2)
  if (mount === undefined) return undefined
  for (const parent of ancestors(mount, own.get('') ?? '/')) {
    const groups = await tryV2(parent, name)
    if (groups !== undefined) return groups
  }
  return undefined
}

/**
 * Finds control groups that really work here, by making one and moving a process into it. Version 2 is preferred where it has controllers.
 * @param name name of this instance's group, the same at each start
 */
export async function detectGroups(name: string): Promise<Groups | undefined> {
  const mounts = cgroupMounts(read('/proc/self/mountinfo'))
  const own = ownGroups(read('/proc/self/cgroup'))
  return (await detectV2(mounts, own, name)) ?? (await detectV1(mounts, own, name))
}
