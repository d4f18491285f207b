import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { parseResource } from '@weft/api'
import { refOf, WeftError, type Resource } from '@weft/core'
import type { MeshSnapshot } from '@weft/mesh-model'
import { testAuthority, type Pem, type TestAuthority } from './encode/testing/certificates.ts'
import { startFixture, type Fixture } from './testing/fixture.ts'
import { freePort } from './testing/free-port.ts'
import { gatewayCall } from './testing/tls-client.ts'

const secret = (name: string, data: Readonly<Record<string, string>>): Resource => {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]))
  return parseResource({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: encoded })
}
const istio = (kind: string, name: string, spec: unknown): Resource => parseResource({ apiVersion: 'networking.istio.io/v1', kind, metadata: { name }, spec })
const gateway = (servers: Readonly<Record<string, object>>): Resource =>
  istio('Gateway', 'web', {
    selector: { istio: 'ingressgateway' },
    servers: Object.entries(servers).map(([name, settings]) => ({
      port: { number: 443, name, protocol: 'HTTPS' },
      hosts: [`${name}.example.com`],
      tls: { mode: 'SIMPLE', credentialName: name, ...settings },
    })),
  })

const SUITE = 'ECDHE-ECDSA-AES256-GCM-SHA384'
const SERVERS: Readonly<Record<string, object>> = {
  optional: { mode: 'OPTIONAL_MUTUAL' },
  named: { mode: 'MUTUAL', subjectAltNames: ['partner.example.org', 'spiffe://cluster.local/ns/shop/sa/partner'] },
  revoked: { mode: 'MUTUAL' },
  generic: { mode: 'MUTUAL' },
  suite: { cipherSuites: [SUITE] },
  newest: { minProtocolVersion: 'TLSV1_3' },
  older: { maxProtocolVersion: 'TLSV1_2' },
}

