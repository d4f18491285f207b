import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { AddressGuard } from '@weft/kit'
import { testAuthority } from '../encode/testing/certificates.ts'
import { Issuer } from '../encode/testing/tokens.ts'
import { fetchKeys, type FetchRules } from './fetch.ts'

const issuer = new Issuer('https://idp.example', 'RS256')
const directory = mkdtempSync(join(tmpdir(), 'wk-'))
const authority = testAuthority(join(directory, 'ca'))
const pem = authority.issue('spiffe://x/y,IP:127.0.0.1')
const asked: string[] = []
let plain: http.Server
let secure: https.Server
const port = (server: http.Server) => (server.address() as AddressInfo).port
const at = (path: string) => `http://127.0.0.1:${port(plain)}${path}`
const securely = (path: string) => `https://127.0.0.1:${port(secure)}${path}`

const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
const secret = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
const set = (...keys: readonly unknown[]) => JSON.stringify({ keys })

/** What the server says, by path. Drips never end. */
const BODIES: Readonly<Record<string, () => string>> = {
  '/keys': () => issuer.jwks,
  '/text': () => '<html>',
  '/null': () => 'null',
  '/none': () => set(),
  '/symmetric': () => set({ kty: 'oct', k: 'c2VjcmV0' }),
  '/small': () => set(small),
  '/private': () => set(secret),
  '/encryption': () => set({ ...issuer.jwk, use: 'enc' }),
  '/some': () => set(small, { kty: 'oct', k: 'c2VjcmV0' }, issuer.jwk, 7),
  '/large': () => set(issuer.jwk, { padding: 'x'.repeat(20_000) }),
  '/idp/.well-known/openid-configuration': () => JSON.stringify({ issuer: 'x', jwks_uri: at('/keys') }),
  '/inward/.well-known/openid-configuration': () => JSON.stringify({ jwks_uri: 'http://169.254.169.254/latest/meta-data' }),
  '/file/.well-known/openid-configuration': () => JSON.stringify({ jwks_uri: 'file:///etc/passwd' }),
  '/odd/.well-known/openid-configuration': () => JSON.stringify({ jwks_uri: 7 }),
}

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const path = request.url ?? ''
  asked.push(path)
  const body = BODIES[path]?.()
  if (path === '/silent') return
  if (path === '/drip') {
    response.write('{"keys"')
    return
  }
  if (path === '/chunked') {
    response.write('x'.repeat(9000))
    response.write('x'.repeat(9000))
    return
  }
  if (path === '/moved') response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' })
  else if (path === '/near') response.writeHead(301, { location: '/keys' })
  else if (path === '/packed') response.writeHead(200, { 'content-encoding': 'gzip' })
  else if (path === '/cut') {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('{')
    response.destroy()
    return
  } else response.statusCode = body === undefined ? 500 : 200
  response.end(body)
}

beforeAll(async () => {
  plain = http.createServer(answer)
  secure = https.createServer({ cert: pem.certificate, key: pem.key }, answer)
  await Promise.all([plain, secure].map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))))
})

afterAll(() => {
  for (const server of [plain, secure]) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(directory, { recursive: true })
})

const open: FetchRules = { guard: new AddressGuard({ allowed: ['127.0.0.0/8'], own: [] }), maxBytes: 10_000, roots: authority.root }
const closed: FetchRules = { ...open, guard: new AddressGuard({ allowed: [], own: [] }) }
const fetching = (url: string, rules = open, discovery = false, timeoutMs = 5000) => fetchKeys({ url, discovery, timeoutMs }, rules)
const kids = (jwks: string) => (JSON.parse(jwks) as { keys: { kid?: string }[] }).keys.map(({ kid }) => kid)

describe('keys of an issuer', () => {
  it('are fetched by http and https, and by OpenID discovery', async () => {
    expect(kids(await fetching(at('/keys')))).toEqual([issuer.kid])
    expect(kids(await fetching(securely('/keys')))).toEqual([issuer.kid])
    expect(kids(await fetching(at('/idp'), open, true))).toEqual([issuer.kid])
    expect(kids(await fetching(at('/idp/'), open, true))).toEqual([issuer.kid])
  })

  it('are those of a set that can be used, and nothing else of it', async () => {
    const { keys } = JSON.parse(await fetching(at('/some'))) as { keys: Record<string, string>[] }
    expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([['alg', 'e', 'kid', 'kty', 'n']])
  })

  it.each<[string, () => string, RegExp, boolean?]>([
    ['a redirect to a private address', () => at('/moved'), /redirect \(302\)/],
    ['any other redirect', () => at('/near'), /redirect \(301\)/],
    ['an answer that is too large, and says so', () => at('/large'), /more than 10000 bytes/],
    ['an answer that is too large, without a word', () => at('/chunked'), /more than 10000 bytes/],
    ['an answer that is packed', () => at('/packed'), /not a JSON Web Key Set/],
    ['an answer that ends early', () => at('/cut'), /aborted|hang up/],
    ['an error', () => at('/nowhere'), /was 500/],
    ['something that is no JSON', () => at('/text'), /not a JSON Web Key Set/],
    ['null', () => at('/null'), /not a JSON Web Key Set/],
    ['no key', () => at('/none'), /no key/],
    ['a symmetric key', () => at('/symmetric'), /symmetric/],
    ['a key that is too short', () => at('/small'), /2048/],
    ['a private key', () => at('/private'), /private key/],
    ['keys for encryption only', () => at('/encryption'), /no key/],
    ['a certificate of nobody who is trusted', () => securely('/keys'), /certificate|self/i],
    ['nobody who listens', () => 'http://127.0.0.1:1/keys', /ECONNREFUSED/],
    ['an OpenID configuration that points inward', () => at('/inward'), /169\.254\.169\.254 is a private address/, true],
    ['an OpenID configuration that points to a file', () => at('/file'), /not an http or https URL/, true],
    ['an OpenID configuration without keys', () => at('/odd'), /no jwks_uri/, true],
    ['an OpenID configuration that leaves https', () => securely('/idp'), /leaves https/, true],
  ])('are not taken from %s', async (name, url, message, discovery = false) => {
    const { roots: _trusted, ...system } = open
    await expect(fetching(url(), name.startsWith('a certificate') ? system : open, discovery)).rejects.toThrow(message)
  })

  it.each(['/silent', '/drip'])('are waited for only so long (%s)', async (path) => {
    await expect(fetching(at(path), open, false, 50)).rejects.toThrow('it did not answer in time')
  })

  it.each<[string, string]>([
    ['an address of loopback', 'http://127.0.0.1:{port}/keys'],
    ['another spelling of it', 'http://2130706433:{port}/keys'],
    ['one in IPv6', 'http://[::ffff:127.0.0.1]:{port}/keys'],
    ['the address of cloud metadata', 'http://169.254.169.254/keys'],
    ['a name that stands for loopback', 'http://localhost:{port}/keys'],
  ])('are never asked at %s', async (_name, url) => {
    const before = asked.length
    await expect(fetching(url.replace('{port}', String(port(plain))), closed)).rejects.toThrow(/private address/)
    expect(asked.length).toBe(before)
  })
})
