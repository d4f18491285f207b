import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { silentLog } from '@weft/kit'
import { openAuthority, type AuthorityOptions, type CertificateAuthority, type IssuedCertificate } from './index.ts'

const run = promisify(execFile)
const HOUR = 3_600_000
/** Node's server says why, or just hangs up on a certificate that it does not trust. */
const REFUSED_BY_SERVER = /signature|issuer|verify|alert|ECONNRESET|hang up/i
const control = { namespace: 'default', serviceAccount: 'control' }
const temp = { namespace: 'default', serviceAccount: 'temp' }

let directory: string
let opened: CertificateAuthority[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-ca-test-'))
  opened = []
})
afterEach(async () => {
  await Promise.all(opened.map((authority) => authority.close()))
  await rm(directory, { recursive: true, force: true })
})

async function open(options: Partial<AuthorityOptions> = {}): Promise<CertificateAuthority> {
  const authority = await openAuthority({ directory, trustDomain: 'cluster.local', log: silentLog(), ...options })
  opened.push(authority)
  return authority
}

/** Permissions in octal digits. */
async function modeOf(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o777).toString(8)
}

function path(name: string): string {
  return join(directory, name)
}

async function openssl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('openssl', args)
  return stdout
}

describe('a certificate', () => {
  it('is what SPIFFE asks for, as openssl reads it', async () => {
    const authority = await open()
    const { certificateChain } = await authority.issue(control)
    await writeFile(join(directory, 'leaf.pem'), certificateChain)
    await writeFile(join(directory, 'roots.pem'), authority.bundle())
    const text = await openssl('x509', '-in', join(directory, 'leaf.pem'), '-noout', '-text')
    expect(text).toMatch(/X509v3 Subject Alternative Name: critical\n\s+URI:spiffe:\/\/cluster\.local\/ns\/default\/sa\/control\n/)
    expect(text).toMatch(/X509v3 Basic Constraints: critical\n\s+CA:FALSE/)
    expect(text).toMatch(/X509v3 Key Usage: critical\n\s+Digital Signature\n/)
    expect(text).toMatch(/X509v3 Extended Key Usage: \n\s+TLS Web Server Authentication, TLS Web Client Authentication\n/)
    expect(text).toMatch(/Subject: \n/)
    expect(text).toContain('NIST CURVE: P-256')
    const verify = ['verify', '-x509_strict', '-CAfile', join(directory, 'roots.pem')]
    for (const purpose of ['sslclient', 'sslserver']) expect(await openssl(...verify, '-purpose', purpose, join(directory, 'leaf.pem'))).toContain('OK')
  })

  it('lives a day at most, from five minutes ago, and is renewed at half of it', async () => {
    const now = 1_800_000_000_000
    const { certificateChain, notBefore, notAfter, rotatesAt } = await (await open({ now: () => now, random: () => 0.5 })).issue(control)
    expect({ notBefore, notAfter, rotatesAt }).toEqual({ notBefore: now - 300_000, notAfter: now + 24 * HOUR, rotatesAt: now + 12 * HOUR })
    const certificate = new X509Certificate(certificateChain)
    expect([certificate.validFromDate.getTime(), certificate.validToDate.getTime()]).toEqual([notBefore, notAfter])
  })

  it('has a random serial number of 128 bits, the same wherever it is shown', async () => {
    const authority = await open()
    const { serial, certificateChain } = await authority.issue(control)
    expect(serial).toMatch(/^[0-9A-F]{32}$/)
    expect(new X509Certificate(certificateChain).serialNumber).toBe(serial)
    expect((await authority.issue(temp)).serial).not.toBe(serial)
  })

  it('is one per identity while it is in force, however many ask at once', async () => {
    const authority = await open()
    const many = await Promise.all(Array.from({ length: 20 }, () => authority.issue(control)))
    expect(new Set(many).size).toBe(1)
    expect(await authority.issue(control)).toBe(many[0])
  })

  const refused: readonly (readonly [string, string])[] = [
    ['default', ''],
    ['', 'control'],
    ['default', 'a/b'],
    ['default/sa/admin#', 'x'],
    ['default', 'a\nb'],
    ['default', 'A'],
    ['default', '../ingress'],
    ['default', 'a,URI:spiffe://x'],
  ]
  it.each(refused)('is refused to %j, %j', async (namespace, serviceAccount) => {
    await expect((await open()).issue({ namespace, serviceAccount })).rejects.toMatchObject({ code: 'IDENTITY_REFUSED' })
  })

  it('cannot be asked to live longer than a day', async () => {
    await expect(open({ leafLifetimeMs: 24 * HOUR + 1 })).rejects.toMatchObject({ code: 'INVALID_VALUE' })
    await expect(open({ leafLifetimeMs: Number.NaN })).rejects.toMatchObject({ code: 'INVALID_VALUE' })
  })

  it('is not issued after the end', async () => {
    const authority = await open()
    await authority.close()
    await expect(authority.issue(control)).rejects.toMatchObject({ code: 'CA_CLOSED' })
    expect(authority.certificates().filter(({ identity }) => identity !== 'root')).toEqual([])
  })
})

