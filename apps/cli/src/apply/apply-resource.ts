import { canonicalNamespace, type Resource } from '@weft/core'
import { readText, refusal, type GatewayClient } from '../client/gateway-client.ts'
import { resourcePath, type Discovery } from './discovery.ts'

/** What came of applying one resource. */
export type Applied = 'created' | 'configured' | 'unchanged'

/** Creates a resource or merges it into what is there. @throws WeftError with the gateway's reason */
export async function applyResource(client: GatewayClient, discovery: Discovery, resource: Resource): Promise<Applied> {
  const kind = await discovery.ofManifest(resource.apiVersion, resource.kind)
  const path = resourcePath(kind, canonicalNamespace(resource.metadata.namespace), resource.metadata.name)
  const before = await client.send({ method: 'GET', path })
  const previous = await readText(before.body)
  const answer = await client.send({ method: 'PATCH', path, headers: { 'content-type': 'application/apply-patch+yaml' }, body: JSON.stringify(resource) })
  const text = await readText(answer.body)
  if (answer.status >= 400) throw refusal(answer.status, text)
  if (before.status === 404) return 'created'
  return versionOf(previous) === versionOf(text) ? 'unchanged' : 'configured'
}

/** Removes a resource. @returns whether it was there */
export async function deleteResource(client: GatewayClient, discovery: Discovery, resource: Resource): Promise<boolean> {
  const kind = await discovery.ofManifest(resource.apiVersion, resource.kind)
  const path = resourcePath(kind, canonicalNamespace(resource.metadata.namespace), resource.metadata.name)
  const answer = await client.send({ method: 'DELETE', path })
  const text = await readText(answer.body)
  if (answer.status === 404) return false
  if (answer.status >= 400) throw refusal(answer.status, text)
  return true
}

function versionOf(text: string): string | undefined {
  return (JSON.parse(text) as Resource).metadata.resourceVersion
}
