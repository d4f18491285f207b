import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { bearer, Issuer } from '../encode/testing/tokens.ts'
import { eventually, startFixture, type Fixture } from '../testing/fixture.ts'

const [first, second] = [new Issuer('https://idp.example'), new Issuer('https://idp.example')]
let fixture: Fixture
let issuer: http.Server
/** What the issuer answers; `undefined`: it is away. */
let keys: string | undefined

beforeAll(async () => {
  fixture = await startFixture({ keys: { allowedAddresses: ['127.0.0.1/32'], refreshMs: 20 } })
  issuer = http.createServer((_request, response) => {
    response.statusCode = keys === undefined ? 503 : 200
    response.end(keys)
  })
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve))
  await fixture.mesh.settled(await fixture.deploy('temp'), 5_000)
  const { metadata } = await fixture.store.create(authentication(`http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`))
  await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)
})

afterAll(async () => {
  issuer.closeAllConnections()
  issuer.close()
  await fixture.close()
})

function authentication(jwksUri: string): Resource {
  const spec = { selector: { matchLabels: { app: 'temp' } }, jwtRules: [{ issuer: 'https://idp.example', jwksUri }] }
  return { apiVersion: 'security.istio.io/v1', kind: 'RequestAuthentication', metadata: { name: 'idp', namespace: 'default' }, spec }
}

const statusWith = async (from: Issuer | undefined) =>
  (await fixture.call('/function/temp', from === undefined ? {} : { headers: bearer(from.token()) })).status
const until = (from: Issuer, status: number) => eventually(async () => ((await statusWith(from)) === status ? true : undefined))
const findings = async () => (await fixture.mesh.status()).findings.map(({ reason }) => reason)

describe('keys that the control plane fetches', () => {
  it('are missing at first: tokens are refused, other calls are not, and the status says why', async () => {
    expect([await statusWith(undefined), await statusWith(first)]).toEqual([200, 401])
    await eventually(async () => ((await findings()).includes('KeysNotFetched') ? true : undefined))
  })

  it('come, are replaced, and stay while the issuer is away', async () => {
    keys = first.jwks
    await until(first, 200)
    expect(await findings()).toEqual([])
    keys = JSON.stringify({ keys: [first.jwk, second.jwk] })
    await until(second, 200)
    keys = second.jwks
    await until(first, 401)
    keys = undefined
    await eventually(async () => ((await findings()).includes('KeysNotFetched') ? true : undefined))
    expect([await statusWith(second), await statusWith(first)]).toEqual([200, 401])
  })

  it('go with the resource', async () => {
    await fixture.store.remove({ group: 'security.istio.io', kind: 'RequestAuthentication', namespace: 'default', name: 'idp' })
    await until(first, 200)
    expect(await findings()).toEqual([])
  })
})
