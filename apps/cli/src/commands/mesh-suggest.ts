import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { WeftError, type Resource } from '@weft/core'
import type { TrafficStatistics } from '@weft/mesh-model'
import type { ObservedCall } from '@weft/mesh-model/suggest'
import type { GatewayClient } from '../client/gateway-client.ts'
import { GATEWAY_OPTION } from '../cli.ts'
import type { Command, Invocation } from '../command.ts'
import { textOption } from './options.ts'

const TRAFFIC = '/apis/mesh.weft.dev/v1alpha1/traffic'
const REVISIONS = '/apis/weft.dev/v1alpha1/revisions'

/** `weft mesh suggest`. */
export const meshSuggestCommand: Command = {
  name: 'mesh suggest',
  summary: 'the policies that the observed calls would need, and no more',
  description:
    'Prints an AuthorizationPolicy for each function that was called since the platform started: it allows the identities that called, and nobody else. With --log, the lines of an access log (JSON) are what was observed, and methods and paths are restricted too. Calls that were refused are left out. Nothing is applied: read it, and mind what is called seldom.',
  options: [GATEWAY_OPTION, { flags: '--log <file>', description: 'access log of the platform, in JSON (logs/access.log in the data directory)' }],
  examples: ['weft mesh suggest', 'weft mesh suggest --log ~/.local/share/weft/logs/access.log > policies.yaml'],
  run,
}

async function run(invocation: Invocation): Promise<void> {
  const { world, options, client } = invocation
  const file = textOption(options, 'log')
  const gateway = await client()
  const calls = file === undefined ? await countedCalls(gateway) : await loggedCalls(resolve(world.cwd, file), gateway)
  const { suggestPolicies } = await import('@weft/mesh-model/suggest')
  const { stringify } = await import('yaml')
  const policies = suggestPolicies(calls)
  if (policies.length === 0) world.stderr.write('no call between workloads was observed\n')
  world.stdout.write(policies.map((policy) => stringify(policy, { lineWidth: 0 })).join('---\n'))
}

const REFUSED: ReadonlySet<string> = new Set(['401', '403'])

/** Who called whom, by the callees' word. Callees that are gone need no policy. */
async function countedCalls(gateway: GatewayClient): Promise<readonly ObservedCall[]> {
  const there = new Set([...(await functionsByRevision(gateway))].map(([revision, name]) => `${revision.split('/')[0] ?? ''}/${name}`))
  const { traffic } = await gateway.json<{ readonly traffic: readonly TrafficStatistics[] }>({ method: 'GET', path: TRAFFIC })
  return traffic
    .filter(({ reporter, code, source }) => reporter === 'destination' && !REFUSED.has(code) && source.principal !== 'unknown')
    .filter(({ destination }) => there.has(`${destination.namespace}/${destination.service}`))
    .map(({ source, destination }) => ({ caller: source.principal, namespace: destination.namespace, function: destination.service }))
}

/** A line of the access log, as far as it is read. */
interface LoggedCall {
  readonly hop?: unknown
  readonly workload?: unknown
  readonly peer?: unknown
  readonly method?: unknown
  readonly path?: unknown
  readonly code?: unknown
}

async function loggedCalls(file: string, gateway: GatewayClient): Promise<readonly ObservedCall[]> {
  const functions = await functionsByRevision(gateway)
  const calls: ObservedCall[] = []
  const input = createReadStream(file)
  const failed = new Promise<never>((_resolve, reject) =>
    input.once('error', (error) => reject(new WeftError('INVALID_VALUE', { field: '--log', reason: error.message }))),
  )
  const read = async (): Promise<void> => {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const call = observed(line, functions)
      if (call !== undefined) calls.push(call)
    }
  }
  await Promise.race([read(), failed])
  return calls
}

/** A call that a callee's proxy let pass; nothing for every other line, and for one that was cut. */
function observed(line: string, functions: ReadonlyMap<string, string>): ObservedCall | undefined {
  let entry: LoggedCall
  try {
    entry = JSON.parse(line) as LoggedCall
  } catch {
    return undefined
  }
  const { hop, workload, peer, method, path, code } = entry
  if (hop !== 'inbound' || typeof workload !== 'string' || typeof peer !== 'string' || REFUSED.has(String(code))) return undefined
  const name = functions.get(workload)
  if (name === undefined || typeof method !== 'string' || typeof path !== 'string') return undefined
  return { caller: peer, namespace: workload.split('/')[0] ?? '', function: name, operation: { method, path: path.split('?')[0] ?? '/' } }
}

/** `namespace/revision` → name of its function. */
async function functionsByRevision(gateway: GatewayClient): Promise<ReadonlyMap<string, string>> {
  const { items } = await gateway.json<{ readonly items: readonly Resource<{ readonly function: string }>[] }>({ method: 'GET', path: REVISIONS })
  return new Map(items.map(({ metadata, spec }) => [`${metadata.namespace ?? ''}/${metadata.name}`, spec?.function ?? '']))
}
