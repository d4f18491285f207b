import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { canonicalNamespace, keyOf, namespacedName, parseFunctionRef, type NamespacedName } from '@weft/core'
import type { InvocationTotals } from '../metrics/invocations.ts'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import { openFaasFunction, shownNamespace } from './convert.ts'
import { FunctionDeployment, OpenFaasFunctionSchema } from './deployment.ts'
import type { Deployed, Functions } from './service.ts'

const NamespaceQuery = Type.Object({ namespace: Type.Optional(Type.String({ description: 'default "default"; "openfaas-fn" means the same' })) })
const DescribeQuery = Type.Object({ ...NamespaceQuery.properties, usage: Type.Optional(Type.String({ description: '"1": with CPU and memory in use' })) })
const NameParams = Type.Object({ name: Type.String({ description: 'NAME or NAME.NAMESPACE' }) })
const DeleteBody = Type.Object({ functionName: Type.String(), namespace: Type.Optional(Type.String()) })
const ScaleBody = Type.Object({
  serviceName: Type.Optional(Type.String()),
  replicas: Type.Integer({ minimum: 0, maximum: 1000 }),
  namespace: Type.Optional(Type.String()),
})
const accepted = { 202: { description: 'accepted; header X-Weft-Notice and the body say when a pinned split was left as it is' } }
const badRequest = { 400: { description: 'a value is not valid, an image or a secret is missing' } }
const missing = { 404: { description: 'there is no such function' } }

/** The routes of OpenFaaS for functions. */
export const FUNCTION_ROUTES = {
  list: {
    method: 'GET',
    url: '/system/functions',
    summary: 'List the functions of a namespace',
    tag: 'functions',
    query: NamespaceQuery,
    responses: { 200: { description: 'functions with their invocation counts', schema: Type.Array(OpenFaasFunctionSchema) } },
  },
  create: {
    method: 'POST',
    url: '/system/functions',
    summary: 'Deploy a new function',
    description: 'By image, artifact digest, or inline source with a runtime. To deploy a source archive, build it first with POST /system/builds.',
    tag: 'functions',
    query: NamespaceQuery,
    body: FunctionDeployment,
    responses: { ...accepted, ...badRequest, 409: { description: 'it exists; PUT updates it' } },
  },
  update: {
    method: 'PUT',
    url: '/system/functions',
    summary: 'Update a function',
    description: 'Makes a new revision when the template changed. Scale, traffic split and matches stay as they are.',
    tag: 'functions',
    query: NamespaceQuery,
    body: FunctionDeployment,
    responses: { ...accepted, ...badRequest, ...missing },
  },
  remove: {
    method: 'DELETE',
    url: '/system/functions',
    summary: 'Remove a function and its revisions',
    tag: 'functions',
    query: NamespaceQuery,
    body: DeleteBody,
    responses: { 202: { description: 'accepted' }, ...badRequest, ...missing },
  },
  describe: {
    method: 'GET',
    url: '/system/function/:name',
    summary: 'Show a function',
    tag: 'functions',
    params: NameParams,
    query: DescribeQuery,
    responses: { 200: { description: 'the function', schema: OpenFaasFunctionSchema }, ...missing },
  },
  scale: {
    method: 'POST',
    url: '/system/scale-function/:name',
    summary: 'Set the number of replicas',
    tag: 'functions',
    params: NameParams,
    query: NamespaceQuery,
    body: ScaleBody,
    responses: { 202: { description: 'accepted' }, ...badRequest, ...missing },
  },
} as const satisfies Record<string, RouteSpec>

/** Collaborators of the routes. */
export interface FunctionRoutesOptions {
  readonly functions: Functions
  readonly invocations: InvocationTotals
}

type WithNamespace = { Querystring: Static<typeof NamespaceQuery> }

/** Attaches the handlers. Old clients name the namespace in the query, new ones in the body: the body wins. */
export function registerFunctionRoutes(app: FastifyInstance, { functions, invocations }: FunctionRoutesOptions): void {
  app.route<WithNamespace>({
    ...routeOptions(FUNCTION_ROUTES.list),
    handler: async ({ query }) => {
      const [found, totals] = await Promise.all([functions.list(namespacedName('list', query.namespace).namespace), invocations.read()])
      return found.map((fn) => {
        const namespace = fn.metadata.namespace ?? 'default'
        const invocationCount = totals.get(keyOf({ namespace, name: fn.metadata.name }))?.completed ?? 0
        return openFaasFunction(fn, { namespace: shownNamespace(namespace, query.namespace), invocationCount })
      })
    },
  })
  for (const verb of ['create', 'update'] as const) {
    app.route<WithNamespace & { Body: FunctionDeployment }>({
      ...routeOptions(FUNCTION_ROUTES[verb]),
      handler: async ({ body, query }, reply) => {
        const { notice }: Deployed = await functions[verb](reference(body.service, body.namespace, query.namespace), body)
        if (notice === undefined) return reply.code(202).send()
        return reply.code(202).header('x-weft-notice', notice).type('text/plain; charset=utf-8').send(`${notice}\n`)
      },
    })
  }
  app.route<WithNamespace & { Body: Static<typeof DeleteBody> }>({
    ...routeOptions(FUNCTION_ROUTES.remove),
    handler: async ({ body, query }, reply) => {
      await functions.remove(reference(body.functionName, body.namespace, query.namespace))
      return reply.code(202).send()
    },
  })
  app.route<{ Params: Static<typeof NameParams>; Querystring: Static<typeof DescribeQuery> }>({
    ...routeOptions(FUNCTION_ROUTES.describe),
    handler: async ({ params, query }) => {
      const ref = parseFunctionRef(params.name, canonicalNamespace(query.namespace))
      const fn = await functions.describe(ref)
      const usage = query.usage === '1' || query.usage === 'true' ? await functions.usage(ref) : undefined
      const extras = usage === undefined ? {} : { usage: { cpu: usage.cpuMillis, totalMemoryBytes: usage.memoryBytes } }
      return openFaasFunction(fn, { namespace: shownNamespace(ref.namespace, query.namespace), ...extras })
    },
  })
  app.route<WithNamespace & { Params: Static<typeof NameParams>; Body: Static<typeof ScaleBody> }>({
    ...routeOptions(FUNCTION_ROUTES.scale),
    handler: async ({ params, body, query }, reply) => {
      await functions.scale(reference(params.name, body.namespace, query.namespace), body.replicas)
      return reply.code(202).send()
    },
  })
}

/** NAME or NAME.NAMESPACE; a namespace in the name wins over one in the body, that over one in the query. */
function reference(name: string, inBody: string | undefined, inQuery: string | undefined): NamespacedName {
  return parseFunctionRef(name, canonicalNamespace(inBody === undefined || inBody === '' ? inQuery : inBody))
}
