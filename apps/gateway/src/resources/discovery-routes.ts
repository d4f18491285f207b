import { apiVersionOf } from '@weft/api'
import type { FastifyInstance } from 'fastify'
import { WeftError } from '@weft/core'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import type { GatewayVersion } from '../options.ts'
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts'
import type { Kinds } from './kinds.ts'
import { openApiIndex, openApiV3 } from './openapi-v3.ts'

const spec = (url: string, summary: string): RouteSpec => ({
  method: 'GET',
  url,
  summary,
  tag: 'resources',
  responses: { 200: { description: 'discovery document' } },
})

/** Where clients such as kubectl learn what there is. */
export const DISCOVERY_ROUTES = {
  version: spec('/version', 'Version, as Kubernetes clients ask for it'),
  core: spec('/api', 'Versions of the core group'),
  groups: spec('/apis', 'Groups'),
  group: spec('/apis/:group', 'One group'),
  coreKinds: spec('/api/:version', 'Kinds of the core group'),
  groupKinds: spec('/apis/:group/:version', 'Kinds of a group'),
  openApi: spec('/openapi/v3', 'Where the OpenAPI documents for Kubernetes clients are'),
  coreOpenApi: spec('/openapi/v3/api/:version', 'OpenAPI document of the core group, for Kubernetes clients'),
  groupOpenApi: spec('/openapi/v3/apis/:group/:version', 'OpenAPI document of a group, for Kubernetes clients'),
} as const satisfies Record<string, RouteSpec>

/** Attaches the handlers. */
export function registerDiscoveryRoutes(app: FastifyInstance, kinds: Kinds, version: GatewayVersion): void {
  const [major = '0', minor = '0'] = version.release.split('.')
  app.route({
    ...routeOptions(DISCOVERY_ROUTES.version),
    handler: () => Promise.resolve({ major, minor, gitVersion: `v${version.release}`, gitCommit: version.sha, platform: 'weft' }),
  })
  app.route({ ...routeOptions(DISCOVERY_ROUTES.core), handler: () => Promise.resolve(apiVersions()) })
  app.route({ ...routeOptions(DISCOVERY_ROUTES.groups), handler: () => Promise.resolve(apiGroupList(kinds)) })
  app.route<{ Params: { group: string } }>({
    ...routeOptions(DISCOVERY_ROUTES.group),
    handler: ({ params }) => Promise.resolve(apiGroup(params.group, kinds.groups().get(params.group) ?? unknownVersion(params.group, '*'))),
  })
  app.route<{ Params: { version: string } }>({
    ...routeOptions(DISCOVERY_ROUTES.coreKinds),
    handler: ({ params }) => Promise.resolve(apiResourceList(kinds, '', params.version) ?? unknownVersion('', params.version)),
  })
  app.route<{ Params: { group: string; version: string } }>({
    ...routeOptions(DISCOVERY_ROUTES.groupKinds),
    handler: ({ params }) => Promise.resolve(apiResourceList(kinds, params.group, params.version) ?? unknownVersion(params.group, params.version)),
  })
  app.route({ ...routeOptions(DISCOVERY_ROUTES.openApi), handler: () => Promise.resolve(openApiIndex(kinds)) })
  app.route<{ Params: { version: string } }>({
    ...routeOptions(DISCOVERY_ROUTES.coreOpenApi),
    handler: ({ params }) => Promise.resolve(openApiV3(kinds, '', params.version) ?? unknownVersion('', params.version)),
  })
  app.route<{ Params: { group: string; version: string } }>({
    ...routeOptions(DISCOVERY_ROUTES.groupOpenApi),
    handler: ({ params }) => Promise.resolve(openApiV3(kinds, params.group, params.version) ?? unknownVersion(params.group, params.version)),
  })
}

function unknownVersion(group: string, version: string): never {
  throw new WeftError('UNKNOWN_KIND', { apiVersion: apiVersionOf(group, version), kind: '' })
}
