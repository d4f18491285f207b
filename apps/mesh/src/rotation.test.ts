import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { generateKey, makeLeaf } from './ca/certificate.ts'
import { RootStore } from './ca/root-store.ts'
import { CaMaker, writeCacerts, type TestCa } from './ca/testing/cacerts.ts'
import type { Pem } from './encode/testing/certificates.ts'
import { mutualTls } from './encode/testing/streams.ts'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'
import { meanwhile } from './testing/load.ts'

const workload = (name: string) => ({ namespace: 'default', name: `${name}-v1` })
const socketOf = (fixture: Fixture, name: string) => fixture.inboundSocket(name)

async function deployed(fixture: Fixture, name: string): Promise<void> {
  await fixture.mesh.settled(await fixture.deploy(name), 5_000)
  await fixture.mesh.setReplicas(workload(name), [await fixture.replica(name)])
}

/** Serial numbers of the roots, by what they are for. */
async function roots(fixture: Fixture): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries((await fixture.mesh.certificates()).flatMap(({ state, serial }) => (state === undefined ? [] : [[state, serial]])))
}

/** A certificate of the ingress' identity by the root that signs now, as a thief of its key would make it. */
async function stolen(fixture: Fixture): Promise<{ readonly root: string; readonly leaf: Pem }> {
  const { signs } = await roots(fixture)
  const signer = (await new RootStore(join(fixture.directory, 'ca', 'ca'), 'cluster.local').load()).find(({ id }) => id === signs)
  if (signer === undefined) throw new Error('no root signs')
  const { publicKey, privateKeyPem } = await generateKey()
  const times = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const { pem } = await makeLeaf({ uri: 'spiffe://cluster.local/ns/weft-system/sa/ingress', publicKey, ...times }, signer)
  return { root: signer.root.pem, leaf: { certificate: pem, key: privateKeyPem } }
}

/** The status that a call over this connection has, or why there is none. */
function callOver(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (data: Buffer) => resolve(data.toString().slice(9, 12)))
    socket.once('error', (error) => resolve(error.message)).once('close', () => resolve('closed'))
    socket.write('GET / HTTP/1.1\r\nhost: steady\r\n\r\n')
  })
}

/** What happens to whoever trusts `root` and shows `leaf`. */
async function handshake(path: string, root: string, leaf: Pem): Promise<string> {
  let socket: TLSSocket
  try {
    socket = await mutualTls(path, root, leaf)
  } catch (error) {
    return (error as Error).message
  }
  const answer = await callOver(socket)
  socket.destroy()
  return answer
}

