import { WEFT_API_VERSION, type CanaryResource, type CanarySpec } from '@weft/api'
import { WeftError, type NamespacedName } from '@weft/core'
import { readText, refusal, type GatewayClient } from '../client/gateway-client.ts'

/** Where the control API has the canary of a function: it has the function's name. */
export function canaryPath(ref: NamespacedName): string {
  return `/apis/${WEFT_API_VERSION}/namespaces/${ref.namespace}/canaries/${ref.name}`
}

/** @throws WeftError `NOT_FOUND` */
export async function getCanary(client: GatewayClient, ref: NamespacedName): Promise<CanaryResource> {
  return client.json<CanaryResource>({ method: 'GET', path: canaryPath(ref) })
}

/** Changes fields of a canary; `null` removes one. */
export async function patchCanary(client: GatewayClient, ref: NamespacedName, spec: object): Promise<void> {
  const headers = { 'content-type': 'application/merge-patch+json' }
  await client.json({ method: 'PATCH', path: canaryPath(ref), headers, body: JSON.stringify({ spec }) })
}

/** Creates the canary of a function, or changes what was said of it this way before. */
export async function applyCanary(client: GatewayClient, ref: NamespacedName, spec: CanarySpec): Promise<void> {
  const body = { apiVersion: WEFT_API_VERSION, kind: 'Canary', metadata: { name: ref.name, namespace: ref.namespace }, spec }
  const answer = await client.send({
    method: 'PATCH',
    path: canaryPath(ref),
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: JSON.stringify(body),
  })
  const text = await readText(answer.body)
  if (answer.status >= 400) throw refusal(answer.status, text)
}

/** Has new revisions of a function go through a canary: its own with these steps, or a new one. Without steps an existing one stays as it is. */
export async function ensureCanary(client: GatewayClient, ref: NamespacedName, steps: readonly number[] | undefined): Promise<void> {
  const found = await client.send({ method: 'GET', path: canaryPath(ref) })
  const text = await readText(found.body)
  if (found.status !== 200 && found.status !== 404) throw refusal(found.status, text)
  const spec = { function: ref.name, ...(steps === undefined ? {} : { steps: [...steps] }) }
  if (found.status === 404) await applyCanary(client, ref, spec)
  else if (steps !== undefined) await patchCanary(client, ref, { steps, stepWeight: null, maxWeight: null, iterations: null, match: null })
}

/** The candidate of the run that is under way. @throws WeftError `CANARY_NOT_RUNNING` without one */
export function candidateOf(canary: CanaryResource): string {
  const { candidate, phase } = canary.status ?? {}
  if (candidate !== undefined && (phase === 'Waiting' || phase === 'Progressing')) return candidate
  throw new WeftError('CANARY_NOT_RUNNING', { function: canary.spec.function })
}
