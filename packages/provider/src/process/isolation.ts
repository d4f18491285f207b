import { chmod, copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { randomBytes } from 'node:crypto'
import { messageOf, WeftError } from '@weft/core'
import type { Isolation } from '../port.ts'
import type { Groups } from './cgroup/port.ts'
import { BUBBLEWRAP_COMMAND } from './ensure-bubblewrap.ts'
import { Incarnation } from './incarnation.ts'
import type { IncarnationPaths, LaunchInput, RootEntry } from './launch/plan.ts'
import { planPlain } from './launch/plain.ts'
import { planSandbox } from './launch/sandbox.ts'
import type { Host, IsolationWish, RuntimeBundles } from './options.ts'
import { DEFAULT_MAX_PROCESSES } from './prepare.ts'
import { makePrivateFiles, removePrivateFiles } from './private-files.ts'
import type { StartRecord } from './record.ts'

const TRIAL_MS = 15_000
/** What a replica must be able to do: read its runtime and its own directory, by their paths. */
const TRIAL_PROGRAM = "const fs = require('node:fs'); fs.accessSync(process.argv[1], fs.constants.R_OK); fs.readdirSync(process.cwd())"

/** The directories below the run directory. */
export interface Directories {
  readonly inbound: string
  readonly outbound: string
  readonly private: string
  /** Copies of the runtime bundles: the originals may lie where the users of replicas cannot go. */
  readonly runtimes: string
}

/** What the machine offers, before anything was tried. */
export interface Offer {
  readonly root: boolean
  readonly nodeBinary: string
  readonly runtimeBundle: string
  readonly bwrap?: string
  readonly setpriv?: string
  readonly prlimit?: string
  readonly seccomp?: Uint8Array
  readonly groups?: Groups
  readonly rootEntries: readonly RootEntry[]
  readonly directories: Directories
  readonly record: StartRecord
  /** A user id for the trial, when root. */
  readonly uid: number
}

type Level = Isolation['level']

/** Starts a small program just as a replica would be started. @returns why that does not work; `undefined` when it does */
async function trial(offer: Offer, level: Level, limited: boolean): Promise<string | undefined> {
  const name = `trial-${randomBytes(4).toString('hex')}`
  const { inbound, outbound, private: own } = offer.directories
  const paths: IncarnationPaths = {
    runtimeBundle: offer.runtimeBundle,
    inboundSocket: `${inbound}/${name}`,
    outboundDirectory: `${outbound}/${name}`,
    outboundSocket: `${outbound}/${name}/out.sock`,
    privateDirectory: `${own}/${name}`,
  }
  const uid = offer.root && level !== 'none' ? { uid: offer.uid } : {}
  const input: LaunchInput = {
    paths,
    nodeBinary: offer.nodeBinary,
    nodeOptions: ['-e', TRIAL_PROGRAM],
    env: {},
    secrets: [],
    programs: offer,
    root: offer.rootEntries,
    ...uid,
    ...(limited ? { maxProcesses: DEFAULT_MAX_PROCESSES } : {}),
    ...(offer.seccomp === undefined ? {} : { seccomp: offer.seccomp }),
  }
  try {
    await makePrivateFiles(paths, {}, { sandbox: level === 'sandbox', ...uid })
    return await runTrial(input, level, offer.record)
  } catch (error) {
    return messageOf(error)
  } finally {
    await removePrivateFiles(paths)
  }
}

async function runTrial(input: LaunchInput, level: Level, record: StartRecord): Promise<string | undefined> {
  const plan = level === 'sandbox' ? planSandbox(input) : planPlain(input)
  const incarnation = new Incarnation({ plan, paths: input.paths, record, onControl: () => {} })
  let said = ''
  incarnation.stdout?.resume()
  incarnation.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said = (said + chunk).slice(-1000)
  })
  const timer = setTimeout(() => incarnation.kill(), TRIAL_MS)
  const { code, signal, error } = await incarnation.ended
  clearTimeout(timer)
  if (code === 0) return undefined
  return error ?? (said.trim().replaceAll('\n', '; ') || `a trial ended with ${signal ?? `exit code ${code}`}`)
}

/** The levels to try for a wish, the best first. */
export function levelsFor(wish: IsolationWish, root: boolean): readonly Level[] {
  switch (wish) {
    case 'required':
      return ['sandbox']
    case 'preferred':
      return root ? ['sandbox', 'uid', 'none'] : ['sandbox', 'none']
    case 'none':
      return ['none']
    default:
      return wish satisfies never
  }
}

function missing(offer: Offer, level: Level): string | undefined {
  if (level === 'sandbox' && offer.bwrap === undefined) return 'bubblewrap (bwrap) is not installed'
  if (level === 'sandbox' && offer.root && offer.setpriv === undefined) return 'setpriv (util-linux) is not installed'
  return undefined
}