/** Version and cipher suite of a handshake; rejects when there is none. */
function handshake(port: number, name: string, options: tls.ConnectionOptions): Promise<readonly [version: string | null, suite: string]> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: `${name}.example.com`, ...options }, () => {
      resolve([socket.getProtocol(), socket.getCipher().name])
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe.each<MeshSnapshot['path']>(['encrypted', 'direct'])('TLS of a Gateway, on the %s path', (path) => {
  let fixture: Fixture
  let authority: TestAuthority
  let clients: TestAuthority
  let port: number
  let banned: Pem

  const apply = async (one: Resource) => {
    const known = await fixture.store.get(refOf(one))
    const { metadata } =
      known === undefined
        ? await fixture.store.create(one)
        : await fixture.store.update({ ...one, metadata: { ...one.metadata, resourceVersion: known.metadata.resourceVersion ?? '' } })
    await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)
  }
  const call = (name: string, client?: Pem) => {
    const host = `${name}.example.com`
    return gatewayCall({ port, host, tls: { servername: host, root: authority.root, ...(client === undefined ? {} : { client }) } })
  }
  const pairOf = (name: string) => {
    const { certificate, key } = authority.issueFor(`${name}.example.com`)
    return { 'tls.crt': certificate, 'tls.key': key }
  }

  beforeAll(async () => {
    port = await freePort()
    const plain = await freePort()
    fixture = await startFixture({
      settings: { path },
      layout: (directory) => {
        authority = testAuthority(join(directory, 'authority'))
        clients = testAuthority(join(directory, 'clients'))
        return { ingress: { address: '127.0.0.1', port: plain, tls: { port } } }
      },
    })
    banned = clients.issueFor('banned')
    const revoked = clients.revoke(banned.certificate)
    const generic = authority.issueFor('generic.example.com')
    await fixture.deploy('shop')
    const secrets = [
      ...['optional', 'named'].map((name) => secret(name, { ...pairOf(name), 'ca.crt': clients.root })),
      secret('revoked', { ...pairOf('revoked'), 'ca.crt': clients.root, 'ca.crl': revoked }),
      secret('generic', { cert: generic.certificate, key: generic.key, cacert: clients.root, crl: revoked }),
      ...['suite', 'newest', 'older'].map((name) => secret(name, pairOf(name))),
    ]
    const hosts = Object.keys(SERVERS).map((name) => `${name}.example.com`)
    const routes = istio('VirtualService', 'shop', { hosts, gateways: ['web'], http: [{ route: [{ destination: { host: 'shop' } }] }] })
    for (const one of [...secrets, gateway(SERVERS), routes]) await apply(one)
  })
  afterAll(() => fixture?.close())

  it('is accepted by Envoy whole', async () => {
    const { proxies, findings } = await fixture.mesh.status()
    expect([proxies[0]?.rejected, findings]).toEqual([[], []])
  })

  it('OPTIONAL_MUTUAL: clients may show a certificate, and one that is shown must be good', async () => {
    expect((await call('optional')).status).toBe(200)
    const answer = await call('optional', clients.issueFor('client'))
    expect([answer.status, (JSON.parse(answer.body) as { name: string }).name]).toEqual([200, 'shop-v1'])
    await expect(call('optional', authority.issueFor('stranger'))).rejects.toThrow()
  })

  it('MUTUAL with subjectAltNames: a certificate must have one of the names', async () => {
    for (const client of [clients.issueFor('partner.example.org'), clients.issue('spiffe://cluster.local/ns/shop/sa/partner')])
      expect((await call('named', client)).status).toBe(200)
    for (const client of [
      clients.issueFor('eve.example.org'),
      clients.issueFor('x.partner.example.org'),
      clients.issue('spiffe://cluster.local/ns/shop/sa/eve'),
    ])
      await expect(call('named', client)).rejects.toThrow()
    await expect(call('named', authority.issueFor('partner.example.org'))).rejects.toThrow()
    await expect(call('named')).rejects.toThrow()
  })

  it.each(['revoked', 'generic'])('a certificate on the list of revoked ones is refused (%s), and one that comes on it later too', async (name) => {
    const client = clients.issueWithin(new Date(Date.now() - 60_000), new Date(Date.now() + 86_400_000), 'client')
    expect((await call(name, client)).status).toBe(200)
    await expect(call(name, banned)).rejects.toThrow()
    if (name === 'generic') return
    await apply(secret(name, { ...pairOf(name), 'ca.crt': clients.root, 'ca.crl': clients.revoke(client.certificate) }))
    await expect(call(name, client)).rejects.toThrow()
    expect((await call(name, clients.issueFor('another'))).status).toBe(200)
  })

  it('a list of revoked certificates that is broken leaves the last good one in force', async () => {
    await apply(secret('revoked', { ...pairOf('revoked'), 'ca.crt': clients.root, 'ca.crl': '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----' }))
    await expect(call('revoked', banned)).rejects.toThrow()
    expect((await call('revoked', clients.issueFor('another'))).status).toBe(200)
    const { findings } = await fixture.mesh.status()
    expect(findings.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
      'CredentialKept: the Secret default/revoked: the list of revoked certificates (ca.crl) is not PEM; the server revoked goes on with the last one that was good',
    ])
  })

  it('cipherSuites: these and no others, up to TLS 1.2', async () => {
    const ca = authority.root
    expect(await handshake(port, 'suite', { ca, maxVersion: 'TLSv1.2' })).toEqual(['TLSv1.2', SUITE])
    await expect(handshake(port, 'suite', { ca, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).rejects.toThrow()
    expect((await handshake(port, 'optional', { ca, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }))[1]).toBe(
      'ECDHE-ECDSA-AES128-GCM-SHA256',
    )
  })

  it('minProtocolVersion and maxProtocolVersion', async () => {
    const ca = authority.root
    expect((await handshake(port, 'newest', { ca }))[0]).toBe('TLSv1.3')
    await expect(handshake(port, 'newest', { ca, maxVersion: 'TLSv1.2' })).rejects.toThrow()
    expect((await handshake(port, 'older', { ca }))[0]).toBe('TLSv1.2')
    await expect(handshake(port, 'older', { ca, minVersion: 'TLSv1.3' })).rejects.toThrow()
    await expect(handshake(port, 'optional', { ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow()
  })

  it.each<[string, object]>([
    ['ISTIO_MUTUAL', { mode: 'ISTIO_MUTUAL' }],
    ['AUTO_PASSTHROUGH', { mode: 'AUTO_PASSTHROUGH' }],
    ['caCrl', { caCrl: '/etc/crl.pem' }],
    ['credentialNames', { credentialNames: ['a', 'b'] }],
  ])('%s is refused by name', (name, settings) => {
    expect(() => gateway({ web: settings })).toThrow(WeftError)
    expect(() => gateway({ web: settings })).toThrow(name)
  })
})
