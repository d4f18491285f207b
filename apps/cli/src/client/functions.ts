import type { FunctionResource, RevisionResource } from '@weft/api'
import { parseFunctionRef, type NamespacedName } from '@weft/core'
import type { GatewayClient } from './gateway-client.ts'

const GROUP_PATH = '/apis/weft.dev/v1alpha1'

/** `NAME`, `NAME.NS`, or `NAME` with `--namespace NS`. @throws WeftError `INVALID_NAME` */
export function functionRef(text: string, options: Readonly<Record<string, unknown>>): NamespacedName {
  const namespace = options['namespace']
  return parseFunctionRef(text, typeof namespace === 'string' ? namespace : undefined)
}

/** Path of one resource of Weft's own group. */
export function weftPath(plural: 'functions' | 'revisions', ref: NamespacedName): string {
  return `${GROUP_PATH}/namespaces/${ref.namespace}/${plural}/${ref.name}`
}

/** Reads a function. @throws WeftError `GATEWAY_REFUSED` when there is none */
export function getFunction(client: GatewayClient, ref: NamespacedName): Promise<FunctionResource> {
  return client.json<FunctionResource>({ method: 'GET', path: weftPath('functions', ref) })
}

/** All functions of a namespace, or of all. */
export async function listFunctions(client: GatewayClient, namespace: string | undefined): Promise<readonly FunctionResource[]> {
  const path = namespace === undefined ? `${GROUP_PATH}/functions` : `${GROUP_PATH}/namespaces/${namespace}/functions`
  return (await client.json<{ items: readonly FunctionResource[] }>({ method: 'GET', path })).items
}

/** The revisions of a function, newest first. */
export async function listRevisions(client: GatewayClient, ref: NamespacedName): Promise<readonly RevisionResource[]> {
  const selector = encodeURIComponent(`weft.dev/function=${ref.name}`)
  const path = `${GROUP_PATH}/namespaces/${ref.namespace}/revisions?labelSelector=${selector}`
  const { items } = await client.json<{ items: readonly RevisionResource[] }>({ method: 'GET', path })
  return items.toSorted((a, b) => b.spec.number - a.spec.number)
}

/** Merges a change into a function (RFC 7396): `null` removes a field. */
export function patchFunction(client: GatewayClient, ref: NamespacedName, patch: object): Promise<FunctionResource> {
  return client.json<FunctionResource>({
    method: 'PATCH',
    path: weftPath('functions', ref),
    headers: { 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify(patch),
  })
}