// A sandbox is set up before it becomes its user; without one that user must pass these directories by itself, each replica to its own part only.
async function letPass({ outbound, private: own, runtimes }: Directories): Promise<void> {
  for (const path of [dirname(outbound), outbound, own, runtimes]) await chmod(path, 0o711)
}

async function tryLevel(offer: Offer, level: Level): Promise<{ readonly processLimit: Isolation['processLimit'] } | { readonly reason: string }> {
  const reason = missing(offer, level)
  if (reason !== undefined) return { reason }
  if (level === 'uid') await letPass(offer.directories)
  const byGroup = offer.groups?.pids === true
  // RLIMIT_NPROC counts a user's processes: it is only of use where replicas have a user (or a user namespace) of their own.
  if (!byGroup && level !== 'none' && offer.prlimit !== undefined && (await trial(offer, level, true)) === undefined) return { processLimit: 'rlimit' }
  const failed = await trial(offer, level, false)
  return failed === undefined ? { processLimit: byGroup ? 'cgroup' : 'none' } : { reason: failed }
}

const LEVEL_TEXT: Readonly<Record<Level, string>> = {
  sandbox: 'each replica runs in a sandbox (bubblewrap): the mesh cannot be bypassed',
  uid: 'each replica runs as a user of its own, without a sandbox: identities are advisory, listening on loopback only',
  none: 'replicas run as plain processes of this user: identities are advisory, listening on loopback only',
}

/** The sentence for the start-up message. */
export function summarize(isolation: Omit<Isolation, 'summary'>, why: string | undefined, root = false): string {
  const asRoot = root && isolation.level === 'none' ? ['this user is root: functions can do anything to this machine'] : []
  const limits = [
    ...(isolation.memoryLimit === 'cgroup' ? [] : ['memory is limited by a watchdog (no control group can be used here)']),
    ...(isolation.cpuLimit === 'cgroup' ? [] : ['CPU limits are not enforced']),
    ...(isolation.processLimit === 'none' ? ['limits on the number of processes are not enforced'] : []),
  ]
  const better = why === undefined ? [] : [`no sandbox, because ${why} (install it with: ${BUBBLEWRAP_COMMAND})`]
  return [LEVEL_TEXT[isolation.level], ...asRoot, ...better, ...limits].join('; ')
}

/**
 * Finds out, by trying, what isolation there is on this machine.
 * @throws WeftError `ISOLATION_UNAVAILABLE` when a sandbox is required and does not work
 */
export async function detectIsolation(offer: Offer, wish: IsolationWish): Promise<Host> {
  let why: string | undefined
  for (const level of levelsFor(wish, offer.root)) {
    const found = await tryLevel(offer, level)
    if ('reason' in found) {
      why ??= found.reason
      continue
    }
    const kept: Omit<Isolation, 'summary'> = {
      level,
      memoryLimit: offer.groups?.memory === true ? 'cgroup' : 'watchdog',
      cpuLimit: offer.groups?.cpu === true ? 'cgroup' : 'none',
      processLimit: found.processLimit,
    }
    const { root, nodeBinary, bwrap, setpriv, prlimit, seccomp } = offer
    return {
      root,
      nodeBinary,
      isolation: { ...kept, summary: summarize(kept, why, root) },
      ...(bwrap === undefined ? {} : { bwrap }),
      ...(setpriv === undefined ? {} : { setpriv }),
      ...(prlimit === undefined ? {} : { prlimit }),
      ...(seccomp === undefined ? {} : { seccomp }),
    }
  }
  const help = offer.bwrap === undefined ? `install it with: ${BUBBLEWRAP_COMMAND}` : 'see docs/guide/isolation.md, or start with --isolation preferred'
  if (wish === 'required') throw new WeftError('ISOLATION_UNAVAILABLE', { reason: why ?? 'unknown', help })
  throw new WeftError('RUNTIME_BUNDLE_MISSING', { path: offer.nodeBinary, reason: why ?? 'unknown' })
}

/** Makes the directories that replicas' sockets and files are in, empty. */
export async function freshDirectories(runDirectory: string): Promise<Directories> {
  const directories = { inbound: `${runDirectory}/i`, outbound: `${runDirectory}/o`, private: `${runDirectory}/p`, runtimes: `${runDirectory}/b` }
  for (const path of Object.values(directories)) {
    await rm(path, { recursive: true, force: true })
    await mkdir(path, { mode: 0o700 })
  }
  return directories
}

/** Copies the runtime bundles to where every replica can be shown them. */
export async function copyBundles(bundles: RuntimeBundles, { runtimes }: Directories): Promise<RuntimeBundles> {
  const inside = (kind: 'nodejs' | 'process') => `${runtimes}/${kind}${extname(bundles[kind])}`
  const copies: RuntimeBundles = { nodejs: inside('nodejs'), process: inside('process') }
  for (const kind of ['nodejs', 'process'] as const) {
    await copyFile(bundles[kind], copies[kind])
    await chmod(copies[kind], 0o644)
  }
  return copies
}
