import { execFileSync } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startLoad, TestPlatform, until } from '@weft/test-harness'

const ISSUER = fileURLToPath(new URL('../../functions/security/issuer.mjs', import.meta.url))
const HELLO = "export default (request) => new Response(`hello ${request.headers.get('x-user') ?? 'nobody'}`)"
const CALLER = "export default async () => { const answer = await fetch('http://inner/'); return new Response(await answer.text(), { status: answer.status }) }"

let platform: TestPlatform
let issuer: http.Server
/** What the issuer answers; `undefined`: it is away. */
let keys: string | undefined
let asked = 0

beforeAll(async () => {
  issuer = http.createServer((_request, response) => {
    asked += 1
    response.statusCode = keys === undefined ? 503 : 200
    response.end(keys)
  })
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve))
  platform = await TestPlatform.start({ config: 'mesh: { jwks: { allowedAddresses: [127.0.0.1/32], refreshInterval: 200ms } }\n' })
}, 120_000)

afterAll(async () => {
  issuer.closeAllConnections()
  issuer.close()
  await platform[Symbol.asyncDispose]()
})

/** The stand-in of the guide, with the key of a name. */
const signer = (name: string, ...args: readonly string[]) =>
  execFileSync(process.execPath, [ISSUER, args[0] ?? 'keys', join(platform.dataDir, name), ...args.slice(1)], { encoding: 'utf8' }).trim()
const bearer = (name: string, claims: object = {}) => ({ authorization: `Bearer ${signer(name, 'token', JSON.stringify(claims))}` })
const jwksUri = () => `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`

async function apply(document: unknown): Promise<void> {
  await platform.weftOk(['apply', '-f', '-'], JSON.stringify(document))
}

function authentication(app: string, rule: object) {
  return {
    apiVersion: 'security.istio.io/v1beta1',
    kind: 'RequestAuthentication',
    metadata: { name: app },
    spec: { selector: { matchLabels: { app } }, jwtRules: [{ issuer: 'https://idp.example', ...rule }] },
  }
}

describe('a function that is private to the mesh', () => {
  it('is not there for callers outside, by a label of OpenFaaS\u2019 API, and is for functions', async () => {
    await platform.deploy('inner', HELLO, { labels: { 'networking.knative.dev/visibility': 'cluster-local' } })
    await platform.deploy('outer', CALLER)
    expect((await platform.call('inner')).status).toBe(404)
    expect(await platform.call('outer')).toMatchObject({ status: 200, text: 'hello nobody' })
    expect(await platform.weftOk(['describe', 'inner'])).toMatch(/URL: +none: it is private to the mesh/)
  }, 60_000)

  it('is not reached by a Service or a VirtualService of another name either', async () => {
    await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'door' }, spec: { selector: { app: 'inner' }, ports: [{ name: 'http', port: 80 }] } })
    await until('the Service is there', async () => (await platform.call('door')).status !== 404)
    expect((await platform.call('door')).status).toBe(403)
    const http_ = [{ route: [{ destination: { host: 'inner' } }] }]
    await apply({ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'outer' }, spec: { hosts: ['outer'], http: http_ } })
    await until('the route is closed', async () => (await platform.call('outer')).status === 403)
    await platform.weftOk(['delete', 'virtualservice', 'outer'])
  }, 60_000)

  it('becomes public and private again without a call of others lost', async () => {
    const load = startLoad(`${platform.gateway}/function/outer`, 2)
    for (const [visibility, status] of [
      ['public', 200],
      ['mesh', 404],
    ] as const) {
      const patch = JSON.stringify({ spec: { visibility } })
      const changed = await platform.api('PATCH', '/apis/weft.dev/v1alpha1/namespaces/default/functions/inner', patch, {
        'content-type': 'application/merge-patch+json',
      })
      expect([changed.status, changed.text]).toEqual([200, expect.any(String)])
      await until(`inner is answered ${status}`, async () => (await platform.call('inner')).status === status)
    }
    expect(await load.stop()).toMatchObject({ failures: [] })
  }, 60_000)
})

describe('a function that wants tokens of calls from outside', () => {
  it('refuses all of them as long as nobody verifies tokens, and the status says so', async () => {
    await platform.deploy('wants', HELLO, { annotations: { 'weft.dev/ingress-authentication': 'required' } })
    expect((await platform.call('wants', { headers: bearer('a') })).status).toBe(403)
    expect(await platform.weftOk(['mesh', 'status'])).toMatch(/TokensNotVerified/)
  }, 60_000)

  it('takes tokens of the issuer once its keys were fetched, and nothing else', async () => {
    await apply(authentication('wants', { jwksUri: jwksUri(), outputClaimToHeaders: [{ header: 'x-user', claim: 'sub' }] }))
    await until('the status tells of the keys', async () => /KeysNotFetched/.test(await platform.weftOk(['mesh', 'status'])))
    expect((await platform.call('wants', { headers: bearer('a') })).status).toBe(401)
    keys = signer('a')
    await until('the keys are there', async () => (await platform.call('wants', { headers: bearer('a') })).status === 200)
    expect(await platform.call('wants', { headers: { ...bearer('a'), 'x-user': 'root' } })).toMatchObject({ text: 'hello jason' })
    expect((await platform.call('wants', { headers: bearer('b') })).status).toBe(401)
    expect((await platform.call('wants')).status).toBe(403)
    expect(await platform.weftOk(['mesh', 'status'])).not.toMatch(/KeysNotFetched|TokensNotVerified/)
  }, 60_000)

  it('loses no call while keys are rotated, and none while the issuer is away', async () => {
    const load = startLoad(`${platform.gateway}/function/wants`, 4, undefined, { headers: bearer('a') })
    const [a, b] = [signer('a'), signer('b')].map((set) => (JSON.parse(set) as { keys: readonly object[] }).keys[0])
    for (const [set, name] of [
      [[a, b], 'b'],
      [[b, a], 'a'],
    ] as const) {
      keys = JSON.stringify({ keys: set })
      await until(`tokens of ${name} are taken`, async () => (await platform.call('wants', { headers: bearer(name) })).status === 200)
    }
    keys = undefined
    const before = asked
    await until('the issuer was asked in vain', async () => asked > before + 1)
    expect(await load.stop()).toMatchObject({ failures: [] })
  }, 60_000)
})

describe('keys at an address that is not the internet\u2019s', () => {
  it('are not fetched, and the status says why', async () => {
    await apply(authentication('outer', { jwksUri: 'http://169.254.169.254/latest/meta-data' }))
    await until('the status tells', async () => /169\.254\.169\.254 is a private address/.test(await platform.weftOk(['mesh', 'status'])))
    expect((await platform.call('outer', { headers: bearer('a') })).status).toBe(401)
    expect((await platform.call('outer')).status).toBe(200)
  }, 60_000)
})
