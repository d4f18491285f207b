import { PRIVATE_RANGES } from '@weft/core'
import type { Log } from '@weft/kit'
import { openAuthority, type AuthorityOptions } from '../ca/index.ts'
import type { NodeLayout } from '../encode/types.ts'
import { startNameGuard } from '../name-guard/server.ts'
import { MeshCore } from '../plane/core.ts'
import type { MeshSettings } from '../plane/options.ts'
import type { EngineMethods, HostMethods } from './engine.ts'

/**
 * Opens a mesh in this thread.
 * @throws WeftError `CA_UNUSABLE`
 */
export async function openEngine(settings: MeshSettings, log: Log, host: Pick<HostMethods, 'wake' | 'load' | 'statuses'>): Promise<EngineMethods> {
  const certificates = await openAuthority(authorityOptions(settings, log))
  const refused = [...PRIVATE_RANGES, ...settings.layout.ownAddresses]
  const guard = await startNameGuard({ refused })
  const strict = await startNameGuard({ refused, strict: true })
  const guarded = (layout: NodeLayout): NodeLayout => ({ ...layout, nameGuard: { port: guard.port }, outsideNames: { port: strict.port } })
  const layouts = { layout: guarded(settings.layout), others: (settings.others ?? []).map(guarded) }
  const core = new MeshCore({ ...settings, ...layouts }, { certificates, log, now: Date.now, wake: host.wake, load: host.load, statuses: host.statuses })
  return {
    apply: (changes) => core.apply(changes),
    start: () => core.start(),
    setReplicas: (workload, replicas, deadlineMs) => core.setReplicas(workload, replicas, deadlineMs),
    settled: (deadlineMs) => core.settled(deadlineMs),
    probe: (workload, timeoutMs) => core.probe(workload, timeoutMs),
    status: () => core.status(),
    snapshots: () => core.snapshots(),
    changes: (from, to) => core.changes(from, to),
    configuration: (name) => core.configuration(name),
    openTap: (request) => core.openTap(request),
    readTap: (id) => core.readTap(id),
    closeTap: (id) => core.closeTap(id),
    authorize: (question) => core.authorize(question),
    referred: (workloads) => core.referred(workloads),
    describe: (name) => core.describe(name),
    certificates: () => core.certificates(),
    rotate: () => core.rotate(),
    rotateRoot: (deadlineMs) => core.rotateRoot(deadlineMs),
    invocations: () => core.invocations(),
    traffic: () => core.traffic(),
    record: (spans) => core.record(spans),
    telemetry: (telemetry) => core.changeTelemetry(telemetry),
    reopenLogs: () => core.reopenLogs(),
    envoyPid: () => core.envoyPid(),
    async stop(drainMs) {
      await core.stop(drainMs)
      await guard.close()
      await strict.close()
    },
  }
}

function authorityOptions(settings: MeshSettings, log: Log): AuthorityOptions {
  const { authorityDirectory: directory, trustDomain, leafLifetimeMs, broughtAuthority, rootOverlapMs, lookEveryMs } = settings
  return {
    directory,
    trustDomain,
    log,
    ...(leafLifetimeMs === undefined ? {} : { leafLifetimeMs }),
    ...(broughtAuthority === undefined ? {} : { brought: broughtAuthority }),
    ...(rootOverlapMs === undefined ? {} : { overlapMs: rootOverlapMs }),
    ...(lookEveryMs === undefined ? {} : { lookEveryMs }),
  }
}
