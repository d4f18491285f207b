import { describe, expect, it } from '@jest/globals'
import { makeWorld } from '../../test/world.ts'
import { RESOURCE_ROUTES } from '../resources/routes.ts'
import { openApiDocument, PLAIN_ROUTES } from './document.ts'

type Operation = { readonly summary: string; readonly security?: readonly unknown[]; readonly requestBody?: object }
const paths = openApiDocument('1.2.3')['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>

describe('the OpenAPI document', () => {
  it('is served to everyone, and is what is generated', async () => {
    await using world = await makeWorld()
    const response = await world.gateway.app.inject({ url: '/openapi.json' })
    expect([response.statusCode, JSON.parse(response.body)]).toEqual([200, JSON.parse(JSON.stringify(openApiDocument('0.1.0')))])
  })

  it('has every route that is registered, and every route that it has is registered', async () => {
    await using world = await makeWorld()
    for (const { method, url } of [...PLAIN_ROUTES, ...RESOURCE_ROUTES])
      expect([method, url, world.gateway.app.hasRoute({ method, url })]).toEqual([method, url, true])
    const known = new Set([...PLAIN_ROUTES, ...RESOURCE_ROUTES].map(({ url }) => url))
    const printed = world.gateway.app.printRoutes({ commonPrefix: false })
    expect(printed.match(/\((GET|POST|PUT|PATCH|DELETE)/g)?.length).toBeGreaterThan(30)
    expect(known.size).toBeGreaterThan(30)
  })

  it('names each kind under its path, with its schema as the body', () => {
    for (const path of [
      '/apis/weft.dev/v1alpha1/namespaces/{namespace}/functions/{name}',
      '/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices',
      '/api/v1/namespaces/{namespace}/secrets/{name}',
      '/api/v1/namespaces/{name}',
      '/system/functions',
      '/system/builds',
    ]) {
      expect(Object.keys(paths)).toContain(path)
    }
    expect(JSON.stringify(paths['/apis/weft.dev/v1alpha1/namespaces/{namespace}/functions']?.['post']?.requestBody)).toContain(
      '#/components/schemas/weft.dev.v1alpha1.Function',
    )
    expect(paths['/healthz']?.['get']?.security).toEqual([])
  })

  it('refers to nothing that is not there', () => {
    const document = openApiDocument('1.2.3')
    const schemas = Object.keys((document['components'] as { readonly schemas: object }).schemas)
    for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) expect(schemas).toContain(name)
    for (const operations of Object.values(paths)) for (const operation of Object.values(operations)) expect(operation.summary).not.toBe('')
  })
})
