import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, TestPlatform, until } from '@weft/test-harness'

const FILES = fileURLToPath(new URL('fixtures/istio-egress/', import.meta.url))
const HOST = 'edition.cnn.com'
/** Calls the URL of its query; of https, it says whose certificate it saw. */
const CALLER = `import http from 'node:http'
import https from 'node:https'
export default async (request) => {
  const url = new URL(request.url).searchParams.get('url')
  const seen = await new Promise((resolve) => {
    const call = (url.startsWith('https') ? https : http).get(url, { rejectUnauthorized: false, agent: false }, (response) => {
      const from = response.socket.getPeerCertificate?.().subject?.CN ?? 'plain'
      let body = ''
      response.on('data', (chunk) => (body += chunk)).on('end', () => resolve([response.statusCode, from, body].join(' ')))
    })
    call.on('error', () => resolve('failed'))
  })
  return new Response(seen)
}`

let directory: string
let platform: TestPlatform
const servers: Server[] = []

async function serve(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-e2e-egress-'))
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${HOST}`, '-days', '9']
  execFileSync('openssl', [...made, '-addext', `subjectAltName=DNS:${HOST}`, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const plain = await serve(createServer((request, response) => response.end(`plain ${request.url}`)))
  const pair = { key: await readFile(key), cert: await readFile(certificate) }
  const secure = await serve(createSecureServer(pair, (request, response) => response.end(`secure ${request.url}`)))
  platform = await TestPlatform.start({ env: { SSL_CERT_FILE: certificate }, config: 'mesh: { outboundPolicy: REGISTRY_ONLY }\n' })
  await platform.deploy('caller', CALLER)
  const entry = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'cnn' },
    spec: {
      hosts: [HOST],
      ports: [
        { number: 80, name: 'http-port', protocol: 'HTTP' },
        { number: 443, name: 'https', protocol: 'HTTPS' },
      ],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1', ports: { 'http-port': plain, https: secure } }],
    },
  }
  await platform.weftOk(['apply', '-f', '-'], JSON.stringify(entry))
}, 120_000)
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  for (const server of servers) server.closeAllConnections()
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  await rm(directory, { recursive: true, force: true })
})

const seen = async (url: string) => (await platform.call(`caller?url=${encodeURIComponent(url)}`)).text
const becomes = (url: string, expected: string) => until(`${url} is ${expected}`, async () => (await seen(url)) === expected)
const throughGateway = async () => {
  const { text } = await ask(`${platform.metrics}/metrics`)
  return text.split('\n').filter((line) => /^istio_(requests|tcp_connections_opened)_total\{/.test(line) && line.includes('source_workload="egressgateway-'))
}

/** Calls again and again until something else has its result. */
async function whileCalling<T>(url: string, result: Promise<T>): Promise<T> {
  let ended = false
  const all = result.finally(() => (ended = true))
  while (!ended) await seen(url)
  return await all
}

const deny = JSON.stringify({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'nobody', namespace: 'istio-system' },
  spec: { selector: { matchLabels: { istio: 'egressgateway' } } },
})

/** Applies a task's file, and takes it away again when `check` is through. */
async function withTask(name: string, check: () => Promise<void>): Promise<void> {
  const file = `${FILES}${name}.yaml`
  await platform.weftOk(['apply', '-f', file])
  expect(await platform.weftOk(['mesh', 'analyze'])).not.toMatch(/cnn|egressgateway/)
  try {
    await check()
  } finally {
    await platform.weftOk(['delete', '-f', file])
  }
}

describe('Istio’s tasks about the egress gateway, as they are written', () => {
  it('HTTP goes through it, under its policies', async () => {
    await becomes(`http://${HOST}/politics`, '200 plain plain /politics')
    expect(await throughGateway()).toEqual([])
    await withTask('http', async () => {
      await until('calls go through the gateway', async () => (await seen(`http://${HOST}/politics`)) !== '' && (await throughGateway()).length > 0)
      expect(await seen(`http://${HOST}/politics`)).toBe('200 plain plain /politics')
      await platform.weftOk(['apply', '-f', '-'], deny)
      await until('nobody may call', async () => (await seen(`http://${HOST}/`)).startsWith('403 '))
      await platform.weftOk(['delete', '-f', '-'], deny)
      await becomes(`http://${HOST}/`, '200 plain plain /')
      expect(await seen('http://www.example.com/')).toMatch(/^502 |failed/)
      const graph = await whileCalling(`http://${HOST}/`, platform.weftOk(['mesh', 'graph', '--window', '1s', '-o', 'json']))
      expect(JSON.parse(graph)).toMatchObject({
        edges: expect.arrayContaining([expect.objectContaining({ to: 'weft-system/egressgateway-80', lock: 'all' })]),
      })
    })
  })

  it('HTTPS of the function goes through it as it is', async () => {
    await becomes(`https://${HOST}/politics`, `200 ${HOST} secure /politics`)
    await withTask('https', async () => {
      await until('connections are under its policies', async () => {
        await platform.weftOk(['apply', '-f', '-'], deny)
        return (await seen(`https://${HOST}/`)) === 'failed'
      })
      await platform.weftOk(['delete', '-f', '-'], deny)
      await becomes(`https://${HOST}/politics`, `200 ${HOST} secure /politics`)
    })
  })

  it('TLS begins at it', async () => {
    await withTask('tls-origination', () => becomes(`http://${HOST}/politics`, '200 plain secure /politics').then(() => undefined))
    await becomes(`http://${HOST}/politics`, '200 plain plain /politics')
  })
})
