import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { parseResource } from '@weft/api'
import { bearer, Issuer } from './encode/testing/tokens.ts'
import { startFixture, type Fixture } from './testing/fixture.ts'

const [idp, stranger] = [new Issuer('https://idp.example'), new Issuer('https://idp.example')]
let fixture: Fixture

async function apply(apiVersion: string, kind: string, name: string, spec: unknown, namespace = 'default'): Promise<void> {
  const { metadata } = await fixture.store.create(parseResource({ apiVersion, kind, metadata: { name, namespace }, spec }))
  await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)
}

beforeAll(async () => {
  fixture = await startFixture()
  for (const name of ['shop', 'vip']) await fixture.deploy(name)
  const servers = [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['shop.example.com'] }]
  await apply('networking.istio.io/v1', 'Gateway', 'web', { selector: { istio: 'ingressgateway' }, servers })
  const http = [
    { match: [{ headers: { '@request.auth.claims[groups]': { exact: 'vip' } } }], route: [{ destination: { host: 'vip' } }] },
    { route: [{ destination: { host: 'shop' } }] },
  ]
  await apply('networking.istio.io/v1', 'VirtualService', 'shop-v1', { hosts: ['shop.example.com'], gateways: ['web'], http })
  const rule = { issuer: idp.name, jwks: idp.jwks, outputClaimToHeaders: [{ header: 'x-user', claim: 'sub' }] }
  await apply(
    'security.istio.io/v1',
    'RequestAuthentication',
    'edge',
    { selector: { matchLabels: { istio: 'ingressgateway' } }, jwtRules: [rule] },
    'weft-system',
  )
})
afterAll(() => fixture?.close())

const call = async (path: string, headers: Readonly<Record<string, string>>) => {
  const { status, body } = await fixture.call(path, { headers })
  const told = status === 200 ? (JSON.parse(body) as { name: string; headers: Readonly<Record<string, string>> }) : undefined
  return [status, told?.name, told?.headers['x-user']]
}

describe.each([
  ['under a name of a Gateway', '/x', 'shop.example.com'],
  ['under a name of a Gateway that looks like the platform\u2019s path', '/system/functions', 'shop.example.com'],
])('tokens that the ingress verifies, %s', (_name, path, host) => {
  it.each<[string, Readonly<Record<string, string>>, readonly unknown[]]>([
    ['none', {}, [200, 'shop-v1', undefined]],
    ['a forged header alone', { 'x-user': 'root' }, [200, 'shop-v1', undefined]],
    ['a good one', { 'x-user': 'root', ...bearer(idp.token()) }, [200, 'shop-v1', 'jason']],
    ['a good one with the claim of a route', bearer(idp.token({ groups: ['vip'] })), [200, 'vip-v1', 'jason']],
    ['one that somebody else signed', bearer(stranger.token()), [401, undefined, undefined]],
    [
      'one that somebody else signed, and a header that leads past the check',
      { 'x-weft-scope': 'path/system/functions', ...bearer(stranger.token()) },
      [401, undefined, undefined],
    ],
  ])('take %s for what it is', async (_case, headers, expected) => {
    expect(await call(path, { host, ...headers })).toEqual(expected)
  })
})

describe('tokens at the platform\u2019s own paths', () => {
  it('are verified for functions, and left to the control API', async () => {
    expect(await call('/function/shop', bearer(stranger.token()))).toEqual([401, undefined, undefined])
    expect(await call('/function/shop', bearer(idp.token()))).toEqual([200, 'shop-v1', 'jason'])
    expect((await call('/system/functions', bearer(stranger.token())))[0]).toBe(503)
  })
})
