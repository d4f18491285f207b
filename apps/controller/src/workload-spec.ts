import type { ArtifactManifest } from '@weft/artifacts'
import { protocolOf, type FunctionTemplate, type RevisionResource } from '@weft/api'
import { parseCpuMillis, parseDurationMs, parseMemoryBytes } from '@weft/core'
import type { RunSpec, WorkloadSpec } from '@weft/provider'

/** Longest time of one call unless the template says otherwise (the OpenFaaS gateway's default). */
export const DEFAULT_TIMEOUT_MS = 60_000
const DEFAULT_DRAIN_MS = 30_000
const PROCESS_MODES: ReadonlySet<string> = new Set(['classic', 'http', 'streaming', 'serializing', 'static'])

type ProcessMode = Extract<RunSpec, { kind: 'process' }>['mode']

/** What was looked up for a revision before its workload can be described. */
export interface WorkloadParts {
  readonly manifest: ArtifactManifest
  /** Absent when the artifact has no files. */
  readonly artifactDirectory: string | undefined
  readonly secrets: WorkloadSpec['secrets']
  readonly namespaces: readonly string[]
}

/** Resolves a revision to what a provider runs. @throws WeftError `INVALID_VALUE` for a duration or quantity that cannot be read */
export function workloadSpec(revision: RevisionResource, parts: WorkloadParts): WorkloadSpec {
  const { template } = revision.spec
  const timeoutMs = template.timeout === undefined ? DEFAULT_TIMEOUT_MS : parseDurationMs(template.timeout, 'template.timeout')
  return {
    workload: { namespace: revision.metadata.namespace ?? 'default', name: revision.metadata.name },
    function: revision.spec.function,
    revision: revision.spec.revision,
    ...(parts.artifactDirectory === undefined ? {} : { artifactDirectory: parts.artifactDirectory }),
    run: runSpec(template, parts.manifest),
    env: { ...upstreamOf(template), ...parts.manifest.env, ...template.env },
    secrets: parts.secrets,
    limits: limitsOf(template),
    timeoutMs,
    concurrency: template.concurrency ?? 0,
    readinessPath: template.readinessPath ?? '/_/ready',
    readOnlyRootFilesystem: template.readOnlyRootFilesystem ?? false,
    drainTimeoutMs: Math.max(DEFAULT_DRAIN_MS, timeoutMs),
    meshNamespaces: parts.namespaces,
  }
}

function limitsOf(template: FunctionTemplate): WorkloadSpec['limits'] {
  const { memory, cpu } = template.limits ?? {}
  return {
    ...(memory === undefined ? {} : { memoryBytes: parseMemoryBytes(memory, 'template.limits.memory') }),
    ...(cpu === undefined ? {} : { cpuMillis: parseCpuMillis(cpu, 'template.limits.cpu') }),
  }
}

function runSpec(template: FunctionTemplate, manifest: ArtifactManifest): RunSpec {
  const contract = template.contract ?? manifest.run.contract
  if (contract === 'process') return processRun(template, manifest)
  return {
    kind: 'nodejs',
    contract,
    entry: manifest.run.entry ?? 'handler.js',
    ...(manifest.run.export === undefined ? {} : { export: manifest.run.export }),
    runtimeName: template.runtime ?? manifest.run.runtime,
  }
}

/** A program: the command of the template wins; of-watchdog's `mode` variable chooses how it is run. */
function processRun(template: FunctionTemplate, manifest: ArtifactManifest): RunSpec {
  const command = template.process ?? template.env?.['fprocess'] ?? template.env?.['function_process'] ?? manifest.run.command
  const asked = template.env?.['mode']
  const protocol = protocolOf(template)
  const told = command === undefined ? {} : { command }
  // What speaks anything else than HTTP/1.1 listens by itself, for as long as its replica lives.
  if (protocol !== 'http') return { kind: 'process', mode: 'http', protocol, ...told }
  const mode: ProcessMode = asked !== undefined && isProcessMode(asked) ? asked : (manifest.run.mode ?? 'classic')
  return { kind: 'process', mode, ...told }
}

/** Where a program of another protocol listens unless it says so itself: at its port, or where `PORT` tells it to. */
function upstreamOf(template: FunctionTemplate): Readonly<Record<string, string>> {
  const protocol = protocolOf(template)
  if (protocol === 'http' || template.env?.['http_upstream_url'] !== undefined) return {}
  return { upstream_url: `${protocol === 'tcp' ? 'tcp' : 'http'}://127.0.0.1:${template.port ?? 0}` }
}

function isProcessMode(text: string): text is ProcessMode {
  return PROCESS_MODES.has(text)
}
