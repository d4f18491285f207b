import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { cli, testGateway, testWorld } from '../testing/world.ts'

const PATH = '/apis/mesh.weft.dev/v1alpha1/analysis'
const ROUTES = `# routes
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: routes
spec:
  hosts: [temp]
  http:
    - route:
        - destination:
            host: temp
            subset: v2
`
const STACK = 'version: "1.0"\nprovider: { name: openfaas }\nfunctions:\n  temp: { lang: node22, handler: ./temp, image: temp }\n'
const finding = {
  code: 'IST0101',
  name: 'ReferencedResourceNotFound',
  severity: 'error',
  resource: { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'default', name: 'routes' },
  document: 0,
  field: 'spec.http[0]',
  message: 'there is none',
  help: 'correct the name',
}

describe('weft mesh analyze', () => {
  it('tells of files by line, without a platform, and fails on errors', async () => {
    await using world = await testWorld()
    await writeFile(join(world.cwd, 'routes.yaml'), ROUTES)
    await writeFile(join(world.cwd, 'stack.yaml'), STACK)
    const { code, out } = await cli(['mesh', 'analyze', '-f', '.'], { world })
    expect(code).toBe(1)
    expect(out).toMatch(/^error \[IST0101\] .*routes\.yaml:12 \(VirtualService default\/routes\) ReferencedResourceNotFound: .*subset v2\n  correct the name/)
  })

  it('is content with what is in order', async () => {
    await using world = await testWorld()
    await writeFile(join(world.cwd, 'routes.yaml'), ROUTES.replace('            subset: v2\n', ''))
    await writeFile(join(world.cwd, 'stack.yaml'), STACK)
    expect(await cli(['mesh', 'analyze', '-f', '.'], { world })).toEqual({
      code: 0,
      err: '',
      out: 'Nothing to say: everything that can be checked is in order.\n',
    })
  })

  it('tells where a field is not valid', async () => {
    await using world = await testWorld()
    await writeFile(join(world.cwd, 'a.yaml'), ROUTES.replace('hosts: [temp]', 'hosts: [temp]\n  hots: []'))
    expect((await cli(['mesh', 'analyze', '-f', 'a.yaml'], { world })).out).toMatch(/error \[IST0106\] .*a\.yaml:8 /)
  })

  it('refuses what is no YAML, and what is not there', async () => {
    await using world = await testWorld()
    await writeFile(join(world.cwd, 'a.yaml'), 'kind: [')
    expect(await cli(['mesh', 'analyze', '-f', 'a.yaml'], { world })).toMatchObject({ code: 2, err: expect.stringContaining('a.yaml') })
    expect(await cli(['mesh', 'analyze', '-f', 'b.yaml'], { world })).toMatchObject({ code: 2, err: expect.stringContaining('it does not exist') })
  })

  it('asks the platform, alone or with files', async () => {
    await using gateway = await testGateway({ [`GET ${PATH}`]: [200, []], [`POST ${PATH}`]: [200, [finding]] })
    await using world = await testWorld()
    await writeFile(join(world.cwd, 'routes.yaml'), ROUTES)
    expect((await cli(['mesh', 'analyze'], { gateway, world })).code).toBe(0)
    const { code, out } = await cli(['mesh', 'analyze', '-f', 'routes.yaml', '--platform', '-o', 'json'], { gateway, world })
    expect([code, out]).toEqual([1, expect.stringContaining('"line": 9')])
    expect(gateway.seen[1]?.body).toContain('"subset":"v2"')
  })
})
