import type { TSchema } from 'typebox'
import { KINDS, type KindDefinition } from './registry.ts'

/** Name of a kind's schema in an OpenAPI document: `GROUP.VERSION.Kind`, `core` for the core group. */
export function schemaName({ group, versions, kind }: KindDefinition): string {
  return `${group === '' ? 'core' : group}.${versions[0]}.${kind}`
}

/** The schemas of all kinds for `components.schemas` of an OpenAPI 3.1 document, which takes JSON Schema as it is. */
export function openApiSchemas(): Readonly<Record<string, TSchema>> {
  return Object.fromEntries(KINDS.map((definition) => [schemaName(definition), definition.schema]))
}
