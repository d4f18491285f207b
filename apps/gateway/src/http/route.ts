import type { TSchema } from 'typebox'

/** What one answer of a route is, for the OpenAPI document. */
export interface RouteResponse {
  readonly description: string
  /** Default `application/json` when there is a schema. */
  readonly contentType?: string
  readonly schema?: TSchema
}

/**
 * One route as data: from it Fastify's validation and the OpenAPI document come. The handler is attached where the collaborators are.
 */
export interface RouteSpec {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As Fastify writes it: `/system/function/:name`. */
  readonly url: string
  readonly summary: string
  readonly description?: string
  readonly tag: 'functions' | 'secrets' | 'namespaces' | 'logs' | 'builds' | 'resources' | 'mesh' | 'platform'
  /** `false`: answered without credentials. */
  readonly auth?: false
  readonly params?: TSchema
  readonly query?: TSchema
  readonly body?: TSchema
  /** Content types that the body may have. Default `application/json`. */
  readonly consumes?: readonly string[]
  readonly responses: Readonly<Record<number, RouteResponse>>
}

/** The part of a {@link RouteSpec} that Fastify takes. */
export function routeOptions(spec: RouteSpec) {
  return {
    method: spec.method,
    url: spec.url,
    schema: {
      ...(spec.params === undefined ? {} : { params: spec.params }),
      ...(spec.query === undefined ? {} : { querystring: spec.query }),
      ...(spec.body === undefined ? {} : { body: spec.body }),
    },
    config: { open: spec.auth === false },
  }
}
