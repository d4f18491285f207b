import { messageOf } from '@weft/core'
import type { Delivery } from '@weft/mesh-model'
import type { World } from '../command.ts'
import type { GatewayClient } from './gateway-client.ts'

const PATH = '/apis/mesh.weft.dev/v1alpha1/settled'
/** How long commands that write something wait by themselves. */
const SECONDS = 10

/** Waits until everything that is stored is in force at every proxy. @returns what is missing, in words; `undefined` when nothing is */
export async function missingInMesh(client: GatewayClient, seconds: number, signal: AbortSignal): Promise<string | undefined> {
  const { complete, stragglers } = await client.json<Delivery>({ method: 'GET', path: `${PATH}?timeoutSeconds=${seconds}`, signal })
  if (complete) return undefined
  return stragglers.map(({ proxy, reason }) => `proxy ${proxy} ${reason}`).join('; ') || 'the proxies have not answered'
}

/** The same after something was written, so that a call that is made next meets it. What was written is written: what is missing is a warning. */
export async function untilInForce(client: GatewayClient, { stderr, signal }: Pick<World, 'stderr' | 'signal'>): Promise<void> {
  const missing = await missingInMesh(client, SECONDS, signal).catch((error: unknown) => `it could not be learnt: ${messageOf(error)}`)
  if (missing !== undefined) stderr.write(`Stored, but not in force everywhere yet (${missing}). It goes on by itself; see: weft mesh status\n`)
}
