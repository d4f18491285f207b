import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { canonicalNamespace, DEFAULT_NAMESPACE, isDnsLabel, NAMESPACE_ALIASES, SYSTEM_NAMESPACE, WeftError, type Resource, type ResourceRef } from '@weft/core'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import { parseResource } from '@weft/api'
import type { Resources } from '../resources/resources.ts'

const map = Type.Optional(Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]))
const NamespaceBody = Type.Object({ name: Type.String(), labels: map, annotations: map })
const OptionalBody = Type.Union([Type.Object({ name: Type.Optional(Type.String()), labels: map, annotations: map }), Type.Null()])
const NameParams = Type.Object({ name: Type.String() })
type NamespaceBody = Static<typeof NamespaceBody>
type OptionalBody = Static<typeof OptionalBody>

const accepted = { 202: { description: 'accepted' } }
const missing = { 404: { description: 'there is no such namespace' } }
const create = { method: 'POST', tag: 'namespaces', body: NamespaceBody } as const
const createResponses = { 201: { description: 'created' }, 409: { description: 'it exists' } }

/** The routes of OpenFaaS for namespaces; clients differ in singular and plural, and in the slash at the end: all are answered. */
export const NAMESPACE_ROUTES = {
  list: {
    method: 'GET',
    url: '/system/namespaces',
    summary: 'List the names of namespaces',
    tag: 'namespaces',
    responses: { 200: { description: 'names', schema: Type.Array(Type.String()) } },
  },
  create: { ...create, url: '/system/namespace', summary: 'Create a namespace', responses: createResponses },
  createPlural: { ...create, url: '/system/namespaces', summary: 'Create a namespace', responses: createResponses },
  ...named('/system/namespace/:name', ''),
  ...named('/system/namespaces/:name', 'Plural'),
} as const satisfies Record<string, RouteSpec>

type Named<S extends string> = { readonly [K in `${'get' | 'createNamed' | 'update' | 'remove'}${S}`]: RouteSpec }

function named<S extends string>(url: string, suffix: S): Named<S> {
  const common = { url, tag: 'namespaces', params: NameParams } as const
  const get: RouteSpec = { ...common, method: 'GET', summary: 'Show a namespace', responses: { 200: { description: 'name, labels, annotations' }, ...missing } }
  const createNamed: RouteSpec = { ...common, method: 'POST', summary: 'Create the namespace of this name', body: OptionalBody, responses: createResponses }
  const update: RouteSpec = {
    ...common,
    method: 'PUT',
    summary: 'Replace labels and annotations of a namespace',
    body: OptionalBody,
    responses: { ...accepted, ...missing },
  }
  const remove: RouteSpec = {
    ...common,
    method: 'DELETE',
    summary: 'Remove a namespace with everything in it',
    body: OptionalBody,
    responses: { ...accepted, ...missing },
  }
  return { [`get${suffix}`]: get, [`createNamed${suffix}`]: createNamed, [`update${suffix}`]: update, [`remove${suffix}`]: remove } as Named<S>
}

/** Attaches the handlers. `removeAll` removes a namespace and what is in it. */
export function registerNamespaceRoutes(app: FastifyInstance, resources: Resources, removeAll: (name: string) => Promise<void>): void {
  app.route({ ...routeOptions(NAMESPACE_ROUTES.list), handler: () => namespaceNames(resources) })
  for (const spec of [NAMESPACE_ROUTES.create, NAMESPACE_ROUTES.createPlural]) {
    app.route<{ Body: NamespaceBody }>({
      ...routeOptions(spec),
      handler: async ({ body }, reply) => {
        await createNamespace(resources, body.name, body)
        return reply.code(201).send()
      },
    })
  }
  for (const suffix of ['', 'Plural'] as const) registerNamed(app, suffix, resources, removeAll)
}

function registerNamed(app: FastifyInstance, suffix: '' | 'Plural', resources: Resources, removeAll: (name: string) => Promise<void>): void {
  type Route = { Params: Static<typeof NameParams>; Body: OptionalBody | undefined }
  app.route<Route>({
    ...routeOptions(NAMESPACE_ROUTES[`get${suffix}`]),
    handler: async ({ params }) => {
      const { metadata } = await find(resources, params.name)
      return { name: metadata.name, annotations: metadata.annotations ?? {}, labels: metadata.labels ?? {} }
    },
  })
  app.route<Route>({
    ...routeOptions(NAMESPACE_ROUTES[`createNamed${suffix}`]),
    handler: async ({ params, body }, reply) => {
      await createNamespace(resources, params.name, body ?? {})
      return reply.code(201).send()
    },
  })
  app.route<Route>({
    ...routeOptions(NAMESPACE_ROUTES[`update${suffix}`]),
    handler: async ({ params, body }, reply) => {
      await find(resources, params.name)
      await resources.change(namespaceRef(params.name), (current) => namespaceResource(current.metadata.name, body ?? {}))
      return reply.code(202).send()
    },
  })
  app.route<Route>({
    ...routeOptions(NAMESPACE_ROUTES[`remove${suffix}`]),
    handler: async ({ params }, reply) => {
      await find(resources, params.name)
      await removeAll(canonicalNamespace(params.name))
      return reply.code(202).send()
    },
  })
}

/** The names of namespaces that functions may be in; the platform's own is not one of them. */
async function namespaceNames(resources: Resources): Promise<readonly string[]> {
  const { items } = await resources.list({ group: '', kind: 'Namespace' })
  const names = new Set([DEFAULT_NAMESPACE, ...items.map((item) => item.metadata.name)])
  names.delete(SYSTEM_NAMESPACE)
  return [...names]
}

async function createNamespace(resources: Resources, asked: string, body: OptionalBody): Promise<void> {
  const name = canonicalNamespace(asked)
  if (!isDnsLabel(name)) throw new WeftError('INVALID_NAME', { what: 'namespace', value: asked })
  if (name === DEFAULT_NAMESPACE || NAMESPACE_ALIASES.has(asked)) throw new WeftError('ALREADY_EXISTS', { kind: 'namespace', name: asked })
  await resources.create(namespaceResource(name, body))
}

async function find(resources: Resources, name: string): Promise<Resource> {
  const ref = namespaceRef(name)
  if (!isDnsLabel(ref.name)) throw new WeftError('INVALID_NAME', { what: 'namespace', value: name })
  return resources.get(ref)
}

function namespaceRef(name: string): ResourceRef {
  return { group: '', kind: 'Namespace', name: canonicalNamespace(name) }
}

function namespaceResource(name: string, body: OptionalBody): Resource {
  const labels = body?.labels ?? {}
  const annotations = body?.annotations ?? {}
  return parseResource({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels, annotations } })
}
