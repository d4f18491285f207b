import { apiVersionOf } from '@weft/api'
import type { TSchema } from 'typebox'
import { BUILD_ROUTES } from '../builds/routes.ts'
import { FUNCTION_ROUTES } from '../functions/routes.ts'
import type { RouteResponse, RouteSpec } from '../http/route.ts'
import { LOG_ROUTES } from '../logs/logs.ts'
import { ANALYSIS_ROUTES } from '../mesh/analysis-routes.ts'
import { EXPLAIN_ROUTES } from '../mesh/explain-routes.ts'
import { SETTLED_ROUTES } from '../mesh/settled-routes.ts'
import { SNAPSHOT_ROUTES } from '../mesh/snapshots-routes.ts'
import { TAP_ROUTES } from '../mesh/tap-routes.ts'
import { TRAFFIC_ROUTES } from '../mesh/traffic-routes.ts'
import { MESH_ROUTES } from '../mesh/routes.ts'
import { NAMESPACE_ROUTES } from '../namespaces/namespaces.ts'
import { DISCOVERY_ROUTES } from '../resources/discovery-routes.ts'
import type { ServedKind } from '../resources/kinds.ts'
import { RESOURCE_ROUTES } from '../resources/routes.ts'
import { SERVED_KINDS } from '../resources/served-kinds.ts'
import { SECRET_ROUTES } from '../secrets/secrets.ts'
import { SYSTEM_ROUTES } from '../system/routes.ts'

/** This document as a route. */
export const OPENAPI_ROUTES = {
  openApi: { method: 'GET', url: '/openapi.json', summary: 'This document', tag: 'platform', auth: false, responses: { 200: { description: 'OpenAPI 3.1' } } },
} as const satisfies Record<string, RouteSpec>

/** Every route whose path is written out; those of resources are in {@link RESOURCE_ROUTES}. */
export const PLAIN_ROUTES: readonly RouteSpec[] = [
  SYSTEM_ROUTES,
  FUNCTION_ROUTES,
  SECRET_ROUTES,
  NAMESPACE_ROUTES,
  LOG_ROUTES,
  BUILD_ROUTES,
  MESH_ROUTES,
  EXPLAIN_ROUTES,
  SNAPSHOT_ROUTES,
  SETTLED_ROUTES,
  ANALYSIS_ROUTES,
  TRAFFIC_ROUTES,
  TAP_ROUTES,
  DISCOVERY_ROUTES,
  OPENAPI_ROUTES,
].flatMap((routes) => Object.values<RouteSpec>(routes))

type Json = { [key: string]: unknown }

/** The OpenAPI 3.1 document of the control API, made of the routes and the kinds that are served. */
export function openApiDocument(release: string): Json {
  const paths: Record<string, Json> = {}
  for (const route of [...PLAIN_ROUTES, ...SERVED_KINDS.flatMap(routesOfKind)]) {
    const path = route.url.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Weft control API',
      version: release,
      description:
        'Functions in the words of OpenFaaS, and every resource under Kubernetes-shaped paths. Calls of functions go to /function/NAME and do not pass through here.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ basic: [] }],
    paths,
    components: {
      securitySchemes: { basic: { type: 'http', scheme: 'basic' } },
      schemas: { ...Object.fromEntries(SERVED_KINDS.map((kind) => [schemaName(kind), kind.schema ?? { type: 'object' }])), Error: errorSchema() },
    },
  }
}

/** The generic routes with the path of one kind in its preferred version. */
function routesOfKind(kind: ServedKind): readonly RouteSpec[] {
  const [version = ''] = kind.versions
  const prefix = kind.group === '' ? '/api/:version' : '/apis/:group/:version'
  return RESOURCE_ROUTES.filter((route) => route.url.startsWith(`${prefix}/`) && isFor(kind, route)).map((route) => ({
    ...route,
    url: route.url.replace(':group', kind.group).replace(':version', version).replace(':plural', kind.plural),
    summary: route.summary.replace(/\(.*\)/, kind.kind),
    ...(route.method === 'POST' || route.method === 'PUT' ? { body: { $ref: `#/components/schemas/${schemaName(kind)}` } } : {}),
  }))
}

/** Whether a kind is served there: with or without a namespace, with or without a status, read or only taken in. */
function isFor(kind: ServedKind, { url, method }: RouteSpec): boolean {
  const isInNamespace = url.includes('/namespaces/')
  const isOfAll = !url.includes(':name') && method === 'GET'
  if (kind.namespaced ? !isInNamespace && !isOfAll : isInNamespace) return false
  if (kind.legacy) return ['POST', 'PUT', 'PATCH'].includes(method) && !url.endsWith('/status')
  return kind.status || !url.endsWith('/status')
}

function schemaName(kind: ServedKind): string {
  return `${apiVersionOf(kind.group, kind.versions[0] ?? '').replaceAll('/', '.')}.${kind.kind}`
}

function operationOf(route: RouteSpec): Json {
  const parameters = [...pathParameters(route), ...queryParameters(route.query)]
  return {
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(route.auth === false ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...bodyOf(route),
    responses: {
      ...Object.fromEntries(Object.entries(route.responses).map(([status, response]) => [status, responseOf(response)])),
      ...(route.auth === false ? {} : { 401: { description: 'invalid credentials' } }),
    },
  }
}

function bodyOf({ body, consumes }: RouteSpec): Json {
  if (body === undefined && consumes === undefined) return {}
  const types = consumes ?? ['application/json']
  return { requestBody: { required: true, content: Object.fromEntries(types.map((type) => [type, body === undefined ? {} : { schema: body }])) } }
}

function responseOf(response: RouteResponse): Json {
  const { description, schema, contentType } = response
  if (schema === undefined && contentType === undefined) return { description }
  return { description, content: { [contentType ?? 'application/json']: schema === undefined ? {} : { schema } } }
}

function pathParameters({ url, params }: RouteSpec): readonly Json[] {
  const known = propertiesOf(params)
  return [...url.matchAll(/:(\w+)/g)].map(([, name = '']) => ({ name, in: 'path', required: true, schema: known[name] ?? { type: 'string' } }))
}

function queryParameters(query: TSchema | undefined): readonly Json[] {
  const required = new Set(objectSchema(query).required ?? [])
  return Object.entries(propertiesOf(query)).map(([name, schema]) => ({ name, in: 'query', ...(required.has(name) ? { required: true } : {}), schema }))
}

function propertiesOf(schema: TSchema | undefined): Readonly<Record<string, unknown>> {
  return objectSchema(schema).properties ?? {}
}

interface ObjectSchema {
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, unknown>>
}

function objectSchema(schema: TSchema | undefined): ObjectSchema {
  return schema ?? {}
}

function errorSchema(): Json {
  const text = { type: 'string' }
  const error = { type: 'object', required: ['code', 'message', 'help'], properties: { code: text, message: text, help: text, id: text } }
  return {
    type: 'object',
    required: ['error'],
    properties: { error },
    description: 'an error, for who asks for JSON; OpenFaaS paths answer text otherwise, Kubernetes-shaped paths a Status',
  }
}