describe.each([1, 2])('the root is rotated twice under load, with %i Envoys', (proxies) => {
  let fixture: Fixture
  beforeAll(async () => {
    fixture = await startFixture({ proxies, settings: { rootOverlapMs: 1_500, connectionDrainMs: 1_000 } })
    await deployed(fixture, 'steady')
  })
  afterAll(() => fixture.close())

  it('and no call fails; a certificate of the old root is refused, and no connection of its time is left', async () => {
    const path = socketOf(fixture, 'steady')
    const outcomes = await meanwhile(fixture, 'steady', async (answered) => {
      for (const round of [1, 2]) {
        const before = await stolen(fixture)
        const old = await roots(fixture)
        const held = await mutualTls(path, before.root, before.leaf)
        expect([round, await callOver(held)]).toEqual([round, '200'])
        let closed = false
        held.on('close', () => (closed = true)).on('error', () => undefined)
        expect(await fixture.mesh.rotateRoot(10_000)).toMatchObject({
          phase: 'signs',
          stragglers: [],
          root: expect.not.stringMatching(old['signs'] ?? ''),
          oldTrustedUntil: expect.any(String),
        })
        expect(await roots(fixture)).toMatchObject({ retiring: old['signs'] })
        const after = await stolen(fixture)
        // Both are believed as long as both are trusted; what the callee shows is of the new one.
        expect([await handshake(path, after.root, before.leaf), await handshake(path, after.root, after.leaf), closed]).toEqual(['200', '200', false])
        expect(await handshake(path, before.root, before.leaf)).toMatch(/unable to|self.signed/)
        await eventually(async () => ((await roots(fixture))['retiring'] === undefined ? true : undefined), 10_000)
        await eventually(async () => ((await handshake(path, after.root, before.leaf)) === '200' ? undefined : true))
        expect(await handshake(path, after.root, before.leaf)).toMatch(/alert|unknown ca|closed|ECONNRESET/)
        expect(await handshake(path, after.root, after.leaf)).toBe('200')
        await eventually(() => (closed ? true : undefined), 10_000)
        const seen = answered()
        await eventually(() => (answered() > seen + 20 ? true : undefined))
      }
    })
    expect(outcomes).toEqual(['200'])
    expect((await fixture.mesh.status()).proxies.flatMap(({ rejected }) => rejected)).toEqual([])
  }, 60_000)

  it('two at once follow one another', async () => {
    const [first, second] = await Promise.all([fixture.mesh.rotateRoot(10_000), fixture.mesh.rotateRoot(10_000)])
    expect([first.phase, second.phase, first.root === second.root]).toEqual(['signs', 'signs', false])
    expect((await roots(fixture))['signs']).toBe(second.root)
    expect((await fixture.call('/function/steady')).status).toBe(200)
  })

  it('certificates that are renewed again and again are all of the root that signs, and the proxy has the last ones', async () => {
    await Promise.all([...Array.from({ length: 10 }, () => fixture.mesh.rotate()), fixture.mesh.rotateRoot(10_000)])
    const { signs } = await roots(fixture)
    const { root, leaf } = await stolen(fixture)
    const leaves = (await fixture.mesh.certificates()).filter(({ kind }) => kind === 'leaf')
    expect(new Set(leaves.map((each) => each.root))).toEqual(new Set([signs]))
    expect(await handshake(socketOf(fixture, 'steady'), root, leaf)).toBe('200')
    const issued = leaves.find(({ identity }) => identity.endsWith('/steady'))?.serial
    await eventually(async () => {
      const socket = await mutualTls(socketOf(fixture, 'steady'), root, leaf)
      const shown = socket.getPeerX509Certificate()?.serialNumber
      socket.destroy()
      return shown === issued ? true : undefined
    })
  })
})

describe('an authority that somebody brings', () => {
  let directory: string
  let maker: CaMaker
  let fixture: Fixture
  const under = (root: TestCa, name: string, key: readonly string[]) => {
    const own = maker.make(name, { issuer: root, key })
    writeCacerts(join(directory, 'cacerts'), { certificate: own.certificate, key: own.key, roots: root.certificate })
  }
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weft-brought-'))
    maker = new CaMaker(directory)
    under(maker.make('one'), 'rsa', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'])
    fixture = await startFixture({ settings: { broughtAuthority: join(directory, 'cacerts'), rootOverlapMs: 500, connectionDrainMs: 1_000, lookEveryMs: 50 } })
    await deployed(fixture, 'steady')
  })
  afterAll(async () => {
    await fixture.close()
    rmSync(directory, { recursive: true, force: true })
  })

  it('serves with its intermediate, and another takes its place under load without a restart or a failed call', async () => {
    const pid = await fixture.mesh.envoyPid()
    const { signs } = await roots(fixture)
    const outcomes = await meanwhile(fixture, 'steady', async (answered) => {
      await eventually(() => (answered() > 20 ? true : undefined))
      under(maker.make('two'), 'p384', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'])
      await eventually(async () => {
        const now = await roots(fixture)
        return now['signs'] !== signs && now['retiring'] === undefined && now['announced'] === undefined ? true : undefined
      }, 15_000)
      const seen = answered()
      await eventually(() => (answered() > seen + 50 ? true : undefined))
    })
    expect(outcomes).toEqual(['200'])
    expect(await fixture.mesh.envoyPid()).toBe(pid)
    const { root } = (await fixture.mesh.certificates()).find(({ kind }) => kind === 'leaf') ?? {}
    expect(root).toBe((await roots(fixture))['signs'])
    expect(await fixture.mesh.probe(workload('steady'), 2_000)).toMatchObject({ ok: true })
    await expect(fixture.mesh.rotateRoot(1_000)).rejects.toMatchObject({ code: 'CA_UNCHANGED' })
  }, 40_000)
})
