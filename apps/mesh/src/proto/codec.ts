import { WeftError } from '@weft/core'
import protobuf from 'protobufjs/light.js'
import { addOpenTelemetry } from './opentelemetry.ts'
import { STATS_LOGGER, STATS_LOGGER_PACKAGE } from './stats-logger.ts'
import schema from './vendor/schema.json' with { type: 'json' }

type Root = protobuf.Root
type JsonObject = { readonly [field: string]: unknown }

const WRAPPER = /^\.google\.protobuf\.(?:Bool|Bytes|Double|Float|Int32|Int64|String|UInt32|UInt64)Value$/
const DURATION_TEXT = /^(\d+)(?:\.(\d{1,9}))?s$/
const INTEGERS: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  sint32: [-(2 ** 31), 2 ** 31 - 1],
  sfixed32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  fixed32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  sint64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  sfixed64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  fixed64: [0, Number.MAX_SAFE_INTEGER],
}

let loaded: Root | undefined

/** The vendored definitions; read on first use (about 60 ms). */
export function protoRoot(): Root {
  loaded ??= readRoot()
  return loaded
}

function readRoot(): Root {
  const root = protobuf.Root.fromJSON(schema as protobuf.INamespace)
  root.define(STATS_LOGGER_PACKAGE, STATS_LOGGER)
  // In Envoy since 1.37; the vendored definitions are older.
  root.lookupType('envoy.extensions.filters.http.set_filter_state.v3.Config').add(new protobuf.Field('clear_route_cache', 2, 'bool'))
  addOpenTelemetry(root)
  return root.resolveAll() as Root
}

/** Where in a resource something is wrong. */
class Problem extends Error {
  readonly path: string
  constructor(path: string, reason: string) {
    super(reason)
    this.path = path
  }
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

const join = (path: string, field: string) => (path === '' ? field : `${path}.${field}`)

/** The message of a type URL; an Any of an unknown type would otherwise be written with an empty type, which no one notices before Envoy does. */
function typeOf(typeUrl: string, path: string): protobuf.Type {
  const name = typeUrl.slice(typeUrl.lastIndexOf('/') + 1)
  try {
    return protoRoot().lookupType(name)
  } catch {
    throw new Problem(path, `the message ${name} is not among the vendored definitions`)
  }
}

function scalar(kind: string, value: unknown, path: string): unknown {
  const range = INTEGERS[kind]
  if (range !== undefined) {
    const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= range[0] && number <= range[1]) return number
  } else if (kind === 'string') {
    if (typeof value === 'string') return value
  } else if (kind === 'bool') {
    if (typeof value === 'boolean') return value
  } else if (kind === 'bytes') {
    if (value instanceof Uint8Array) return value
    if (typeof value === 'string') return Buffer.from(value, 'base64')
  } else if (typeof value === 'number') return value
  throw new Problem(path, `${typeof value === 'object' ? 'an object' : `"${String(value)}"`} is not a ${kind}`)
}

function enumValue(type: protobuf.Enum, value: unknown, path: string): number {
  if (typeof value === 'string' && Object.hasOwn(type.values, value)) return type.values[value] ?? 0
  if (typeof value === 'number' && Object.values(type.values).includes(value)) return value
  throw new Problem(path, `"${String(value)}" is not a value of ${type.name}`)
}

function anyMessage(value: JsonObject, path: string): JsonObject {
  if (value['type_url'] !== undefined) return { type_url: value['type_url'], value: scalar('bytes', value['value'], join(path, 'value')) }
  const { '@type': typeUrl, ...rest } = value
  if (typeof typeUrl !== 'string') throw new Problem(path, 'an Any needs an @type')
  const type = typeOf(typeUrl, path)
  return { type_url: `type.googleapis.com/${type.fullName.slice(1)}`, value: type.encode(message(type, rest, path)).finish() }
}

type Form = 'any' | 'duration' | 'wrapper' | 'plain'
const forms = new Map<protobuf.Type, Form>()

/** How a message is written in JSON. Kept, since protobufjs makes a full name anew each time that it is asked. */
function formOf(type: protobuf.Type): Form {
  const known = forms.get(type)
  if (known !== undefined) return known
  const { fullName } = type
  const form =
    fullName === '.google.protobuf.Any' ? 'any' : fullName === '.google.protobuf.Duration' ? 'duration' : WRAPPER.test(fullName) ? 'wrapper' : 'plain'
  forms.set(type, form)
  return form
}

