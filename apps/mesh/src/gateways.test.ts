import { createServer } from 'node:http'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { parseResource } from '@weft/api'
import type { Resource } from '@weft/core'
import { testAuthority, type Pem, type TestAuthority } from './encode/testing/certificates.ts'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'
import { freePort } from './testing/free-port.ts'
import { alpnOf, gatewayCall, gatewayCall2, type GatewayCall } from './testing/tls-client.ts'

let fixture: Fixture
let authority: TestAuthority
let clients: TestAuthority
let ports: { readonly http: number; readonly https: number; readonly other: number; readonly taken: number }
let files: { readonly certificate: string; readonly key: string }
const control = createServer((request, response) => response.end(`control ${request.url}`))
const occupier = createServer()

const base64 = (text: string) => Buffer.from(text).toString('base64')
const secret = (name: string, data: Readonly<Record<string, string>>): Resource =>
  parseResource({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)])),
  })
const pairOf = ({ certificate, key }: Pem) => ({ 'tls.crt': certificate, 'tls.key': key })
const http = (hosts: readonly string[], number = 80, tls?: object) => ({
  port: { number, name: `http-${hosts[0]?.replaceAll(/[^a-z]/g, '')}`, protocol: 'HTTP' },
  hosts,
  ...(tls === undefined ? {} : { tls }),
})
const https = (hosts: readonly string[], tls: object, number = 443) => ({
  port: { number, name: `https-${hosts[0]?.replaceAll(/[^a-z]/g, '')}`, protocol: 'HTTPS' },
  hosts,
  tls,
})
const gateway = (name: string, ...servers: readonly unknown[]): Resource =>
  parseResource({ apiVersion: 'networking.istio.io/v1beta1', kind: 'Gateway', metadata: { name }, spec: { selector: { istio: 'ingressgateway' }, servers } })
const routes = (
  name: string,
  hosts: readonly string[],
  gateways: readonly string[],
  route: readonly unknown[] = [{ route: [{ destination: { host: 'shop' } }] }],
): Resource => parseResource({ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name }, spec: { hosts, gateways, http: route } })

/** Writes a resource, new or over what is there, and waits until it is in force. */
async function apply(...resources: readonly Resource[]): Promise<void> {
  for (const resource of resources) {
    const ref = {
      group: resource.apiVersion.split('/')[1] === undefined ? '' : (resource.apiVersion.split('/')[0] ?? ''),
      kind: resource.kind,
      namespace: 'default',
      name: resource.metadata.name,
    }
    const known = await fixture.store.get(ref)
    const { metadata } =
      known === undefined
        ? await fixture.store.create(resource)
        : await fixture.store.update({ ...resource, metadata: { ...resource.metadata, resourceVersion: known.metadata.resourceVersion ?? '' } })
    await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)
  }
}

const plain = (host: string, path = '/', more: Partial<GatewayCall> = {}) => gatewayCall({ port: ports.http, host, path, ...more })
const secure = (host: string, more: Partial<GatewayCall> & { readonly servername?: string; readonly client?: Pem; readonly root?: string } = {}) => {
  const { servername = host.replace(/:\d+$/, ''), client, root = authority.root, ...rest } = more
  return gatewayCall({ port: ports.https, host, tls: { servername, root, ...(client === undefined ? {} : { client }) }, ...rest })
}
const findings = async () => (await fixture.mesh.status()).findings.map(({ resource, reason }) => `${resource.kind}/${resource.name} ${reason}`)

