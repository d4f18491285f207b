import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { canonicalNamespace, namespacedName, WeftError, type NamespacedName, type Resource, type ResourceRef } from '@weft/core'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import { shownNamespace } from '../functions/convert.ts'
import { parseResource } from '@weft/api'
import type { Resources } from '../resources/resources.ts'

const NamespaceQuery = Type.Object({ namespace: Type.Optional(Type.String()) })
const SecretName = { name: Type.String(), namespace: Type.Optional(Type.String()) }
const SecretBody = Type.Object({
  ...SecretName,
  value: Type.Optional(Type.String({ description: 'the value as text' })),
  rawValue: Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'the value as base64, used when `value` is empty' })),
})
type SecretBody = Static<typeof SecretBody>
const SecretRef = Type.Object(SecretName)
const accepted = { 202: { description: 'accepted' } }
const missing = { 404: { description: 'there is no such secret' } }

/** The routes of OpenFaaS for secrets. Values go in and never come out. */
export const SECRET_ROUTES = {
  list: {
    method: 'GET',
    url: '/system/secrets',
    summary: 'List the names of the secrets of a namespace',
    tag: 'secrets',
    query: NamespaceQuery,
    responses: { 200: { description: 'names, never values', schema: Type.Array(SecretRef) } },
  },
  create: {
    method: 'POST',
    url: '/system/secrets',
    summary: 'Create a secret',
    tag: 'secrets',
    query: NamespaceQuery,
    body: SecretBody,
    responses: { ...accepted, 409: { description: 'it exists; PUT replaces its value' } },
  },
  update: {
    method: 'PUT',
    url: '/system/secrets',
    summary: 'Replace the value of a secret',
    tag: 'secrets',
    query: NamespaceQuery,
    body: SecretBody,
    responses: { ...accepted, ...missing },
  },
  remove: {
    method: 'DELETE',
    url: '/system/secrets',
    summary: 'Remove a secret',
    description: 'Answers 202, not 204: the clients of OpenFaaS take 204 for an error.',
    tag: 'secrets',
    query: NamespaceQuery,
    body: SecretRef,
    responses: { ...accepted, ...missing },
  },
} as const satisfies Record<string, RouteSpec>

type WithNamespace = { Querystring: Static<typeof NamespaceQuery> }

/** Attaches the handlers. */
export function registerSecretRoutes(app: FastifyInstance, resources: Resources): void {
  app.route<WithNamespace>({
    ...routeOptions(SECRET_ROUTES.list),
    handler: async ({ query }) => {
      const { namespace } = namespacedName('list', query.namespace)
      const { items } = await resources.list({ group: '', kind: 'Secret', namespace })
      return items.map((item) => ({ name: item.metadata.name, namespace: shownNamespace(namespace, query.namespace) }))
    },
  })
  app.route<WithNamespace & { Body: SecretBody }>({
    ...routeOptions(SECRET_ROUTES.create),
    handler: async ({ body, query }, reply) => {
      await resources.create(secretOf(reference(body, query.namespace), body))
      return reply.code(202).send()
    },
  })
  app.route<WithNamespace & { Body: SecretBody }>({
    ...routeOptions(SECRET_ROUTES.update),
    handler: async ({ body, query }, reply) => {
      const ref = reference(body, query.namespace)
      const { data } = secretOf(ref, body)
      await resources.change(secretRef(ref), (current) => ({ ...current, data }) as Resource)
      return reply.code(202).send()
    },
  })
  app.route<WithNamespace & { Body: Static<typeof SecretRef> }>({
    ...routeOptions(SECRET_ROUTES.remove),
    handler: async ({ body, query }, reply) => {
      await resources.remove(secretRef(reference(body, query.namespace)))
      return reply.code(202).send()
    },
  })
}

function reference(body: Static<typeof SecretRef>, inQuery: string | undefined): NamespacedName {
  return namespacedName(body.name, canonicalNamespace(body.namespace === undefined || body.namespace === '' ? inQuery : body.namespace))
}

function secretRef(ref: NamespacedName): ResourceRef {
  return { group: '', kind: 'Secret', namespace: ref.namespace, name: ref.name }
}

/** A Secret with one file named like itself, as functions of OpenFaaS read it. */
function secretOf(ref: NamespacedName, body: SecretBody): Resource & { readonly data?: unknown } {
  return parseResource({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...ref, labels: { 'app.kubernetes.io/managed-by': 'openfaas' } },
    type: 'Opaque',
    data: { [ref.name]: valueOf(body) },
  })
}

function valueOf(body: SecretBody): string {
  if (body.value !== undefined && body.value !== '') return Buffer.from(body.value, 'utf8').toString('base64')
  const raw = body.rawValue ?? ''
  if (raw === '') throw new WeftError('INVALID_VALUE', { field: 'body.value', reason: 'the secret has no value' })
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(raw)) throw new WeftError('INVALID_VALUE', { field: 'body.rawValue', reason: 'it is not base64' })
  return raw
}
