import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { WeftError } from '@weft/core'
import type { AuthorizationQuestion, MeshPlane } from '@weft/mesh-model'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import { callerOf, notThere, refOf } from './asked.ts'

const BASE = '/apis/mesh.weft.dev/v1alpha1'
const Name = Type.Object({ name: Type.String({ description: 'NAME or NAME.NAMESPACE of a function or Service' }) })
const Where = Type.Object({ namespace: Type.Optional(Type.String()) })
const Call = Type.Object({
  namespace: Type.Optional(Type.String()),
  from: Type.Optional(
    Type.String({ maxLength: 512, description: 'function or Service that calls, or an identity such as cluster.local/ns/NS/sa/NAME; absent: the ingress' }),
  ),
  method: Type.Optional(Type.String({ pattern: "^[A-Za-z!#$%&'*+.^_`|~-]+$", maxLength: 32, description: 'default GET' })),
  path: Type.Optional(Type.String({ pattern: '^/', maxLength: 8192, description: 'default /' })),
  host: Type.Optional(Type.String({ maxLength: 253, description: "as the caller writes it; default the host's full name" })),
  claims: Type.Optional(Type.String({ maxLength: 8192, description: 'payload of its token, JSON' })),
  headers: Type.Optional(Type.String({ maxLength: 8192, description: 'its headers, JSON: name → value or list of values' })),
  address: Type.Optional(Type.String({ maxLength: 45, description: 'address of the client, of a call through the ingress' })),
})

/** Questions about policies and hosts; for `weft mesh authz check` and `weft mesh describe`. */
export const EXPLAIN_ROUTES = {
  authorize: {
    method: 'GET',
    url: `${BASE}/authorization/:name`,
    summary: 'Whether a call would be allowed, and the rule and resource that decide',
    tag: 'mesh',
    params: Name,
    query: Call,
    responses: { 200: { description: 'AuthorizationAnswer' }, 404: { description: 'the mesh knows no such host' } },
  },
  describe: {
    method: 'GET',
    url: `${BASE}/description/:name`,
    summary: 'Who can call a function or Service, where its traffic goes, and why',
    tag: 'mesh',
    params: Name,
    query: Where,
    responses: { 200: { description: 'HostDescription' }, 404: { description: 'the mesh knows no such host' } },
  },
} as const satisfies Record<string, RouteSpec>

/** Attaches the handlers. */
export function registerExplainRoutes(app: FastifyInstance, mesh: Pick<MeshPlane, 'authorize' | 'describe'>): void {
  app.route<{ Params: Static<typeof Name>; Querystring: Static<typeof Call> }>({
    ...routeOptions(EXPLAIN_ROUTES.authorize),
    handler: async ({ params, query }) => {
      const { namespace, from, method = 'GET', path = '/' } = query
      const to = refOf(params.name, namespace)
      const answer = await mesh.authorize({ from: callerOf(from, namespace), to, method: method.toUpperCase(), path, ...moreOf(query) })
      return answer ?? notThere(to)
    },
  })
  app.route<{ Params: Static<typeof Name>; Querystring: Static<typeof Where> }>({
    ...routeOptions(EXPLAIN_ROUTES.describe),
    handler: async ({ params, query }) => {
      const ref = refOf(params.name, query.namespace)
      return (await mesh.describe(ref)) ?? notThere(ref)
    },
  })
}

/** What a question may leave out. @throws WeftError `INVALID_VALUE` */
function moreOf({ host, claims, headers, address }: Static<typeof Call>): Pick<AuthorizationQuestion, 'host' | 'claims' | 'headers' | 'address'> {
  return {
    ...(host === undefined ? {} : { host }),
    ...(claims === undefined ? {} : { claims: objectOf('claims', claims, 'the payload of a token') }),
    ...(headers === undefined ? {} : { headers: headersOf(objectOf('headers', headers, 'names and values')) }),
    ...(address === undefined ? {} : { address: addressOf(address) }),
  }
}

function headersOf(sent: Readonly<Record<string, unknown>>): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Object.entries(sent).map(([name, value]) => [name.toLowerCase(), [value].flat().map(String)]))
}

/** @throws WeftError `INVALID_VALUE` */
function addressOf(text: string): string {
  if (isIP(text) === 0) throw new WeftError('INVALID_VALUE', { field: 'address', reason: `${text} is no IP address` })
  return text
}

/** @throws WeftError `INVALID_VALUE` */
function objectOf(field: string, text: string, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  } catch {
    // said below
  }
  throw new WeftError('INVALID_VALUE', { field, reason: `must be a JSON object, ${what}` })
}
