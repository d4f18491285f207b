import { apiVersionOf } from '@weft/api'
import { isObject } from '../http/json.ts'
import type { Kinds, ServedKind } from './kinds.ts'

/** `GET /openapi/v3`: where the document of each group and version is. */
export function openApiIndex(kinds: Kinds) {
  const paths = [...new Set(kinds.all.flatMap((kind) => kind.versions.map((version) => placeOf(kind.group, version))))]
  return { paths: Object.fromEntries(paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }])) }
}

/**
 * `GET /openapi/v3/apis/GROUP/VERSION`, for kubectl: that the server validates fields itself (`fieldValidation` of PATCH) and takes `dryRun`, and the schemas
 * for `kubectl explain`. People read /openapi.json.
 */
export function openApiV3(kinds: Kinds, group: string, version: string) {
  const served = kinds.all.filter((kind) => kind.group === group && kind.versions.includes(version))
  if (served.length === 0) return undefined
  const gvk = (kind: ServedKind) => ({ group, version, kind: kind.kind })
  return {
    openapi: '3.0.0',
    info: { title: 'Weft', version },
    paths: Object.fromEntries(served.map((kind) => [pathOf(kind, version), { patch: patchOf(gvk(kind)) }])),
    components: {
      schemas: Object.fromEntries(
        served.map((kind) => [schemaName(kind, version), { ...forKubernetes(kind.schema ?? {}), 'x-kubernetes-group-version-kind': [gvk(kind)] }]),
      ),
    },
  }
}

/** A schema as kubectl's templates read it: maps by `additionalProperties`, and no empty schema. */
function forKubernetes(schema: object): object {
  const { patternProperties, properties, items, ...rest } = schema as Readonly<Record<string, unknown>>
  const [entry] = isObject(patternProperties) ? Object.values(patternProperties) : []
  if (Object.keys(schema).length === 0) return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return {
    ...rest,
    ...(isObject(properties)
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, isObject(inner) ? forKubernetes(inner) : inner])) }
      : {}),
    ...(isObject(items) ? { items: forKubernetes(items) } : {}),
    ...(isObject(entry) ? { additionalProperties: forKubernetes(entry) } : {}),
  }
}

function placeOf(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

function pathOf(kind: ServedKind, version: string): string {
  const namespace = kind.namespaced ? '/namespaces/{namespace}' : ''
  return `/${placeOf(kind.group, version)}${namespace}/${kind.plural}/{name}`
}

function schemaName(kind: ServedKind, version: string): string {
  return `${apiVersionOf(kind.group, version).replaceAll('/', '.')}.${kind.kind}`
}

function patchOf(gvk: object) {
  const query = (name: string) => ({ name, in: 'query', schema: { type: 'string' } })
  return {
    parameters: [query('dryRun'), query('fieldManager'), query('fieldValidation'), query('force')],
    responses: {},
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': gvk,
  }
}
