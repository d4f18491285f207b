import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { parseResource } from '@weft/api'
import { refOf, type Resource } from '@weft/core'
import { testAuthority, type Pem, type TestAuthority } from './encode/testing/certificates.ts'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'
import { freePort } from './testing/free-port.ts'
import { gatewayCall } from './testing/tls-client.ts'

let fixture: Fixture
let authority: TestAuthority
let clients: TestAuthority
let others: TestAuthority
let port: number

const DAY_MS = 86_400_000
const days = (count: number) => new Date(Date.now() + count * DAY_MS)
const pairOf = ({ certificate, key }: Pem) => ({ 'tls.crt': certificate, 'tls.key': key })
const secret = (name: string, data: Readonly<Record<string, string>>, namespace = 'default'): Resource => {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]))
  return parseResource({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: encoded })
}
const gateway = (...names: readonly (readonly [name: string, mode: string])[]): Resource => {
  const servers = names.map(([name, mode]) => ({
    port: { number: 443, name, protocol: 'HTTPS' },
    hosts: [`${name}.example.com`],
    tls: { mode, credentialName: name },
  }))
  return parseResource({
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'web' },
    spec: { selector: { istio: 'ingressgateway' }, servers },
  })
}
const routes = (...hosts: readonly string[]): Resource =>
  parseResource({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'shop' },
    spec: { hosts, gateways: ['web'], http: [{ route: [{ destination: { host: 'shop' } }] }] },
  })

/** Writes resources, new or over what is there, and waits until they are in force. */
async function apply(...resources: readonly Resource[]): Promise<void> {
  for (const one of resources) {
    const known = await fixture.store.get(refOf(one))
    const { metadata } =
      known === undefined
        ? await fixture.store.create(one)
        : await fixture.store.update({ ...one, metadata: { ...one.metadata, resourceVersion: known.metadata.resourceVersion ?? '' } })
    await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)
  }
}
async function remove(one: Resource): Promise<void> {
  const { metadata } = await fixture.store.remove(refOf(one))
  await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)
}

const call = (name: string, client?: Pem) => {
  const host = `${name}.example.com`
  return gatewayCall({ port, host, tls: { servername: host, root: authority.root, ...(client === undefined ? {} : { client }) } })
}
const serialOf = async (name: string) => (await call(name)).serial
const about = async (text: string) => {
  const { findings } = await fixture.mesh.status()
  return findings.filter(({ message }) => message.includes(text)).map(({ severity, reason, message }) => `${severity} ${reason}: ${message}`)
}

beforeAll(async () => {
  port = await freePort()
  const plain = await freePort()
  fixture = await startFixture({
    layout: (directory) => {
      authority = testAuthority(join(directory, 'authority'))
      clients = testAuthority(join(directory, 'clients'))
      others = testAuthority(join(directory, 'others'))
      return { ingress: { address: '127.0.0.1', port: plain, tls: { port } } }
    },
  })
  await fixture.deploy('shop')
  const names = ['shop', 'whole', 'never', 'system']
  await apply(
    ...['shop', 'whole'].map((name) => secret(name, pairOf(authority.issueFor(`${name}.example.com`)))),
    secret('system', pairOf(authority.issueFor('system.example.com')), 'weft-system'),
    secret('never', { 'tls.crt': 'nonsense', 'tls.key': 'nonsense' }),
    secret('mutual', { ...pairOf(authority.issueFor('mutual.example.com')), 'ca.crt': clients.root }),
    gateway(...names.map((name) => [name, 'SIMPLE'] as const), ['mutual', 'MUTUAL']),
    routes(...[...names, 'mutual'].map((name) => `${name}.example.com`)),
  )
})
afterAll(() => fixture?.close())

