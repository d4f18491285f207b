import { randomBytes } from 'node:crypto'
import { access, chmod, constants, cp } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError } from '@weft/core'
import type { WorkloadSpec } from '../port.ts'
import type { Group } from './cgroup/port.ts'
import { replicaEnvironment } from './environment.ts'
import type { IncarnationPaths, LaunchInput, LaunchPlan } from './launch/plan.ts'
import { planPlain } from './launch/plain.ts'
import { INSIDE, planSandbox } from './launch/sandbox.ts'
import type { Machine } from './machine.ts'
import { makePrivateFiles, removePrivateFiles } from './private-files.ts'
import { runtimeConfig } from './runtime-config.ts'

/** Processes (threads count) that a replica may have unless its workload says otherwise: room for Node.js and a pool of workers, none for a fork bomb. */
export const DEFAULT_MAX_PROCESSES = 512
const HEAP_SHARE = 0.75
const MIN_HEAP_MIB = 16
const GROUP_GONE_MS = 3000

/** What one incarnation owns beside its process. */
export interface Prepared {
  readonly paths: IncarnationPaths
  readonly plan: LaunchPlan
  readonly group?: Group
  /** The user that it runs as, where that is not ours. */
  readonly uid?: number
  /** Gives everything back: files, control group, user id. */
  release(): Promise<void>
}

/** Fresh paths: no later incarnation has them again, so that nothing that still knows them reaches a stranger. */
function freshPaths(machine: Machine, spec: WorkloadSpec): IncarnationPaths {
  const name = randomBytes(6).toString('hex')
  const { inbound, outbound, private: own } = machine.directories
  return {
    runtimeBundle: machine.bundles[spec.run.kind],
    inboundSocket: `${inbound}/${name}`,
    outboundDirectory: `${outbound}/${name}`,
    outboundSocket: `${outbound}/${name}/out.sock`,
    privateDirectory: `${own}/${name}`,
    ...(spec.artifactDirectory === undefined ? {} : { artifactDirectory: spec.artifactDirectory }),
  }
}

// V8 does not see the limit of a control group from inside a sandbox; told of it, it collects garbage instead of being killed.
function nodeOptions(memoryBytes: number | undefined): string[] {
  const heap = memoryBytes === undefined ? [] : [`--max-old-space-size=${Math.max(MIN_HEAP_MIB, Math.floor((memoryBytes * HEAP_SHARE) / 1_048_576))}`]
  return ['--enable-source-maps', ...heap]
}

function planFor(machine: Machine, spec: WorkloadSpec, own: { replica: string; paths: IncarnationPaths; uid?: number }): LaunchPlan {
  const { host } = machine
  const { paths } = own
  const sandbox = host.isolation.level === 'sandbox'
  const plainDirectory = paths.artifactDirectory ?? `${paths.privateDirectory}/tmp`
  const seen = sandbox
    ? { functionDirectory: INSIDE.function, outboundSocket: INSIDE.outboundSocket }
    : { functionDirectory: plainDirectory, outboundSocket: paths.outboundSocket }
  const secrets = Object.keys(spec.secrets)
  const input: LaunchInput = {
    paths,
    nodeBinary: host.nodeBinary,
    nodeOptions: nodeOptions(spec.limits.memoryBytes),
    env: replicaEnvironment({
      user: spec.env,
      home: sandbox ? '/tmp' : `${paths.privateDirectory}/tmp`,
      config: JSON.stringify(runtimeConfig(spec, own.replica, seen)),
      ...(sandbox || secrets.length === 0 ? {} : { secretsDirectory: `${paths.privateDirectory}/secrets/flat` }),
    }),
    secrets,
    programs: host,
    root: machine.root,
    ...(own.uid === undefined ? {} : { uid: own.uid }),
    ...(host.isolation.processLimit === 'rlimit' ? { maxProcesses: spec.limits.maxProcesses ?? DEFAULT_MAX_PROCESSES } : {}),
    ...(host.seccomp === undefined ? {} : { seccomp: host.seccomp }),
    ...(spec.limits.memoryBytes === undefined ? {} : { memoryLimitBytes: spec.limits.memoryBytes }),
  }
  return sandbox ? planSandbox(input) : planPlain(input)
}

/** Sets the limits of a workload on the control group of one of its incarnations. */
export function limitGroup(group: Group, spec: WorkloadSpec): void {
  group.limit({ ...spec.limits, maxProcesses: spec.limits.maxProcesses ?? DEFAULT_MAX_PROCESSES })
}

// Without a sandbox a replica's user sees the host's files as they are, and the data directory is closed to it: it gets its code as a copy.
async function ownCopy(paths: IncarnationPaths, uid: number | undefined): Promise<IncarnationPaths> {
  if (paths.artifactDirectory === undefined || uid === undefined) return paths
  const artifactDirectory = `${paths.privateDirectory}/function`
  await cp(paths.artifactDirectory, artifactDirectory, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
  await chmod(artifactDirectory, 0o755)
  return { ...paths, artifactDirectory }
}

function takeUid(machine: Machine): number | undefined {
  if (machine.uids === undefined) return undefined
  const uid = machine.uids.take()
  if (uid === undefined) throw new WeftError('NO_FREE_UID')
  return uid
}

async function removeGroup(group: Group): Promise<void> {
  for (let waited = 0; !group.remove() && waited < GROUP_GONE_MS; waited += 20) {
    group.kill()
    await delay(20)
  }
}

/**
 * Makes everything that one incarnation needs before it is spawned.
 * @throws WeftError when the machine cannot give it; an `ENOENT` error when the artifact is not there
 */
export async function prepare(machine: Machine, spec: WorkloadSpec, replica: string): Promise<Prepared> {
  if (spec.artifactDirectory !== undefined) await access(spec.artifactDirectory, constants.R_OK)
  const paths = freshPaths(machine, spec)
  const uid = takeUid(machine)
  let group: Group | undefined
  const release = async () => {
    if (group !== undefined) await removeGroup(group)
    await removePrivateFiles(paths)
    if (uid !== undefined) machine.uids?.free(uid)
  }
  try {
    await makePrivateFiles(paths, spec.secrets, { sandbox: machine.host.isolation.level === 'sandbox', ...(uid === undefined ? {} : { uid }) })
    group = machine.groups?.create(paths.privateDirectory.slice(paths.privateDirectory.lastIndexOf('/') + 1))
    if (group !== undefined) limitGroup(group, spec)
    const visible = machine.host.isolation.level === 'uid' ? await ownCopy(paths, uid) : paths
    const plan = planFor(machine, spec, { replica, paths: visible, ...(uid === undefined ? {} : { uid }) })
    return { paths, plan, release, ...(group === undefined ? {} : { group }), ...(uid === undefined ? {} : { uid }) }
  } catch (error) {
    await release()
    throw error
  }
}
