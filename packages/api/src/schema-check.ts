import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { TSchema } from 'typebox'
import { UNSUPPORTED_FIELDS, UNSUPPORTED_VALUES } from './pieces.ts'
import { child, shown, type Violation } from './violation.ts'

type Node = Readonly<Record<string, unknown>>

const ajv = new Ajv2020({ allErrors: true, verbose: true, strict: false, unicodeRegExp: true, validateFormats: false })

/** What a schema says of a value. */
export interface SchemaVerdict {
  readonly violations: readonly Violation[]
  /** Whether everything has the type that it must have, so that further checks can read it. */
  readonly structureHolds: boolean
}

/** Violations after which the value still has the types of its schema. */
const HARMLESS: ReadonlySet<string> = new Set(['additionalProperties', 'minimum', 'maximum', 'enum', 'const', 'maxLength', 'minLength', 'maxItems', 'minItems'])

/** Makes a check from a schema; it is compiled when it is first needed. `kind` is how messages name the whole. */
export function schemaCheck(schema: TSchema, kind: string): (value: unknown) => SchemaVerdict {
  let validate: ValidateFunction | undefined
  return (value) => {
    validate ??= ajv.compile(schema)
    if (validate(value)) return { violations: [], structureHolds: true }
    const all = validate.errors ?? []
    const errors = all.filter((error) => !insideAlternative(error, all))
    return { violations: errors.map((error) => violationOf(error, kind, value)), structureHolds: errors.every(({ keyword }) => HARMLESS.has(keyword)) }
  }
}

/** The branches of an alternative say only what their parent says better. */
function insideAlternative(error: ErrorObject, all: readonly ErrorObject[]): boolean {
  return error.keyword !== 'anyOf' && all.some((other) => other.keyword === 'anyOf' && error.schemaPath.startsWith(`${other.schemaPath}/`))
}

function violationOf(error: ErrorObject, kind: string, root: unknown): Violation {
  const field = fieldPath(error.instancePath, root)
  const schema = (error.parentSchema ?? {}) as Node
  if (error.keyword === 'additionalProperties') return unknownField(field, String(error.params['additionalProperty']), kind, schema)
  if (error.keyword === 'required') return { field: child(field, String(error.params['missingProperty'])), reason: 'is missing' }
  return { field, reason: reasonOf(error, schema, kind) }
}

/** A JSON pointer as people write a path: only what is a list in the value gets brackets. */
function fieldPath(pointer: string, root: unknown): string {
  let value = root
  let path = ''
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    path = child(path, Array.isArray(value) ? Number(key) : key)
    value = typeof value === 'object' && value !== null ? (value as Node)[key] : undefined
  }
  return path
}

function unknownField(path: string, name: string, kind: string, schema: Node): Violation {
  const field = child(path, name)
  const unsupported = schema[UNSUPPORTED_FIELDS]
  if (Array.isArray(unsupported) && unsupported.includes(name)) return { field, reason: `field ${name} of ${kind} is not supported yet` }
  const known = typeof schema['properties'] === 'object' && schema['properties'] !== null ? Object.keys(schema['properties']) : []
  if (known.length === 0) return { field, reason: 'is not a valid name here' }
  const similar = known.find((one) => isSimilar(one, name))
  return { field, reason: similar === undefined ? `unknown field; known are ${known.join(', ')}` : `unknown field; did you mean ${similar}?` }
}

/** Same letters whatever the case, or one of the two begins with the other, or one letter differs. */
function isSimilar(a: string, b: string): boolean {
  const [one, two] = [a.toLowerCase(), b.toLowerCase()]
  if (one === two || `${one}s` === two || one === `${two}s`) return true
  let at = 0
  while (at < one.length && one[at] === two[at]) at++
  return a.length > 3 && (one.slice(at + 1) === two.slice(at + 1) || one.slice(at) === two.slice(at + 1) || one.slice(at + 1) === two.slice(at))
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
}

function reasonOf(error: ErrorObject, schema: Node, kind: string): string {
  const value: unknown = error.data
  switch (error.keyword) {
    case 'type':
      return typeReason(String(error.params['type']), value)
    case 'enum':
    case 'const':
      return valueReason(schema, value, kind)
    case 'minimum':
    case 'maximum':
      return `must be ${rangeText(schema['minimum'], schema['maximum'])}, and is ${shown(value)}`
    case 'minLength':
    case 'maxLength':
      return `must have ${rangeText(schema['minLength'], schema['maxLength'])} characters`
    case 'minItems':
    case 'maxItems':
      return `must have ${rangeText(schema['minItems'], schema['maxItems'])} elements`
    case 'minProperties':
    case 'maxProperties':
      return typeof schema['description'] === 'string' && schema['description'].includes(' of ')
        ? `must have ${schema['description']}`
        : `must have ${rangeText(schema['minProperties'], schema['maxProperties'])} fields`
    case 'pattern':
      return `${shown(value)} is not ${formOf(schema)}`
    case 'anyOf':
      return `${shown(value)} is none of what is allowed here`
    default:
      return error.message ?? 'is not valid'
  }
}

function typeReason(type: string, value: unknown): string {
  const quoted = type === 'string' && (typeof value === 'number' || typeof value === 'boolean') ? `; put it in quotes: "${value}"` : ''
  return `must be ${TYPES[type] ?? type}, and is ${shown(value)}${quoted}`
}

function valueReason(schema: Node, value: unknown, kind: string): string {
  const unsupported = schema[UNSUPPORTED_VALUES]
  const allowed = (Array.isArray(schema['enum']) ? schema['enum'] : [schema['const']]).join(', ')
  if (Array.isArray(unsupported) && unsupported.includes(value)) return `the value ${String(value)} of ${kind} is not supported yet; use ${allowed}`
  return `must be one of ${allowed}, and is ${shown(value)}`
}

function rangeText(low: unknown, high: unknown): string {
  if (low === undefined) return `at most ${String(high)}`
  return high === undefined ? `at least ${String(low)}` : `${String(low)} to ${String(high)}`
}

const FORMS: readonly (readonly [RegExp, string])[] = [
  [/^\^\[a-z0-9\]\(\[-a-z0-9\]\{0,61\}/, 'a DNS-1123 label (1 to 63 lower-case letters, digits and dashes, starting and ending with a letter or digit)'],
  [/\(ns\|us/, 'a duration such as "30s", "1m30s" or "250ms"'],
  [/\(us\|ms/, 'a duration such as "30s", "1m30s" or "250ms"'],
  [/\[KMGT\]i/, 'an amount of memory such as "128Mi" or "1Gi"'],
  [/^\^\\d\+\(\\\.\\d\+\)\?m\?\$$/, 'an amount of CPU such as "100m" or "0.5"'],
  [/sha256:/, 'a digest such as "sha256:" and 64 hexadecimal digits'],
  [/\[A-Za-z0-9\+\/\]\{4\}/, 'base64'],
  [/^\^\/$/, 'a path that starts with "/"'],
  [/6553\[0-5\]/, 'a port number from 1 to 65535, written as text'],
  [/u0000/, 'a header value: it has control characters'],
]

function formOf(schema: Node): string {
  const pattern = String(schema['pattern'])
  const form = FORMS.find(([is]) => is.test(pattern))?.[1]
  return form ?? (typeof schema['description'] === 'string' ? schema['description'] : `of the form ${pattern}`)
}
