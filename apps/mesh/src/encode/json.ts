import type { EnvoyResource, Json } from './types.ts'

/** An Any: the message `fields` of type `type` (without `type.googleapis.com/`). */
export function any(type: string, fields: Json = {}): Json {
  return { '@type': `type.googleapis.com/${type}`, ...fields }
}

/** An extension: name and typed configuration. */
export function extension(name: string, type: string, fields: Json = {}): Json {
  return { name, typed_config: any(type, fields) }
}

/** A protobuf Duration of whole milliseconds, as a message (protobufjs' `fromObject` knows no `"1.5s"`). */
export function duration(ms: number): Json {
  const seconds = Math.floor(ms / 1000)
  return { seconds, nanos: Math.round(ms - seconds * 1000) * 1_000_000 }
}

/** A wrapped scalar (`UInt32Value`, `BoolValue`). */
export function wrap(value: number | boolean): Json {
  return { value }
}

/** "Over the ADS stream that the bootstrap has". `initialFetchTimeoutMs` bounds how long something stays warming for want of an answer. */
export function ads(initialFetchTimeoutMs = 1000): Json {
  return { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: duration(initialFetchTimeoutMs) }
}

/** A resource of `typeUrl`. */
export function resource(typeUrl: string, name: string, json: Json): EnvoyResource {
  return { typeUrl, name, json }
}
