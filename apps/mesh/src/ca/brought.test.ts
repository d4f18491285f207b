import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { silentLog } from '@weft/kit'
import { eventually } from '../testing/fixture.ts'
import { openAuthority, type AuthorityOptions, type CertificateAuthority } from './index.ts'
import { CaMaker, writeCacerts, type TestCa } from './testing/cacerts.ts'

const P384 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384']
const RSA = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']
const CA = 'basicConstraints=critical,CA:TRUE'
const control = { namespace: 'default', serviceAccount: 'control' }
const HOUR = 3_600_000

let shared: string
let maker: CaMaker
let root: TestCa
let other: TestCa
let intermediate: TestCa
let deep: TestCa
let directory: string
let opened: CertificateAuthority[]

beforeAll(() => {
  shared = mkdtempSync(join(tmpdir(), 'weft-brought-'))
  maker = new CaMaker(shared)
  root = maker.make('root')
  other = maker.make('other')
  intermediate = maker.make('intermediate', { issuer: root })
  deep = maker.make('deep', { issuer: intermediate })
})
afterAll(() => rmSync(shared, { recursive: true, force: true }))
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weft-brought-'))
  opened = []
})
afterEach(async () => {
  await Promise.all(opened.map((authority) => authority.close()))
  rmSync(directory, { recursive: true, force: true })
})

const cacerts = () => join(directory, 'cacerts')

async function open(options: Partial<AuthorityOptions> = {}): Promise<CertificateAuthority> {
  const authority = await openAuthority({ directory, trustDomain: 'cluster.local', log: silentLog(), brought: cacerts(), lookEveryMs: 20, ...options })
  opened.push(authority)
  return authority
}

/** What openssl says of a leaf to somebody who trusts the bundle alone. */
async function verified(authority: CertificateAuthority): Promise<string> {
  const { certificateChain } = await authority.issue(control)
  const [leaf = '', ...between] = certificateChain.match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n/g) ?? []
  for (const [name, text] of [
    ['leaf', leaf],
    ['between', between.join('')],
    ['roots', authority.bundle()],
  ] as const)
    writeFileSync(join(directory, name), text)
  const untrusted = between.length === 0 ? [] : ['-untrusted', join(directory, 'between')]
  return execFileSync(
    'openssl',
    ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', join(directory, 'roots'), ...untrusted, join(directory, 'leaf')],
    {
      encoding: 'utf8',
    },
  )
}

describe('an authority that somebody brings', () => {
  it('signs leaves that are sent with their intermediates, and its root is what is trusted', async () => {
    // As Istio's own tools write the chain: with the authority itself and the root in it.
    const chain = deep.certificate + intermediate.certificate + root.certificate
    writeCacerts(cacerts(), { certificate: deep.certificate, key: deep.key, chain, roots: root.certificate })
    const authority = await open()
    expect(authority.bundle()).toBe(root.certificate)
    const { certificateChain } = await authority.issue(control)
    expect(certificateChain.endsWith(deep.certificate + intermediate.certificate)).toBe(true)
    expect(await verified(authority)).toContain('OK')
    expect(authority.certificates().map(({ kind, state, root: signed }) => [kind, state, signed])).toEqual([
      ['root', 'signs', undefined],
      ['intermediate', undefined, undefined],
      ['intermediate', undefined, undefined],
      ['leaf', undefined, new X509Certificate(root.certificate).serialNumber],
    ])
  })

  it('may be a root, with further roots to trust', async () => {
    writeCacerts(cacerts(), { certificate: root.certificate, key: root.key })
    expect((await open()).bundle()).toBe(root.certificate)
    writeCacerts(cacerts(), { certificate: root.certificate, key: root.key, roots: root.certificate + other.certificate })
    const authority = await open()
    expect(authority.bundle()).toBe(root.certificate + other.certificate)
    expect(await verified(authority)).toContain('OK')
  })

  it.each([
    ['P-384', P384],
    ['RSA', RSA],
  ])('may have a key of the type %s', async (_name, key) => {
    const own = maker.make(`own-${key[1]}-${key.length}`, { key, issuer: root })
    writeCacerts(cacerts(), { certificate: own.certificate, key: own.key, roots: root.certificate })
    expect(await verified(await open())).toContain('OK')
  })

  it('may have its key in the form of SEC 1', async () => {
    const key = execFileSync('openssl', ['ec'], { input: root.key, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] })
    expect(key).toContain('BEGIN EC PRIVATE KEY')
    writeCacerts(cacerts(), { certificate: root.certificate, key })
    expect(await verified(await open())).toContain('OK')
  })

  it('lets leaves end before the first of its certificates does', async () => {
    const short = maker.make('short', { issuer: root, days: 1 })
    writeCacerts(cacerts(), { certificate: short.certificate, key: short.key, roots: root.certificate })
    const now = Date.now() + 12 * HOUR
    const authority = await open({ now: () => now })
    expect((await authority.issue(control)).notAfter).toBe(new X509Certificate(short.certificate).validToDate.getTime())
    expect(authority.certificates().filter(({ warning }) => warning !== undefined)).toEqual([])
  })

  it('is named when its end comes near', async () => {
    const ending = maker.make('ending', { issuer: root, days: 40 })
    writeCacerts(cacerts(), { certificate: ending.certificate, key: ending.key, roots: root.certificate })
    const lines: string[] = []
    const log = { ...silentLog(), warn: (...line: readonly unknown[]) => void lines.push(JSON.stringify(line)) }
    const authority = await open({ now: () => Date.now() + 35 * 24 * HOUR, log })
    expect(authority.certificates().find(({ kind }) => kind === 'intermediate')).toMatchObject({
      daysLeft: 4,
      warning: expect.stringContaining('it ends in 4 days'),
    })
    expect(lines).toEqual([expect.stringMatching(/"kind":"intermediate".*a certificate is about to end/)])
  })
})