beforeAll(async () => {
  ports = { http: await freePort(), https: await freePort(), other: await freePort(), taken: await freePort() }
  await new Promise<void>((resolve) => occupier.listen(ports.taken, '127.0.0.1', resolve))
  fixture = await startFixture({
    layout: (directory) => {
      authority = testAuthority(join(directory, 'authority'))
      clients = testAuthority(join(directory, 'clients'))
      const own = authority.issueFor('weft.example.net', 'localhost')
      mkdirSync(join(directory, 'tls'))
      files = { certificate: join(directory, 'tls', 'own.pem'), key: join(directory, 'tls', 'own.key') }
      writeFileSync(files.certificate, own.certificate)
      writeFileSync(files.key, own.key)
      return { ingress: { address: '127.0.0.1', port: ports.http, tls: { port: ports.https, certificate: files } } }
    },
  })
  await new Promise<void>((resolve) => control.listen(fixture.layout.gatewaySocket, resolve))
  for (const name of ['shop', 'other']) await fixture.deploy(name)
  await apply(
    secret('shop', pairOf(authority.issueFor('shop.example.com', '*.example.com'))),
    secret('mutual', { ...pairOf(authority.issueFor('secret.example.com')), 'ca.crt': clients.root }),
    secret('broken', { 'tls.crt': 'nonsense', 'tls.key': 'nonsense' }),
    gateway(
      'web',
      http(['shop.example.com', '*.wild.example.com', 'plain.example.net']),
      http(['moved.example.com'], 80, { httpsRedirect: true }),
      https(['shop.example.com', '*.example.com'], { mode: 'SIMPLE', credentialName: 'shop' }),
      https(['secret.example.com'], { mode: 'MUTUAL', credentialName: 'mutual' }),
      https(['broken.example.com'], { mode: 'SIMPLE', credentialName: 'broken' }),
      https(['missing.example.com'], { mode: 'SIMPLE', credentialName: 'nobody' }),
      http(['elsewhere.example.com'], ports.other),
    ),
    routes(
      'shop',
      ['shop.example.com', '*.wild.example.com', 'elsewhere.example.com'],
      ['web'],
      [
        { match: [{ uri: { prefix: '/v2/' } }], rewrite: { uri: '/' }, route: [{ destination: { host: 'other' } }] },
        { match: [{ uri: { exact: '/gone' } }], redirect: { uri: '/here', redirectCode: 302 } },
        { match: [{ uri: { exact: '/tea' } }], fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, route: [{ destination: { host: 'shop' } }] },
        { match: [{ port: 443, uri: { prefix: '/secure' } }], directResponse: { status: 200, body: { string: 'by 443' } } },
        { route: [{ destination: { host: 'shop' } }] },
      ],
    ),
    routes('secret', ['secret.example.com', '*.example.com'], ['web']),
  )
})
afterAll(async () => {
  await fixture?.close()
  for (const server of [control, occupier]) server.close()
})

const told = (answer: { readonly body: string }) => JSON.parse(answer.body) as { name: string; url: string; headers: Record<string, string | undefined> }

