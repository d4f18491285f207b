import { createHash } from 'node:crypto'
import { encodeAny } from '../proto/codec.ts'
import { TYPE_URLS } from '../encode/names.ts'
import type { EnvoyResource } from '../encode/types.ts'

/** A resource as it goes over the wire: encoded once, however many proxies get it. */
export interface WireResource {
  readonly typeUrl: string
  readonly name: string
  /** Hash of the content: equal content is never sent twice. */
  readonly version: string
  /** The `value` of the Any. */
  readonly bytes: Buffer
  /** What a proxy asks for, by name, before the resource works. */
  readonly needs: readonly Need[]
}

/** A resource that another one refers to. */
export interface Need {
  readonly typeUrl: string
  readonly name: string
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

function needsOfNode(value: Record<string, unknown>, add: (need: Need) => void): void {
  const { rds, sds_config: sds, config_discovery: discovered, name } = value
  if (isRecord(rds) && typeof rds['route_config_name'] === 'string') add({ typeUrl: TYPE_URLS.route, name: rds['route_config_name'] })
  if (sds !== undefined && typeof name === 'string') add({ typeUrl: TYPE_URLS.secret, name })
  if (discovered !== undefined && typeof name === 'string') add({ typeUrl: TYPE_URLS.extension, name })
}

function walk(value: unknown, add: (need: Need) => void): void {
  if (Array.isArray(value)) for (const entry of value) walk(entry, add)
  else if (isRecord(value)) {
    needsOfNode(value, add)
    for (const entry of Object.values(value)) walk(entry, add)
  }
}

/** What a listener, cluster or scope makes Envoy subscribe to: route configurations, secrets, configurations of filters, and a cluster's endpoints. */
export function needsOf(resource: EnvoyResource): readonly Need[] {
  const routes = resource.json['route_configuration_name']
  if (resource.typeUrl === TYPE_URLS.scopedRoute && typeof routes === 'string') return [{ typeUrl: TYPE_URLS.route, name: routes }]
  if (resource.typeUrl !== TYPE_URLS.listener && resource.typeUrl !== TYPE_URLS.cluster) return []
  const found = new Map<string, Need>()
  const add = (need: Need) => found.set(`${need.typeUrl} ${need.name}`, need)
  walk(resource.json, add)
  const eds = resource.json['eds_cluster_config']
  if (isRecord(eds)) add({ typeUrl: TYPE_URLS.endpoints, name: typeof eds['service_name'] === 'string' ? eds['service_name'] : resource.name })
  return [...found.values()]
}

/** A copy with memory of its own: in Node's shared one it would keep everything alive that was made beside it and is needed no more. */
function alone(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

/**
 * Encodes a resource. Nothing of its JSON is kept.
 * @throws WeftError `MESH_RESOURCE_INVALID`
 */
export function toWire(resource: EnvoyResource): WireResource {
  const bytes = alone(encodeAny(resource.typeUrl, resource.json, resource.name))
  const version = createHash('sha256').update(bytes).digest('base64url').slice(0, 16)
  return { typeUrl: resource.typeUrl, name: resource.name, version, bytes, needs: needsOf(resource) }
}
