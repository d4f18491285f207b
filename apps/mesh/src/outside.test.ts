import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Issuer } from './encode/testing/tokens.ts'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'

let fixture: Fixture
const servers: Server[] = []

async function serve(name: string): Promise<number> {
  const server = createServer((_request, response) => response.end(name))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function entry(port: number) {
  const endpoints = [{ address: '127.0.0.1', ports: { http: port } }]
  const spec = { hosts: ['legacy.example.org'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'STATIC', endpoints }
  return { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'legacy', namespace: 'default' }, spec }
}

function callFrom(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/', headers: { host: 'legacy.example.org' }, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve(`${response.statusCode} ${body}`))
    })
    call.on('error', reject)
    call.end()
  })
}

beforeAll(async () => {
  fixture = await startFixture()
})
afterAll(async () => {
  await fixture.close()
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
})

describe('a ServiceEntry in the running mesh', () => {
  it('is in force when it was made, changed, and gone, for callers that called before', async () => {
    const { mesh, store, deploy, replica } = fixture
    const [one, two] = [await serve('one'), await serve('two')]
    await mesh.settled(await deploy('a'), 5_000)
    const own = await replica('a-v1')
    await mesh.setReplicas({ namespace: 'default', name: 'a-v1' }, [own])
    const becomes = async (pattern: RegExp) => {
      const answer = await eventually(async () => {
        const text = await callFrom(own.outboundSocket ?? '')
        return pattern.test(text) ? text : undefined
      })
      expect(answer).toMatch(pattern)
    }
    await becomes(/^503 /)
    const made = await store.create(entry(one))
    const rule = { issuer: 'https://issuer.test', jwks: new Issuer('https://issuer.test').jwks }
    const token = { apiVersion: 'security.istio.io/v1', kind: 'RequestAuthentication', metadata: { name: 'tokens', namespace: 'default' } }
    await mesh.settled((await store.create({ ...token, spec: { jwtRules: [rule] } })).metadata.resourceVersion ?? '', 5_000)
    await becomes(/^200 one$/)
    const [shown] = await mesh.configuration({ namespace: 'default', name: 'a' })
    const names = (list: readonly unknown[] = []) =>
      list.map((each) => (each as { name?: string; cluster_name?: string }).name ?? (each as { cluster_name: string }).cluster_name)
    expect(names(shown?.clusters)).toContainEqual(expect.stringMatching(/^outside\/default\/legacy\.example\.org\/80\//))
    expect(names(shown?.extensions)).toEqual(expect.arrayContaining(['jwt/default/a-v1', 'jwt/ingress', 'deny/ingress']))
    const changed = await store.update({ ...made, spec: entry(two).spec })
    await becomes(/^200 two$/)
    await store.remove({ group: 'networking.istio.io', kind: 'ServiceEntry', namespace: 'default', name: 'legacy' }, changed.metadata.resourceVersion)
    await becomes(/^503 /)
    expect((await mesh.status()).proxies).toMatchObject([{ rejected: [] }])
  })
})