describe('a Gateway on plain HTTP', () => {
  it('is accepted by Envoy whole, and says what it has not', async () => {
    expect((await fixture.mesh.status()).proxies[0]?.rejected).toEqual([])
    expect((await findings()).toSorted()).toEqual(['Gateway/web CredentialInvalid', 'Gateway/web CredentialNotFound'])
  })

  it.each([
    ['the name', 'shop.example.com'],
    ['the name with a port', 'shop.example.com:80'],
    ['another port', 'shop.example.com:4711'],
    ['other letters', 'SHOP.Example.com'],
    ['a trailing dot', 'shop.example.com.'],
    ['a trailing dot and a port', 'shop.example.com.:8080'],
    ['a name below a star', 'a.wild.example.com'],
    ['two names below a star', 'a.b.wild.example.com'],
  ])('answers under %s', async (_name, host) => {
    const answer = await plain(host, '/a?b=c')
    expect(answer.status).toBe(200)
    expect(told(answer)).toMatchObject({ name: 'shop-v1', url: '/a?b=c' })
  })

  it('keeps the host that the client wrote', async () => {
    expect(told(await plain('shop.example.com', '/')).headers).toMatchObject({ host: 'shop.example.com', 'x-forwarded-host': 'shop.example.com' })
  })

  it.each([
    ['a rewrite', '/v2/x', 200, { name: 'other-v1', url: '/x' }],
    ['a fault', '/tea', 418, undefined],
    ['a redirect', '/gone', 302, undefined],
  ])('does %s', async (_name, path, status, seen) => {
    const answer = await plain('shop.example.com', path)
    expect(answer.status).toBe(status)
    if (seen !== undefined) expect(told(answer)).toMatchObject(seen)
    if (status === 302) expect(answer.headers.location).toBe('http://shop.example.com/here')
  })

  it('goes by the port that was called', async () => {
    expect(told(await plain('shop.example.com', '/secure')).url).toBe('/secure')
    expect((await secure('shop.example.com', { path: '/secure' })).body).toBe('by 443')
  })

  it.each(['/system/functions', '/function/other', '/apis/weft.dev/v1alpha1/functions', '/healthz', '/', '/chain/x', '/host/x'])(
    'has nothing of the platform: %s goes to its routes',
    async (path) => {
      expect(told(await plain('shop.example.com', path))).toMatchObject({ name: 'shop-v1', url: path })
    },
  )

  it.each(['plain.example.net', 'secret.example.com', 'x.example.com', 'elsewhere.example.com', 'broken.example.com'])(
    'shows nothing of the platform under %s, which has no routes here',
    async (host) => {
      for (const path of ['/system/functions', '/function/other', '/']) expect((await plain(host, path)).status).toBe(404)
    },
  )

  it.each(['localhost', '127.0.0.1', 'weft.somewhere.org', 'shop.example.com.evil.org'])('leaves %s to the platform', async (host) => {
    expect(told(await plain(`${host}:${ports.http}`, '/function/other/x'))).toMatchObject({ name: 'other-v1', url: '/x' })
    expect((await plain(host, '/system/functions')).body).toBe('control /system/functions')
    expect((await plain(host, '/nothing')).status).toBe(404)
  })

  it('speaks HTTP/2 by prior knowledge', async () => {
    expect(told(await gatewayCall2({ port: ports.http, host: 'shop.example.com', path: '/x' }))).toMatchObject({ name: 'shop-v1', url: '/x' })
  })

  it('takes nothing of what strangers say of themselves', async () => {
    const headers = {
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/default/sa/other',
      'x-weft-scope': '/function/other/',
      'x-weft-client': '10.0.0.1',
      'x-forwarded-proto': 'https',
      'x-envoy-original-path': '/system',
      'x-envoy-retry-on': '5xx',
    }
    const seen = told(await plain('shop.example.com', '/', { headers })).headers
    expect(seen['x-forwarded-client-cert']).toContain('sa/ingress')
    expect(seen['x-forwarded-proto']).not.toBe('https')
    for (const name of ['x-weft-scope', 'x-weft-client', 'x-envoy-original-path', 'x-envoy-retry-on']) expect([name, seen[name]]).toEqual([name, undefined])
  })

  it('is in the configuration of the function that it leads to, without keys', async () => {
    const [configuration] = await fixture.mesh.configuration({ namespace: 'default', name: 'shop' })
    const text = JSON.stringify(configuration)
    expect(text).toContain('gateway-host/')
    expect(text).not.toContain('PRIVATE KEY')
  })

  it('listens on other ports as they are', async () => {
    const answer = await gatewayCall({ port: ports.other, host: 'elsewhere.example.com', path: '/system/functions' })
    expect(told(answer)).toMatchObject({ name: 'shop-v1', url: '/system/functions' })
    expect((await gatewayCall({ port: ports.other, host: 'localhost', path: '/system/functions' })).status).toBe(404)
    expect((await gatewayCall({ port: ports.other, host: 'localhost', path: '/function/shop' })).status).toBe(404)
  })
})

