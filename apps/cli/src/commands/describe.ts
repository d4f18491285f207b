import { ingressRulesOf, type FunctionResource, type RevisionResource } from '@weft/api'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef, getFunction, listRevisions } from '../client/functions.ts'
import type { Command } from '../command.ts'
import { structured } from '../output/render.ts'
import { age, table } from '../output/table.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

/** `weft describe`: one function with its revisions, why it is as it is, and how long each step of the last activation took. */
export const describeCommand: Command = {
  name: 'describe',
  summary: 'show a function, its revisions, and how they got ready',
  args: [{ syntax: '<name>', description: 'function, or NAME.NAMESPACE' }],
  options: [GATEWAY_OPTION, NAMESPACE_OPTION, { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] }],
  examples: ['weft describe temp', 'weft describe temp.staging -o yaml'],
  async run({ world, args, options, client }) {
    const ref = functionRef(args[0] ?? '', options)
    const gateway = await client()
    const fn = await getFunction(gateway, ref)
    const revisions = await listRevisions(gateway, ref)
    const format = textOption(options, 'output')
    if (format !== undefined) world.stdout.write(structured({ function: fn, revisions }, format))
    else world.stdout.write(describeText(fn, revisions, gateway.target.url, Date.now()))
  },
}

/** What a person reads of a function. */
export function describeText(fn: FunctionResource, revisions: readonly RevisionResource[], gatewayUrl: string, now: number): string {
  const { template } = fn.spec
  const namespace = fn.metadata.namespace ?? 'default'
  const path = namespace === 'default' ? fn.metadata.name : `${fn.metadata.name}.${namespace}`
  const facts: [string, string][] = [
    ['Name:', fn.metadata.name],
    ['Namespace:', namespace],
    ['URL:', urlText(fn, `${gatewayUrl}/function/${path}`)],
    ['Mesh host:', `http://${fn.metadata.name}.${namespace}:8080`],
    ['Image:', template.image ?? template.artifact ?? '-'],
    ['Runtime:', template.runtime ?? '-'],
    ['Replicas:', `${fn.status?.availableReplicas ?? 0} ready of ${fn.status?.replicas ?? 0}`],
    ['Traffic:', (fn.status?.traffic ?? []).map((share) => `${share.revision}=${share.weight}%`).join(' ') || 'none'],
    ['Age:', age(fn.metadata.creationTimestamp, now)],
  ]
  return [table(facts), conditionsText(fn), revisionsText(revisions, now), ...revisions.map(activationText)].filter((part) => part !== '').join('\n')
}

function urlText({ metadata, spec }: FunctionResource, url: string): string {
  const { isPrivate, needsToken } = ingressRulesOf({ metadata, spec })
  if (isPrivate) return 'none: it is private to the mesh'
  return needsToken ? `${url} (with a token)` : url
}

function conditionsText(fn: FunctionResource): string {
  const rows = (fn.status?.conditions ?? []).map((entry) => [`  ${entry.type}`, entry.status, entry.reason, entry.message])
  return rows.length === 0 ? '' : `Conditions:\n${table(rows)}`
}

function revisionsText(revisions: readonly RevisionResource[], now: number): string {
  if (revisions.length === 0) return ''
  const rows = revisions.map((revision) => [
    `  ${revision.spec.revision}`,
    revision.status?.phase ?? 'Pending',
    `${revision.status?.readyReplicas ?? 0}/${revision.status?.replicas ?? 0}`,
    age(revision.metadata.creationTimestamp, now),
    revision.status?.conditions[0]?.message ?? '',
  ])
  return `Revisions:\n${table([['  NAME', 'PHASE', 'READY', 'AGE', 'MESSAGE'], ...rows])}`
}

function activationText(revision: RevisionResource): string {
  const activation = revision.status?.lastActivation
  if (activation === undefined) return ''
  const steps = activation.steps.map((step) => `${step.name} ${step.ms.toFixed(1)} ms`).join(', ')
  return `Last activation of ${revision.spec.revision} at ${activation.at}: ${steps}\n`
}
