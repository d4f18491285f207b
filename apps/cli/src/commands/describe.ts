import { ingressRulesOf, type FunctionResource, type RevisionResource } from '@weft/api'
import { canonicalNamespace, type Condition, type Resource } from '@weft/core'
import { Discovery, resourcePath } from '../apply/discovery.ts'
import { GATEWAY_OPTION } from '../cli.ts'
import { functionRef, getFunction, listRevisions } from '../client/functions.ts'
import type { Command, Invocation } from '../command.ts'
import { structured } from '../output/render.ts'
import { age, table } from '../output/table.ts'
import { NAMESPACE_OPTION, textOption } from './options.ts'

/** `weft describe`: one function with its revisions, why it is as it is, and how long each step of the last activation took; or a resource of any kind. */
export const describeCommand: Command = {
  name: 'describe',
  summary: 'show a function, its revisions, and how they got ready; or a resource of any kind, and what is wrong with it',
  args: [
    { syntax: '<name>', description: 'function, or NAME.NAMESPACE; or a kind, as get has it' },
    { syntax: '[resource]', description: 'name of a resource of that kind' },
  ],
  options: [GATEWAY_OPTION, NAMESPACE_OPTION, { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml'] }],
  examples: ['weft describe temp', 'weft describe temp.staging -o yaml', 'weft describe virtualservice temp'],
  async run(invocation) {
    const { world, args, options, client } = invocation
    if (args[1] !== undefined) return describeResource(invocation, args[0] ?? '', args[1])
    const ref = functionRef(args[0] ?? '', options)
    const gateway = await client()
    const fn = await getFunction(gateway, ref)
    const revisions = await listRevisions(gateway, ref)
    const format = textOption(options, 'output')
    if (format !== undefined) world.stdout.write(structured({ function: fn, revisions }, format))
    else world.stdout.write(describeText(fn, revisions, gateway.target.url, Date.now()))
  },
}

async function describeResource({ world, options, client }: Invocation, word: string, name: string): Promise<void> {
  const gateway = await client()
  const kind = await new Discovery(gateway).ofWord(word)
  const resource = await gateway.json<Resource>({ method: 'GET', path: resourcePath(kind, canonicalNamespace(textOption(options, 'namespace')), name) })
  const format = textOption(options, 'output')
  world.stdout.write(format === undefined ? resourceText(resource, Date.now()) : structured(resource, format))
}

/** What a person reads of any other resource. */
function resourceText({ kind, metadata, status }: Resource, now: number): string {
  const { conditions = [] } = (status ?? {}) as { readonly conditions?: readonly Condition[] }
  const facts: [string, string][] = [
    ['Kind:', kind],
    ['Name:', metadata.name],
    ['Namespace:', metadata.namespace ?? '-'],
    ['Age:', age(metadata.creationTimestamp, now)],
  ]
  return [table(facts), conditionRows(conditions)].filter((part) => part !== '').join('\n')
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
  return [table(facts), conditionRows(fn.status?.conditions ?? []), revisionsText(revisions, now), ...revisions.map(activationText)]
    .filter((part) => part !== '')
    .join('\n')
}

function urlText({ metadata, spec }: FunctionResource, url: string): string {
  const { isPrivate, needsToken } = ingressRulesOf({ metadata, spec })
  if (isPrivate) return 'none: it is private to the mesh'
  return needsToken ? `${url} (with a token)` : url
}

function conditionRows(conditions: readonly Pick<Condition, 'type' | 'status' | 'reason' | 'message'>[]): string {
  const rows = conditions.map((entry) => [`  ${entry.type}`, entry.status, entry.reason, entry.message])
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