describe('a redirect to https', () => {
  it.each([
    ['moved.example.com', 'https://moved.example.com/a?b=c'],
    ['moved.example.com:80', undefined],
  ])('of %s', async (host, location) => {
    const answer = await plain(host, '/a?b=c')
    expect(answer.status).toBe(301)
    expect(answer.headers.location).toBe(location ?? `https://moved.example.com:${ports.https}/a?b=c`)
  })
})

describe('a Gateway with TLS', () => {
  it.each(['shop.example.com', 'any.example.com'])('answers %s with its certificate', async (host) => {
    const answer = await secure(host, { path: '/x' })
    expect(answer.status).toBe(200)
    expect(told(answer)).toMatchObject({ name: 'shop-v1', url: '/x', headers: { 'x-forwarded-proto': 'https' } })
  })

  it('offers HTTP/2 and HTTP/1.1', async () => {
    const call = { port: ports.https, host: 'shop.example.com', tls: { servername: 'shop.example.com', root: authority.root } }
    expect(await alpnOf(call, ['h2', 'http/1.1'])).toBe('h2')
    expect(await alpnOf(call, ['http/1.1'])).toBe('http/1.1')
    expect(told(await gatewayCall2({ ...call, path: '/2' }))).toMatchObject({ name: 'shop-v1', url: '/2' })
  })

  it.each([
    ['no certificate', undefined, false],
    ['a certificate of somebody else', 'stranger', false],
    ['a certificate that it trusts', 'client', true],
  ])('asks clients for certificates (MUTUAL): %s', async (_name, who, allowed) => {
    const client = who === undefined ? undefined : (who === 'client' ? clients : authority).issueFor('client')
    const call = secure('secret.example.com', client === undefined ? {} : { client })
    if (allowed) expect((await call).status).toBe(200)
    else await expect(call).rejects.toThrow()
  })

  it.each<[string, string, string]>([
    ['a name with other demands on clients', 'any.example.com', 'secret.example.com'],
    ['the same with a port', 'any.example.com', 'secret.example.com:443'],
    ['the same in other letters', 'any.example.com', 'SECRET.example.com'],
    ['a name that the server does not have', 'shop.example.com', 'example.org'],
    ['the platform', 'shop.example.com', 'localhost'],
    ['a name of a Gateway on the platform’s own connection', 'weft.example.net', 'secret.example.com'],
  ])('refuses a call for %s on the wrong connection', async (_name, servername, host) => {
    for (const path of ['/', '/system/functions']) expect((await secure(host, { servername, path })).status).toBe(421)
    const call = { port: ports.https, host, tls: { servername, root: authority.root } }
    expect((await gatewayCall2(call)).status).toBe(421)
  })

  it.each(['broken.example.com', 'missing.example.com'])('closes connections to %s, which has no certificate, and serves others', async (host) => {
    await expect(secure(host)).rejects.toThrow()
    expect((await secure('shop.example.com')).status).toBe(200)
  })

  it('takes a Secret that comes later', async () => {
    await apply(secret('nobody', pairOf(authority.issueFor('missing.example.com'))), routes('missing', ['missing.example.com'], ['web']))
    expect((await secure('missing.example.com')).status).toBe(200)
    expect(await findings()).not.toContain('Gateway/web CredentialNotFound')
  })

  it('shows a new certificate at the next handshake, and loses no call', async () => {
    const before = (await secure('shop.example.com')).serial
    let done = false
    const outcomes = new Set<string>()
    const caller = async () => {
      while (!done)
        outcomes.add(
          await secure('shop.example.com', { method: 'POST' }).then(
            ({ status }) => String(status),
            (error: Error) => error.message,
          ),
        )
    }
    const callers = Array.from({ length: 4 }, caller)
    const serials = new Set([before])
    for (let count = 0; count < 5; count += 1) {
      await apply(secret('shop', pairOf(authority.issueFor('shop.example.com', '*.example.com'))))
      await eventually(async () => {
        const { serial } = await secure('shop.example.com')
        return serials.has(serial) ? undefined : serials.add(serial)
      })
    }
    done = true
    await Promise.all(callers)
    expect([...outcomes]).toEqual(['200'])
    expect(serials.size).toBe(6)
  })
})