describe('files that cannot be used are refused by name and reason', () => {
  const good = () => writeCacerts(cacerts(), { certificate: intermediate.certificate, key: intermediate.key, roots: root.certificate })
  /** An intermediate under the root, with these extensions. */
  const under = (name: string, extensions: readonly string[], issuer = root) => {
    const made = maker.make(name, { issuer, extensions })
    writeCacerts(cacerts(), { certificate: made.certificate, key: made.key, chain: issuer === root ? '' : issuer.certificate, roots: root.certificate })
  }
  const put = (name: string, text: string) => writeFileSync(join(cacerts(), name), text)
  it.each<[string, () => void, RegExp]>([
    ['no files at all', () => undefined, /ca-cert\.pem: there is no such file/],
    ['an empty certificate', () => (good(), put('ca-cert.pem', '')), /ca-cert\.pem: there is no certificate in it/],
    [
      'a broken certificate',
      () => (good(), put('ca-cert.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')),
      /ca-cert\.pem: a certificate in it cannot be read/,
    ],
    ["another's key", () => (good(), put('ca-key.pem', other.key)), /ca-key\.pem: it is not the key of ca-cert\.pem/],
    ['no key', () => (good(), put('ca-key.pem', 'hello')), /ca-key\.pem: there is no private key in it/],
    [
      'an encrypted key',
      () => (good(), put('ca-key.pem', execFileSync('openssl', ['pkey', '-aes256', '-passout', 'pass:x'], { input: root.key, encoding: 'utf8' }))),
      /ca-key\.pem: the key is encrypted/,
    ],
    ['a key that all can read', () => (good(), chmodSync(join(cacerts(), 'ca-key.pem'), 0o644)), /ca-key\.pem: its mode is 644: other users .* can read/],
    ['an intermediate without its root', () => (good(), rmSync(join(cacerts(), 'root-cert.pem'))), /root-cert\.pem: it is missing or empty/],
    ["another's root", () => (good(), put('root-cert.pem', other.certificate)), /cert-chain\.pem: no certificate here or in root-cert\.pem has signed/],
    ['an intermediate as a root', () => (good(), put('root-cert.pem', root.certificate + intermediate.certificate)), /root-cert\.pem: .* is not a root/],
    [
      'a chain with a gap',
      () => writeCacerts(cacerts(), { certificate: deep.certificate, key: deep.key, roots: root.certificate }),
      /cert-chain\.pem: no certificate here .* has signed .*CN=intermediate/,
    ],
    ['a leaf', () => under('leaf', ['basicConstraints=critical,CA:FALSE']), /ca-cert\.pem: .* is not of an authority/],
    ['an authority that may not sign', () => under('mute', [CA, 'keyUsage=critical,cRLSign']), /ca-cert\.pem: .* may not sign certificates/],
    ['an authority for clients only', () => under('clients', [CA, 'extendedKeyUsage=clientAuth']), /ca-cert\.pem: .* is not for servers and clients both/],
    [
      'a chain that is too long',
      () =>
        under(
          'below',
          [CA],
          maker.make('narrow', { issuer: root, extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign'] }),
        ),
      /cert-chain\.pem: .* allows 0 authorities below it/,
    ],
    [
      'names of others',
      () => under('elsewhere', [CA, 'nameConstraints=critical,permitted;URI:corp.example']),
      /ca-cert\.pem: .* does not permit the trust domain cluster\.local .*corp\.example/,
    ],
    ['names without ours', () => under('excluded', [CA, 'nameConstraints=critical,excluded;URI:cluster.local']), /ca-cert\.pem: .* excludes the trust domain/],
    [
      'a key that is too short',
      () => {
        const weak = maker.make('weak', { issuer: root, key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'] })
        writeCacerts(cacerts(), { certificate: weak.certificate, key: weak.key, roots: root.certificate })
      },
      /ca-key\.pem: an RSA key of 1024 bits is too short/,
    ],
    [
      'a key of another type',
      () => {
        const odd = maker.make('odd', { issuer: root, key: ['-algorithm', 'ED25519'] })
        writeCacerts(cacerts(), { certificate: odd.certificate, key: odd.key, roots: root.certificate })
      },
      /ca-key\.pem: a key of the type ed25519 is not supported/,
    ],
  ])('%s', async (_name, write, says) => {
    write()
    await expect(open()).rejects.toMatchObject({ code: 'CA_UNUSABLE', message: expect.stringMatching(says) })
  })

  it('what has ended, and what has not begun', async () => {
    good()
    await expect(open({ now: () => Date.now() + 400 * 24 * HOUR })).rejects.toThrow(/ca-cert\.pem: .* has ended on/)
    await expect(open({ now: () => Date.now() - HOUR })).rejects.toThrow(/ca-cert\.pem: .* begins only on/)
  })

  it('when it has ended while it signs, renewals are tried again ever more seldom, and it is said once', async () => {
    good()
    let ahead = 0
    const lines: string[] = []
    const note = (fields: object, message: string) => void lines.push(`${message}: ${JSON.stringify(fields)}`)
    const log = { ...silentLog(), error: note, info: note } as ReturnType<typeof silentLog>
    const authority = await open({ now: () => Date.now() + ahead, leafLifetimeMs: 400, log })
    await authority.issue({ namespace: 'default', serviceAccount: 'temp' })
    ahead = 400 * 24 * HOUR
    const failed = () => lines.filter((line) => line.startsWith('certificates could not be renewed'))
    await eventually(() => (failed().length > 0 ? true : undefined))
    ahead = 0
    const again = await eventually(() => lines.find((line) => line.startsWith('certificates are renewed again')))
    expect([failed(), again]).toEqual([[expect.stringContaining('there is no authority in force')], expect.stringMatching(/"failures":[1-9]/)])
  })

  it.each([['cluster.local'], ['.local']])('but names that permit the trust domain are good: %s', async (host) => {
    under(`permitted${host.length}`, [CA, 'keyUsage=critical,keyCertSign', `nameConstraints=critical,permitted;URI:${host}`])
    expect(await verified(await open())).toContain('OK')
  })
})

describe('files that are replaced', () => {
  const brought = (ca: TestCa) => writeCacerts(cacerts(), { certificate: ca.certificate, key: ca.key, roots: ca.certificate })
  const told = (authority: CertificateAuthority) => new Promise<void>((resolve) => void authority.onRotated(resolve))

  it('are trusted first, without a restart, and sign when they are promoted', async () => {
    brought(root)
    const authority = await open()
    const noticed = told(authority)
    brought(other)
    await noticed
    expect([authority.bundle(), authority.pending === undefined]).toEqual([root.certificate + other.certificate, false])
    await authority.promote(authority.pending ?? '')
    expect(authority.bundle()).toBe(other.certificate + root.certificate)
    expect(await verified(authority)).toContain('OK')
    expect(authority.certificates().at(-1)?.root).toBe(new X509Certificate(other.certificate).serialNumber)
  })

  it('are what the platform starts with after it was down, and the old root is trusted for the overlap', async () => {
    brought(root)
    await (await open()).close()
    brought(other)
    const authority = await open()
    expect([authority.bundle(), authority.pending]).toEqual([other.certificate + root.certificate, undefined])
    expect(readFileSync(join(directory, 'ca', 'trust.json'), 'utf8')).not.toContain('PRIVATE')
  })

  it('by some that cannot be used change nothing', async () => {
    brought(root)
    const lines: string[] = []
    let heard = (): void => undefined
    const log = { ...silentLog(), error: (fields: object) => (lines.push(JSON.stringify(fields)), heard()) }
    const authority = await open({ log })
    const complained = new Promise<void>((resolve) => (heard = resolve))
    writeFileSync(join(cacerts(), 'ca-key.pem'), other.key)
    await complained
    expect(lines[0]).toContain('it is not the key of ca-cert.pem')
    expect([authority.bundle(), authority.pending]).toEqual([root.certificate, undefined])
    expect(await verified(authority)).toContain('OK')
  })

  it('by the same are told when somebody asks', async () => {
    brought(root)
    await expect((await open()).announce()).rejects.toMatchObject({ code: 'CA_UNCHANGED' })
  })

  it('in place of a root that was made here: it is trusted for the overlap, and its key goes', async () => {
    let now = Date.now()
    const own = await openAuthority({ directory, trustDomain: 'cluster.local', log: silentLog() })
    const bundle = own.bundle()
    await own.close()
    brought(root)
    const authority = await open({ now: () => now })
    expect(authority.bundle()).toBe(root.certificate + bundle)
    now += 2 * HOUR
    await authority.rotateNow()
    expect(authority.bundle()).toBe(root.certificate)
    expect(execFileSync('ls', [join(directory, 'ca')], { encoding: 'utf8' })).toBe('trust.json\n')
  })
})