describe('a certificate of a Gateway that is replaced by one that cannot be used', () => {
  const good = () => authority.issueFor('shop.example.com')
  it.each<[string, () => Readonly<Record<string, string>>, RegExp]>([
    ['no PEM', () => ({ 'tls.crt': 'nonsense', 'tls.key': good().key }), /the Secret default\/shop: the certificate is not PEM/],
    ['half of a PEM', () => ({ 'tls.crt': good().certificate.slice(0, 300), 'tls.key': good().key }), /the certificate is not PEM/],
    ['a key of another', () => ({ 'tls.crt': good().certificate, 'tls.key': good().key }), /the key is not the one of the certificate/],
    ['no key', () => ({ 'tls.crt': good().certificate }), /the Secret default\/shop: has no tls\.crt and tls\.key/],
    ['one that has ended', () => pairOf(authority.issueWithin(days(-9), days(-1), 'shop.example.com')), /the certificate ended on \d{4}-/],
    ['one that is not good yet', () => pairOf(authority.issueWithin(days(1), days(2), 'shop.example.com')), /the certificate is not good before \d{4}-/],
  ])('goes on with the last good one: %s', async (_name, broken, reason) => {
    await apply(secret('shop', pairOf(good())))
    const before = await serialOf('shop')
    await apply(secret('shop', broken()))
    expect(await serialOf('shop')).toBe(before)
    const said = await about('the server shop')
    expect(said.filter((line) => line.startsWith('warning CredentialKept'))).toEqual([expect.stringMatching(reason)])
    expect(said.join()).toContain('the server shop goes on with the last one that was good')

    await apply(secret('shop', pairOf(good())))
    await eventually(async () => ((await serialOf('shop')) === before ? undefined : true))
    expect(await about('the server shop')).toEqual([])
  })

  it('goes on although the Secret is removed, and after other changes, until the Gateway names it no more', async () => {
    const before = await serialOf('whole')
    await remove(secret('whole', {}))
    await apply(routes('shop.example.com', 'whole.example.com', 'system.example.com', 'mutual.example.com', 'never.example.com'))
    expect(await serialOf('whole')).toBe(before)
    expect(await about('the server whole')).toEqual([
      expect.stringMatching(/^error CredentialNotFound: .* unless it goes on with what it had before$/),
      expect.stringMatching(/^warning CredentialKept: there is no Secret default\/whole; the server whole goes on/),
    ])
    const rest = ['shop', 'never', 'system'].map((name) => [name, 'SIMPLE'] as const)
    await apply(gateway(...rest, ['mutual', 'MUTUAL']), gateway(...rest, ['whole', 'SIMPLE'], ['mutual', 'MUTUAL']))
    await expect(call('whole')).rejects.toThrow()
    expect((await call('shop')).status).toBe(200)
    await apply(secret('whole', pairOf(authority.issueFor('whole.example.com'))))
    expect((await call('whole')).status).toBe(200)
  })

  it('goes on although the Secret is removed from the namespace of the platform, where it was found', async () => {
    const before = await serialOf('system')
    await remove(secret('system', {}, 'weft-system'))
    expect(await serialOf('system')).toBe(before)
  })

  it('refuses connections to a server that never had a good one, and to no other', async () => {
    await expect(call('never')).rejects.toThrow()
    expect(await about('the server never')).toEqual([
      expect.stringMatching(/^error CredentialInvalid: the Secret default\/never: the certificate is not PEM; no TLS connection/),
    ])
    expect((await call('shop')).status).toBe(200)
  })

  it('shows one that has ended where there is no better one, and says so', async () => {
    await apply(secret('never', pairOf(authority.issueWithin(days(-9), days(-1), 'never.example.com'))))
    await expect(call('never')).rejects.toThrow(/certificate has expired/)
    expect(await about('the server never')).toEqual([expect.stringMatching(/^warning CredentialExpired: the Secret default\/never: the certificate ended on/)])
  })
})

describe('roots of client certificates that are replaced', () => {
  it('by some that cannot be used: the last good ones go on, clients of others stay out', async () => {
    const own = pairOf(authority.issueFor('mutual.example.com'))
    await apply(secret('mutual', { ...own, 'ca.crt': 'nonsense' }))
    expect((await call('mutual', clients.issueFor('client'))).status).toBe(200)
    await expect(call('mutual', others.issueFor('client'))).rejects.toThrow()
    await expect(call('mutual')).rejects.toThrow()
    expect(await about('the server mutual')).toEqual([
      expect.stringMatching(/^warning CredentialKept: the Secret default\/mutual: the roots of client certificates are not PEM; /),
    ])
    await apply(secret('mutual', { ...own, 'ca.crt': others.root }))
    expect((await call('mutual', others.issueFor('client'))).status).toBe(200)
    await expect(call('mutual', clients.issueFor('client'))).rejects.toThrow()
  })
})
