import { createHash } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { messageOf, WeftError } from '@weft/core'
import { detectGroups } from './cgroup/detect.ts'
import type { Groups } from './cgroup/port.ts'
import { rememberedGroups, rememberGroups, sweepGroups } from './cgroup/sweep.ts'
import { copyBundles, detectIsolation, freshDirectories, type Offer } from './isolation.ts'
import { checkSocketPath } from './listener.ts'
import { LogStore } from './logs/store.ts'
import { DEFAULT_LOG_LIMITS, DEFAULT_TIMING, type ProcessProviderOptions, type RuntimeBundles } from './options.ts'
import { findProgram, rootEntries } from './programs.ts'
import { ProcessProvider } from './provider.ts'
import { StartRecord } from './record.ts'
import { Sampler } from './sampler.ts'
import { seccompProgram } from './seccomp.ts'
import { DEFAULT_UIDS, UidPool } from './uids.ts'

/** With control groups the sampler only counts; a few seconds between two looks are enough. */
const COUNTING_INTERVAL_MS = 2000

function checkBundles(bundles: RuntimeBundles): void {
  for (const path of Object.values(bundles) as string[]) {
    try {
      accessSync(path, constants.R_OK)
    } catch (error) {
      throw new WeftError('RUNTIME_BUNDLE_MISSING', { path, reason: messageOf(error) })
    }
  }
}

async function claim(runDirectory: string): Promise<{ record: StartRecord; killed: number }> {
  await mkdir(runDirectory, { recursive: true, mode: 0o700 })
  const record = new StartRecord(join(runDirectory, 'started.jsonl'))
  const owner = record.owner()
  if (owner !== undefined) throw new WeftError('RUN_DIRECTORY_IN_USE', { pid: owner, path: runDirectory })
  return { record, killed: record.begin() }
}

async function findGroups(options: ProcessProviderOptions, instance: string): Promise<Groups | undefined> {
  const file = join(options.runDirectory, 'groups.json')
  await sweepGroups(rememberedGroups(file))
  if (options.cgroups === false) return undefined
  const groups = await detectGroups(`weft-${instance}`)
  if (groups !== undefined) rememberGroups(file, groups.directories)
  return groups
}

function programs(options: ProcessProviderOptions): Pick<Offer, 'bwrap' | 'setpriv' | 'prlimit' | 'seccomp'> {
  const bwrap = findProgram(options.bubblewrap ?? 'bwrap')
  const setpriv = findProgram('setpriv')
  const prlimit = findProgram('prlimit')
  const seccomp = seccompProgram(process.arch)
  return {
    ...(bwrap === undefined ? {} : { bwrap }),
    ...(setpriv === undefined ? {} : { setpriv }),
    ...(prlimit === undefined ? {} : { prlimit }),
    ...(seccomp === undefined ? {} : { seccomp }),
  }
}

/**
 * Starts the process provider: ends and removes what an earlier run of this instance left, finds out what isolation and limits there are, and
 * says so.
 * @throws WeftError `ISOLATION_UNAVAILABLE`, `RUN_DIRECTORY_IN_USE`, `RUNTIME_BUNDLE_MISSING`, `SOCKET_PATH_TOO_LONG`
 */
export async function startProcessProvider(options: ProcessProviderOptions): Promise<ProcessProvider> {
  const runDirectory = resolve(options.runDirectory)
  const { log } = options
  const now = options.now ?? Date.now
  const root = process.getuid?.() === 0
  checkBundles(options.runtimeBundles)
  checkSocketPath(`${runDirectory}/o/${'x'.repeat(12)}/out.sock`)
  const { record, killed } = await claim(runDirectory)
  if (killed > 0) log.warn({ processes: killed }, 'ended processes that an earlier run had left')
  const instance = createHash('sha256').update(runDirectory).digest('hex').slice(0, 10)
  const groups = await findGroups(options, instance)
  const directories = await freshDirectories(runDirectory)
  const bundles = await copyBundles(options.runtimeBundles, directories)
  const range = options.uids ?? DEFAULT_UIDS
  const uids = new UidPool(range, Number.parseInt(instance.slice(0, 8), 16))
  const offer: Offer = {
    root,
    nodeBinary: options.nodeBinary ?? process.execPath,
    runtimeBundle: bundles.nodejs,
    rootEntries: rootEntries(),
    directories,
    record,
    uid: range.last,
    ...programs(options),
    ...(groups === undefined ? {} : { groups }),
  }
  const host = await detectIsolation(offer, options.isolation).catch((error: unknown) => {
    groups?.close()
    record.close()
    throw error
  })
  log.info({ ...host.isolation }, 'isolation of replicas')
  const timing = { ...DEFAULT_TIMING, ...options.timing }
  const logLimits = { ...DEFAULT_LOG_LIMITS, ...options.logLimits }
  const counted = groups?.memory === true
  const sampler = new Sampler({
    intervalMs: counted ? COUNTING_INTERVAL_MS : timing.sampleIntervalMs,
    now,
    groupsCountMemory: counted,
    groupsCountCpu: groups?.cpu === true,
  })
  const logs = new LogStore(join(options.dataDirectory, 'logs'), logLimits, (error) =>
    log.error({ reason: messageOf(error) }, 'a log of a function cannot be written'),
  )
  const end = async () => {
    groups?.close()
    record.close()
  }
  const parts = {
    host,
    timing,
    logLimits,
    bundles,
    directories,
    root: offer.rootEntries,
    record,
    sampler,
    log,
    now,
    ...(options.spans === undefined ? {} : { spans: options.spans }),
    ...(groups === undefined ? {} : { groups }),
    ...(root && host.isolation.level !== 'none' ? { uids } : {}),
  }
  return new ProcessProvider(parts, logs, end)
}
