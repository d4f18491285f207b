import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

/** A spec as its schema has it, or why it is not: the fields that are not read, and what else is wrong. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly unsupported: readonly string[]; readonly invalid: readonly string[] }

const REPORTED = 5

/**
 * Makes a check from a schema. The door of the API refuses what does not fit; a resource that came another way (an older version, a cluster's API
 * server) is checked here again, so that the compiler only sees what it understands. The schema is compiled when it is first needed (about 5 ms).
 */
export function checker<S extends TSchema>(schema: S): (value: unknown) => Checked<Static<S>> {
  let compiled: ReturnType<typeof Compile<S>> | undefined
  return (value) => {
    compiled ??= Compile(schema)
    if (compiled.Check(value)) return { ok: true, value }
    return { ok: false, ...problems(compiled.Errors(value) as readonly SchemaError[]) }
  }
}

interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly message: string
  readonly params: { readonly additionalProperties?: readonly string[]; readonly allowedValues?: readonly unknown[] }
}

function problems(errors: readonly SchemaError[]): { readonly unsupported: readonly string[]; readonly invalid: readonly string[] } {
  const unsupported: string[] = []
  const invalid: string[] = []
  for (const { keyword, instancePath, message, params } of errors) {
    const path = fieldPath(instancePath)
    if (keyword === 'additionalProperties') unsupported.push(...(params.additionalProperties ?? []).map((name) => joined(path, name)))
    else if (keyword === 'enum') invalid.push(`${path}: must be one of ${(params.allowedValues ?? []).join(', ')}`)
    else if (keyword !== 'boolean') invalid.push(`${path}: ${message}`)
  }
  return { unsupported: unsupported.slice(0, REPORTED), invalid: invalid.slice(0, REPORTED) }
}

/** `/http/0/match` as people write it: `spec.http[0].match`. */
function fieldPath(pointer: string): string {
  const parts = pointer.split('/').slice(1)
  return parts.reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : joined(path, part.replaceAll('~1', '/').replaceAll('~0', '~'))), 'spec')
}

function joined(path: string, name: string): string {
  return `${path}.${name}`
}