describe('the root', () => {
  it('is made once, kept where only the owner looks, and the same after a restart', async () => {
    const first = await open()
    const bundle = first.bundle()
    await first.close()
    const [file = ''] = await readdir(join(directory, 'ca'))
    expect([await modeOf(join(directory, 'ca')), await modeOf(join(directory, 'ca', file))]).toEqual(['700', '600'])
    expect((await open()).bundle()).toBe(bundle)
    expect(await readdir(join(directory, 'ca'))).toEqual([file, 'trust.json'])
  })

  it('is the only key on the disk', async () => {
    await (await open()).issue(control)
    const names = await readdir(directory, { recursive: true })
    expect(names.filter((name) => !name.startsWith('ca'))).toEqual([])
    expect(names.toSorted()).toEqual(['ca', expect.stringMatching(/^ca\/root-/), 'ca/trust.json'])
    expect(await readFile(path('ca/trust.json'), 'utf8')).not.toContain('PRIVATE')
  })

  it('is an authority for leaves alone', async () => {
    await writeFile(join(directory, 'root.pem'), (await open()).bundle())
    const text = await openssl('x509', '-in', join(directory, 'root.pem'), '-noout', '-text')
    expect(text).toMatch(/Basic Constraints: critical\n\s+CA:TRUE, pathlen:0/)
    expect(text).toMatch(/Key Usage: critical\n\s+Certificate Sign, CRL Sign/)
    expect(text).toContain('URI:spiffe://cluster.local')
  })

  it('half-written by a crash is removed', async () => {
    await (await open()).close()
    await writeFile(join(directory, 'ca', 'root-00.pem.tmp'), '-----BEGIN')
    await open()
    expect((await readdir(join(directory, 'ca'))).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  const spoilt: readonly {
    readonly name: string
    readonly spoil: (file: string) => Promise<void>
    readonly options?: Partial<AuthorityOptions>
    readonly says: RegExp
  }[] = [
    { name: 'that others can read', spoil: (file) => chmod(file, 0o644), says: /other users .* can read/ },
    { name: 'that is garbage', spoil: (file) => writeFile(file, 'garbage'), says: /root-/ },
    { name: 'that is empty', spoil: (file) => writeFile(file, ''), says: /root-/ },
    { name: 'of another trust domain', spoil: async () => undefined, options: { trustDomain: 'corp.example' }, says: /another trust domain/ },
    {
      name: "with another's key",
      spoil: async (file) => {
        const other = await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout')
        const text = await readFile(file, 'utf8')
        await writeFile(file, other + text.slice(text.indexOf('-----BEGIN CERTIFICATE-----')))
      },
      says: /do not belong together/,
    },
  ]
  it.each(spoilt)('$name is refused, not replaced', async ({ spoil, options, says }) => {
    await (await open()).close()
    const [file = ''] = await readdir(join(directory, 'ca'))
    await spoil(join(directory, 'ca', file))
    await expect(open(options)).rejects.toMatchObject({
      code: 'CA_UNUSABLE',
      message: expect.stringMatching(says),
      help: expect.stringMatching(/chmod|remove/),
    })
    expect(await readdir(join(directory, 'ca'))).toEqual([file, 'trust.json'])
  })
})

describe('mutual TLS with these certificates', () => {
  it('is TLS 1.3 between two identities, each seeing the other', async () => {
    const authority = await open()
    expect(await handshake(authority.bundle(), await authority.issue(temp), authority.bundle(), await authority.issue(control))).toEqual({
      protocol: 'TLSv1.3',
      server: 'URI:spiffe://cluster.local/ns/default/sa/temp',
      client: 'URI:spiffe://cluster.local/ns/default/sa/control',
    })
  })

  it("refuses another authority's client, though it claims the same trust domain", async () => {
    const authority = await open()
    const evil = await open({ directory: join(directory, 'evil') })
    await expect(handshake(authority.bundle(), await authority.issue(temp), authority.bundle(), await evil.issue(control))).rejects.toThrow(REFUSED_BY_SERVER)
  })

  it("refuses another authority's server", async () => {
    const authority = await open()
    const evil = await open({ directory: join(directory, 'evil') })
    await expect(handshake(evil.bundle(), await evil.issue(temp), authority.bundle(), await evil.issue(control))).rejects.toThrow(
      /unable to verify|self.signed|issuer/i,
    )
  })

  it('refuses a leaf that has ended', async () => {
    const past = Date.now() - 2 * HOUR
    const authority = await open({ now: () => past, leafLifetimeMs: HOUR })
    await expect(handshake(authority.bundle(), await authority.issue(temp), authority.bundle(), await authority.issue(control))).rejects.toThrow(/expired/i)
  })

  it('refuses a leaf that signs another: leaves are no authorities', async () => {
    const authority = await open()
    const leaf = await authority.issue(control)
    await writeFile(path('leaf.pem'), leaf.certificateChain)
    await writeFile(path('leaf.key'), leaf.privateKey)
    const extensions = ['-addext', 'subjectAltName=critical,URI:spiffe://cluster.local/ns/default/sa/admin']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('forged.key'), '-out', path('forged.pem')]
    await writeFile(path('config'), '[req]\ndistinguished_name=dn\nprompt=no\n[dn]\n')
    await openssl(
      'req',
      '-x509',
      '-config',
      path('config'),
      '-subj',
      '/',
      ...extensions,
      ...key,
      '-CA',
      path('leaf.pem'),
      '-CAkey',
      path('leaf.key'),
      '-days',
      '1',
    )
    const forged = {
      ...leaf,
      certificateChain: (await readFile(path('forged.pem'), 'utf8')) + leaf.certificateChain,
      privateKey: await readFile(path('forged.key'), 'utf8'),
    }
    await expect(handshake(authority.bundle(), await authority.issue(temp), authority.bundle(), forged)).rejects.toThrow(REFUSED_BY_SERVER)
  })
})

describe('renewal', () => {
  it('issues all anew on request, tells its listeners, and a fresh handshake shows the new serial', async () => {
    const authority = await open()
    const before = await authority.issue(control)
    let told = 0
    authority.onRotated(() => void (told += 1))
    await authority.rotateNow()
    const after = await authority.issue(control)
    expect([after.serial === before.serial, told]).toEqual([false, 1])
    expect(authority.certificates().find(({ identity }) => identity.endsWith('/control'))?.serial).toBe(after.serial)
    await handshake(authority.bundle(), after, authority.bundle(), before)
  })

  it('comes by itself at half the life', async () => {
    const authority = await open({ leafLifetimeMs: 2000 })
    const { serial } = await authority.issue(control)
    await new Promise<void>((resolve) => void authority.onRotated(resolve))
    expect((await authority.issue(control)).serial).not.toBe(serial)
  })

  it('happens on demand when the machine slept over it', async () => {
    let now = Date.now()
    const authority = await open({ now: () => now })
    const { serial } = await authority.issue(control)
    now += 13.5 * HOUR
    expect((await authority.issue(control)).serial).not.toBe(serial)
  })

  it('leaves out what nobody has asked for since the last', async () => {
    const authority = await open()
    await Promise.all([authority.issue(control), authority.issue(temp)])
    await authority.rotateNow()
    await authority.issue(control)
    await authority.rotateNow()
    expect(authority.certificates().map(({ identity }) => identity)).toEqual(['root', 'spiffe://cluster.local/ns/default/sa/control'])
  })

  it('a listener that fails or has left does not hinder the others', async () => {
    const authority = await open()
    const seen: string[] = []
    authority.onRotated(() => {
      throw new TypeError('listener')
    })
    const leave = authority.onRotated(() => void seen.push('left'))
    authority.onRotated(() => void seen.push('stayed'))
    leave()
    await authority.rotateNow()
    expect(seen).toEqual(['stayed'])
  })

  it('by itself comes for the root too, at four fifths of its life', async () => {
    let now = Date.now()
    const authority = await open({ now: () => now, rootLifetimeMs: 1000 * HOUR })
    now += 800 * HOUR
    await authority.rotateNow()
    expect(rootsOf(authority).map(({ state }) => state)).toEqual(['signs', 'announced'])
  })
})

describe('a rotation of the root', () => {
  it('overlaps: the new one is trusted, then signs, then the old one goes; all along, leaves of both are accepted', async () => {
    let now = Date.now()
    const authority = await open({ now: () => now })
    const [old] = rootsOf(authority)
    const oldLeaf = await authority.issue(control)
    let told = 0
    authority.onRotated(() => void (told += 1))
    const id = await authority.announce()
    expect([rootsOf(authority).map(({ serial }) => serial), authority.pending, told]).toEqual([[old?.serial, id], id, 1])
    expect(signedBy(await authority.issue(temp), authority.bundle())).toBe(old?.serial)
    await authority.promote(id)
    expect([authority.pending, told]).toEqual([undefined, 2])
    expect(rootsOf(authority)).toMatchObject([
      { serial: id, state: 'signs' },
      { serial: old?.serial, state: 'retiring', trustedUntil: new Date(now + HOUR).toISOString() },
    ])
    for (const account of [control, temp]) expect(signedBy(await authority.issue(account), authority.bundle())).toBe(id)
    expect(signedBy(oldLeaf, authority.bundle())).toBe(old?.serial)
    now += HOUR
    await authority.rotateNow()
    expect(rootsOf(authority).map(({ serial }) => serial)).toEqual([id])
    expect((await readdir(path('ca'))).toSorted()).toEqual([`root-${id}.pem`, 'trust.json'])
    expect(signedBy(oldLeaf, authority.bundle())).toBeUndefined()
  })

  it('goes on after a crash in every phase', async () => {
    let now = Date.now()
    const again = async () => {
      await Promise.all(opened.splice(0).map((authority) => authority.close()))
      return open({ now: () => now })
    }
    let authority = await again()
    const [old] = rootsOf(authority)
    const id = await authority.announce()
    authority = await again()
    expect([authority.pending, rootsOf(authority).map(({ state }) => state)]).toEqual([id, ['signs', 'announced']])
    // The file of a root is there before it is remembered.
    await writeFile(path('ca/trust.json'), JSON.stringify({ generations: JSON.parse(await readFile(path('ca/trust.json'), 'utf8')).generations.slice(0, 1) }))
    authority = await again()
    expect(authority.pending).toBe(id)
    await authority.promote(id)
    authority = await again()
    expect(rootsOf(authority)).toMatchObject([
      { serial: id, state: 'signs' },
      { serial: old?.serial, state: 'retiring' },
    ])
    now += HOUR
    authority = await again()
    expect(rootsOf(authority).map(({ serial }) => serial)).toEqual([id])
    expect([await modeOf(path('ca/trust.json')), await readFile(path('ca/trust.json'), 'utf8')]).toEqual(['600', expect.not.stringContaining('PRIVATE')])
  })

  it('signs nothing by the old root any more that was being signed when the new one began', async () => {
    const authority = await open()
    const id = await authority.announce()
    const names = Array.from({ length: 20 }, (_, index) => ({ namespace: 'default', serviceAccount: `f${index}` }))
    const [leaves] = await Promise.all([Promise.all(names.map((account) => authority.issue(account))), authority.promote(id)])
    const now = await Promise.all(names.map((account) => authority.issue(account)))
    expect(leaves).toHaveLength(20)
    expect(new Set(now.map((leaf) => signedBy(leaf, authority.bundle())))).toEqual(new Set([id]))
  })
})

const rootsOf = (authority: CertificateAuthority) => authority.certificates().filter(({ kind }) => kind === 'root')

/** Serial of the root in the bundle that signed a leaf. */
function signedBy({ certificateChain }: IssuedCertificate, bundle: string): string | undefined {
  const roots = bundle.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? []
  const leaf = new X509Certificate(certificateChain)
  return roots.map((pem) => new X509Certificate(pem)).find((root) => leaf.checkIssued(root) && leaf.verify(root.publicKey))?.serialNumber
}

interface Handshake {
  readonly protocol: string | null
  readonly server: string | undefined
  readonly client: string | undefined
}

/** One connection: the server trusts `serverRoots`, the client `clientRoots`. SPIFFE IDs are compared by the caller, not by the TLS library. */
async function handshake(serverRoots: string, server: IssuedCertificate, clientRoots: string, client: IssuedCertificate): Promise<Handshake> {
  const listener = createServer(
    { key: server.privateKey, cert: server.certificateChain, ca: serverRoots, requestCert: true, rejectUnauthorized: true },
    (socket) => {
      socket.on('error', () => undefined)
      socket.end(socket.getPeerX509Certificate()?.subjectAltName ?? '')
    },
  )
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  let socket: TLSSocket | undefined
  try {
    return await new Promise<Handshake>((resolve, reject) => {
      const connection = connect({
        host: '127.0.0.1',
        port,
        key: client.privateKey,
        cert: client.certificateChain,
        ca: clientRoots,
        checkServerIdentity: () => undefined,
      })
      socket = connection
      let text = ''
      // In TLS 1.3 the client believes itself connected before the server has looked at its certificate.
      listener.on('tlsClientError', reject)
      connection.on('error', reject)
      connection.on('data', (chunk) => (text += String(chunk)))
      connection.on('end', () =>
        text === '' ? undefined : resolve({ protocol: connection.getProtocol(), server: connection.getPeerX509Certificate()?.subjectAltName, client: text }),
      )
    })
  } finally {
    socket?.destroy()
    listener.close()
  }
}
