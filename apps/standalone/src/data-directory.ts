import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WeftError } from '@weft/core'

/** Where things lie below the data directory. */
export interface DataLayout {
  readonly database: string
  readonly artifacts: string
  readonly secrets: string
  readonly passwordFile: string
  readonly logs: string
  readonly mesh: string
  /** What the CLI of the same user reads to find a running platform. */
  readonly instanceFile: string
}

/** The layout below a data directory. */
export function dataLayout(dataDir: string): DataLayout {
  return {
    database: join(dataDir, 'weft.db'),
    artifacts: join(dataDir, 'artifacts'),
    secrets: join(dataDir, 'secrets'),
    passwordFile: join(dataDir, 'secrets', 'basic-auth-password'),
    logs: join(dataDir, 'logs'),
    mesh: join(dataDir, 'mesh'),
    instanceFile: join(dataDir, 'instance.json'),
  }
}

/** Makes the directories: private ones with mode 0700; the others are 0711, so that a replica's own user reaches its artifact. */
export async function makeDirectories(dataDir: string, runDir: string): Promise<DataLayout> {
  const layout = dataLayout(dataDir)
  await mkdir(dirname(dataDir), { recursive: true })
  for (const directory of [dataDir, runDir, layout.artifacts]) await directoryWithMode(directory, 0o711)
  for (const directory of [layout.secrets, layout.logs, layout.mesh]) await directoryWithMode(directory, 0o700)
  return layout
}

async function directoryWithMode(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
    await chmod(path, mode)
  } catch (error) {
    throw new WeftError('DIRECTORY_UNUSABLE', { path, reason: (error as Error).message }, { cause: error })
  }
}

/** The password of user `admin`: made on the first start, kept in a file that only its owner reads. */
export async function ensurePassword(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const password = randomBytes(24).toString('base64url')
  await writeFile(path, `${password}\n`, { mode: 0o600, flag: 'wx' })
  return password
}

/** Proof that no other platform uses this data directory. */
export interface DirectoryLock {
  /** Gives the directory free. Idempotent. */
  release(): Promise<void>
}

/**
 * Takes the data directory for this process. A lock of a process that is gone (its start time tells, since process ids come again) is taken over.
 * @throws WeftError `ALREADY_RUNNING`
 */
export async function lockDirectory(dataDir: string, pid: number): Promise<DirectoryLock> {
  const path = join(dataDir, 'lock')
  const mine = JSON.stringify({ pid, startedAt: await processStart(pid) })
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const file = await open(path, 'wx', 0o600)
      await file.writeFile(mine)
      await file.close()
      return { release: () => rm(path, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = await readHolder(path)
    if (holder?.startedAt !== undefined && holder.startedAt === (await processStart(holder.pid))) {
      throw new WeftError('ALREADY_RUNNING', { path: dataDir, pid: holder.pid })
    }
    await rename(path, `${path}.stale-${pid}`)
    await rm(`${path}.stale-${pid}`, { force: true })
  }
  throw new WeftError('DIRECTORY_UNUSABLE', { path, reason: 'others take and leave its lock at this moment' })
}

async function readHolder(path: string): Promise<{ pid: number; startedAt: string } | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as { pid: number; startedAt: string }
  } catch {
    return undefined
  }
}

/** Clock ticks after boot at which a process started (field 22 of /proc/PID/stat, see proc(5)); `undefined` when there is none. */
async function processStart(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
