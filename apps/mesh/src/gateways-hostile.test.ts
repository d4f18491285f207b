import { createServer } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { parseResource } from '@weft/api'
import { testAuthority, type TestAuthority } from './encode/testing/certificates.ts'
import { startFixture, type Fixture } from './testing/fixture.ts'
import { freePort } from './testing/free-port.ts'

let fixture: Fixture
let authority: TestAuthority
let ports: { readonly http: number; readonly https: number }
const control = createServer((request, response) => response.end(`control ${request.url}`))

beforeAll(async () => {
  ports = { http: await freePort(), https: await freePort() }
  fixture = await startFixture({
    layout: (directory) => {
      authority = testAuthority(join(directory, 'authority'))
      return { ingress: { address: '127.0.0.1', port: ports.http, tls: { port: ports.https } } }
    },
  })
  await new Promise<void>((resolve) => control.listen(fixture.layout.gatewaySocket, resolve))
  await fixture.deploy('shop')
  const { certificate, key } = authority.issueFor('shop.example.com')
  const data = { 'tls.crt': Buffer.from(certificate).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') }
  const hosts = ['shop.example.com']
  const servers = [
    { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts },
    { port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts, tls: { mode: 'SIMPLE', credentialName: 'shop' } },
  ]
  const http = [{ route: [{ destination: { host: 'shop' } }] }]
  for (const one of [
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop' }, data },
    { apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'web' }, spec: { selector: { istio: 'ingressgateway' }, servers } },
    { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'shop' }, spec: { hosts, gateways: ['web'], http } },
  ]) {
    const { metadata } = await fixture.store.create(parseResource(one))
    await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)
  }
})
afterAll(async () => {
  await fixture?.close()
  control.close()
})

function open(secure: boolean): Socket {
  if (!secure) return connectTcp({ host: '127.0.0.1', port: ports.http })
  return connectTls({ host: '127.0.0.1', port: ports.https, servername: 'shop.example.com', ca: authority.root, ALPNProtocols: ['http/1.1'] })
}

/** Sends bytes as they are. @returns everything that came back until the end, or until nothing came for a while after an answer */
function raw(text: string, secure: boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = open(secure)
    let answer = ''
    const end = () => {
      socket.destroy()
      resolve(answer)
    }
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk
      socket.setTimeout(150, end)
    })
    socket.on('error', end).on('close', end)
    socket.setTimeout(5_000, end)
    socket.write(Buffer.from(text, 'latin1'))
  })
}

const statuses = (answer: string) => [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
const get = (host: string, path = '/system/functions', more = '') => `GET ${path} HTTP/1.1\r\n${host}\r\n${more}\r\n`
const post = (headers: string, body: string) => `POST / HTTP/1.1\r\nHost: shop.example.com\r\n${headers}\r\n\r\n${body}`

const SMUGGLED = 'GET /system/functions HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** What must never reach a function, on either listener. */
const REFUSED: readonly (readonly [name: string, text: string, statuses: readonly number[]])[] = [
  ['a length and a transfer coding', post('Content-Length: 4\r\nTransfer-Encoding: chunked', `0\r\n\r\n${SMUGGLED}`), [400]],
  ['two lengths', post('Content-Length: 0\r\nContent-Length: 50', SMUGGLED), [400]],
  ['two lengths in one header', post('Content-Length: 0, 50', SMUGGLED), [400]],
  ['a length with a sign', post('Content-Length: +4', 'abcd'), [400]],
  ['a transfer coding that nobody knows', post('Transfer-Encoding: xchunked', SMUGGLED), [400, 501]],
  ['a transfer coding twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', SMUGGLED), [400, 501]],
  ['a space before the colon', post('Content-Length : 4', 'abcd'), [400]],
  ['a header name with an underscore', get('Host: shop.example.com', '/', 'X_Weft_Scope: a\r\n'), [400]],
  ['NUL in the path', get('Host: shop.example.com', '/a\0b'), [400]],
  ['a fragment in the path', get('Host: shop.example.com', '/a#b'), [400]],
  ['an escaped slash', get('Host: shop.example.com', '/a%2f..%2fsystem'), [400]],
  ['headers that are too large', get('Host: shop.example.com', '/', `X-Large: ${'x'.repeat(70_000)}\r\n`), [431]],
  ['too many headers', get('Host: shop.example.com', '/', Array.from({ length: 200 }, (_, n) => `X-${n}: a\r\n`).join('')), [431]],
  ['no host', get('X-No-Host: 1'), [400]],
  ['two hosts', get('Host: shop.example.com\r\nHost: localhost'), [400]],
  ['a host with user information', get('Host: a@shop.example.com'), [400]],
  ['a host with a path', get('Host: shop.example.com/system'), [400]],
  ['a host with a space', get('Host: shop.example.com localhost'), [400]],
]

describe.each([
  ['plain HTTP', false],
  ['TLS', true],
])('a stranger over %s', (_listener, secure) => {
  it.each(REFUSED)('is refused with %s', async (_name, text, expected) => {
    const answer = await raw(text, secure)
    const [status = 0, ...more] = statuses(answer)
    expect(expected).toContain(status)
    expect(more).toEqual([])
    expect(answer).not.toContain('control')
  })

  it.each([
    ['its absolute form', 'GET http://shop.example.com/system/functions HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a port that is none', get('Host: shop.example.com:99999')],
    ['a port twice', get('Host: shop.example.com:80:80')],
    ['a port without digits', get('Host: shop.example.com:')],
    ['other letters', get('Host: sHoP.eXaMpLe.CoM')],
    ['two dots at the end', get('Host: shop.example.com..')],
    ['a dot at the front', get('Host: .shop.example.com')],
  ])('has nothing of the platform on the name of a Gateway in %s', async (_name, text) => {
    const answer = await raw(text, secure)
    expect(statuses(answer)).toHaveLength(1)
    expect(answer).not.toContain('control')
  })
})