describe('TLS of the platform', () => {
  it.each(['weft.example.net', 'localhost'])('serves functions and the control API under %s', async (host) => {
    expect(told(await secure(host, { path: '/function/other/x' }))).toMatchObject({ name: 'other-v1', url: '/x' })
    expect((await secure(host, { path: '/system/functions' })).body).toBe('control /system/functions')
  })

  it('takes new files without a restart', async () => {
    const before = (await secure('localhost')).serial
    const next = authority.issueFor('weft.example.net', 'localhost')
    // One file after the other, as such things are done: in between they do not belong together.
    for (const [path, text] of [
      [files.certificate, next.certificate],
      [files.key, next.key],
    ] as const) {
      writeFileSync(`${path}.new`, text)
      renameSync(`${path}.new`, path)
      expect((await secure('localhost', { path: '/system/functions' })).status).toBe(200)
    }
    await eventually(async () => ((await secure('localhost')).serial === before ? undefined : true))
  })
})

describe('a Gateway for every name', () => {
  beforeAll(async () => {
    const match = [{ uri: { exact: '/productpage' } }, { uri: { prefix: '/api/v1/products' } }, { uri: { prefix: '/system' } }]
    await apply(gateway('bookinfo', http(['*'], 8080)), routes('bookinfo', ['*'], ['bookinfo'], [{ match, route: [{ destination: { host: 'shop' } }] }]))
  })
  afterAll(async () => {
    for (const kind of ['Gateway', 'VirtualService']) await fixture.store.remove({ group: 'networking.istio.io', kind, namespace: 'default', name: 'bookinfo' })
  })

  it.each(['localhost', 'anything.org', '127.0.0.1'])('has its routes under %s, behind the platform’s own paths', async (host) => {
    expect(told(await plain(host, '/productpage?u=1'))).toMatchObject({ name: 'shop-v1', url: '/productpage?u=1' })
    expect(told(await plain(host, '/api/v1/products/1'))).toMatchObject({ name: 'shop-v1' })
    expect(told(await plain(host, '/function/other/x'))).toMatchObject({ name: 'other-v1', url: '/x' })
    for (const path of ['/system/functions', '/healthz', '/api/v1/namespaces', '/apis', '/ui/']) expect((await plain(host, path)).body).toBe(`control ${path}`)
    expect((await plain(host, '/nothing')).status).toBe(404)
  })

  it('takes what a Gateway elsewhere has a claim on, without the platform’s paths', async () => {
    expect(told(await plain('secret.example.com', '/productpage'))).toMatchObject({ name: 'shop-v1' })
    expect(told(await plain('secret.example.com', '/system/functions'))).toMatchObject({ name: 'shop-v1', url: '/system/functions' })
  })

  it.each(['/system/../productpage', '//productpage', '/productpage/', '/x/../healthz/../productpage'])(
    'decides by the path in its one form: %s',
    async (path) => {
      expect((await plain('localhost', path)).status).toBe(path.endsWith('/') ? 404 : 200)
    },
  )

  it.each(['/system%2ffunctions', '/productpage%5c..', '/%2e%2e%2fsystem'])('refuses %s', async (path) => {
    expect((await plain('shop.example.com', path)).status).toBe(400)
  })
})

describe('a port that cannot be had', () => {
  it('is a finding of its Gateway, and nothing else suffers', async () => {
    await apply(gateway('busy', http(['*'], ports.taken)))
    await eventually(async () => ((await findings()).includes('Gateway/busy PortNotBound') ? true : undefined))
    expect((await plain('shop.example.com')).status).toBe(200)
    await fixture.store.remove({ group: 'networking.istio.io', kind: 'Gateway', namespace: 'default', name: 'busy' })
    await eventually(async () => ((await findings()).includes('Gateway/busy PortNotBound') ? undefined : true))
  })
})