/** The short forms of protobuf's JSON mapping that are unambiguous: `"1.5s"` for a duration, a bare value for a wrapper. */
function expanded(type: protobuf.Type, value: unknown): unknown {
  if (formOf(type) === 'duration' && typeof value === 'string') {
    const [, seconds, fraction = ''] = DURATION_TEXT.exec(value) ?? []
    if (seconds !== undefined) return { seconds: Number(seconds), nanos: Number(fraction.padEnd(9, '0')) }
  }
  if (!isObject(value) && formOf(type) === 'wrapper') return { value }
  return value
}

function single(field: protobuf.Field, value: unknown, path: string): unknown {
  const { resolvedType } = field
  if (resolvedType instanceof protobuf.Enum) return enumValue(resolvedType, value, path)
  if (!(resolvedType instanceof protobuf.Type)) return scalar(field.type, value, path)
  const full = expanded(resolvedType, value)
  if (!isObject(full)) throw new Problem(path, `${JSON.stringify(full) ?? 'undefined'} is not a ${resolvedType.name}`)
  return formOf(resolvedType) === 'any' ? anyMessage(full, path) : message(resolvedType, full, path)
}

function fieldValue(field: protobuf.Field, value: unknown, path: string): unknown {
  if (field.map) {
    if (!isObject(value)) throw new Problem(path, 'a map must be an object')
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, single(field, entry, `${path}[${key}]`)]))
  }
  if (!field.repeated) return single(field, value, path)
  if (!Array.isArray(value)) throw new Problem(path, 'a repeated field must be an array')
  return value.map((entry: unknown, index) => single(field, entry, `${path}[${index}]`))
}

/** Checks a message and puts it into the form that protobufjs encodes: nothing is dropped, nothing is guessed. */
function message(type: protobuf.Type, value: JsonObject, path: string): JsonObject {
  const result: Record<string, unknown> = {}
  for (const [name, entry] of Object.entries(value)) {
    if (entry === undefined) continue
    const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined
    if (field === undefined) throw new Problem(join(path, name), `${type.name} has no such field`)
    const other = field.partOf?.fieldsArray.find((member) => member.name !== name && value[member.name] !== undefined)
    if (other !== undefined) throw new Problem(join(path, name), `excludes ${other.name}, which is set too`)
    result[name] = fieldValue(field, entry, join(path, name))
  }
  return result
}

/**
 * Writes a message: `json` in the form of protobufjs' `fromObject` (field names as in the .proto files, enums by name or number, a nested Any with `@type`);
 * durations may be `"1.5s"` and wrappers bare values. What `fromObject` would drop silently is an error here: unknown fields and types, two
 * members of a oneof, values of a wrong type.
 * @param name what to call the resource in an error
 * @returns the bytes of the message (the `value` of an Any)
 * @throws WeftError `MESH_RESOURCE_INVALID`
 */
export function encodeAny(typeUrl: string, json: JsonObject, name: string = typeUrl): Buffer {
  try {
    const type = typeOf(typeUrl, '')
    return Buffer.from(type.encode(message(type, json, '')).finish())
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new WeftError('MESH_RESOURCE_INVALID', { resource: name, path: error.path === '' ? '(root)' : error.path, reason: error.message })
  }
}

/** Reads a message; field names as in the .proto files, enums as names, 64-bit numbers as numbers, defaults left out. */
export function decodeAny(typeUrl: string, bytes: Uint8Array): Record<string, unknown> {
  const type = protoRoot().lookupType(typeUrl.slice(typeUrl.lastIndexOf('/') + 1))
  return type.toObject(type.decode(bytes), { enums: String, longs: Number })
}

/** As {@link decodeAny}, with every message inside of it read too, in the form that {@link encodeAny} takes: an Any carries its type as `@type`. */
export function readAny(typeUrl: string, bytes: Uint8Array): Record<string, unknown> {
  return readable(decodeAny(typeUrl, bytes)) as Record<string, unknown>
}

function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable)
  if (!isObject(value)) return value
  const { type_url: typeUrl, value: bytes } = value
  if (typeof typeUrl === 'string' && bytes instanceof Uint8Array) return { '@type': typeUrl, ...readAny(typeUrl, bytes) }
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, readable(entry)]))
}
