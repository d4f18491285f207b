import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, TestPlatform, until } from '@weft/test-harness'

const run = promisify(execFile)
const ANSWER = /^Temperature measured: \d+ degrees\. Action: (De|In)creasing!(\. Humidity: \d+%)?$/

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start({ isolation: 'required', args: ['--apply', 'functions/cold-room'] })
  await until('the first answer of control', async () => (await platform.call('control')).status === 200)
  await until('the split is in force', async () => platform.output.includes('control is ready'))
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

/** The replicas of a function that are there now, by the platform's own word. */
async function replicas(name: string): Promise<number> {
  const status = JSON.parse((await platform.api('GET', `/system/function/${name}`)).text) as { replicas?: number; availableReplicas?: number }
  return status.availableReplicas ?? 0
}

async function toZero(name: string): Promise<void> {
  await platform.api('POST', `/system/scale-function/${name}`, { serviceName: name, replicas: 0 })
  await until(`${name} at zero`, async () => (await replicas(name)) === 0)
}

/** Path of the inbound listener of a function's newest workload. */
async function inbound(name: string): Promise<string> {
  const text = (await platform.api('GET', `/apis/mesh.weft.dev/v1alpha1/config/${name}.default`)).text
  const path = /"path":\s*"([^"]*\/m\/i\/[^"]*)"/.exec(text)?.[1]
  if (path === undefined) throw new Error(`no inbound listener of ${name}: ${text.slice(0, 500)}`)
  return path
}

describe('the cold room', () => {
  it('sends one call in ten to the second sensor, within four standard deviations over 5,000 calls', async () => {
    const calls = 5_000
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    let humid = 0
    let started = 0
    const worker = async () => {
      while (started < calls) {
        started += 1
        const { status, text } = await ask(`${platform.gateway}/function/control`, { agent })
        expect([status, ANSWER.test(text)]).toEqual([200, true])
        if (text.includes('Humidity')) humid += 1
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    agent.destroy()
    const deviation = Math.sqrt(calls * 0.1 * 0.9)
    expect(Math.abs(humid - calls * 0.1)).toBeLessThan(4 * deviation)
  }, 240_000)

  it('keeps the thermostat from the ingress and from other functions, but not its health', async () => {
    expect((await platform.call('thermostat', { body: 'temp=10' })).status).toBe(403)
    expect((await platform.call('thermostat/healthz')).status).toBe(200)
    const intruder = join(platform.dataDir, 'intruder.mjs')
    await writeFile(
      intruder,
      `export default async (request) => {
         const headers = { 'x-forwarded-client-cert': 'By=x;URI=spiffe://cluster.local/ns/default/sa/control', 'x-weft-workload': 'default/control-00001' }
         const answer = await fetch('http://thermostat.default:8080/', { method: 'POST', headers, body: new URLSearchParams({ temp: '10' }) })
         return new Response(String(answer.status))
       }`,
    )
    await platform.weftOk(['deploy', 'intruder', '--from-file', intruder, '--runtime', 'fetch'])
    expect((await platform.call('intruder')).text).toBe('403')
  }, 60_000)

  it('lets nobody who may not call wake the thermostat, and answers control from zero', async () => {
    await toZero('thermostat')
    expect((await platform.call('thermostat', { body: 'temp=10' })).status).toBe(403)
    expect(
      (await platform.call('thermostat', { body: 'temp=10', headers: { 'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/default/sa/control' } }))
        .status,
    ).toBe(403)
    expect((await platform.call('intruder')).text).toBe('403')
    expect((await platform.call('thermostat/_weft/probe')).status).toBe(403)
    await expect(handshake(await inbound('thermostat'), await foreignCertificate())).rejects.toThrow()
    expect(await replicas('thermostat')).toBe(0)
    const { status, text } = await platform.call('control')
    expect([status, ANSWER.test(text)]).toEqual([200, true])
    await until('the replica is counted', async () => (await replicas('thermostat')) === 1)
  }, 60_000)

  it('shows its SPIFFE ID to openssl and refuses a caller without a certificate', async () => {
    const path = await inbound('thermostat')
    const { stdout } = spawnSync('openssl', ['s_client', '-unix', path, '-showcerts'], { input: '', encoding: 'utf8' })
    const pem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(stdout)?.[0] ?? ''
    const text = spawnSync('openssl', ['x509', '-noout', '-ext', 'subjectAltName'], { input: pem, encoding: 'utf8' }).stdout
    expect(text).toContain('URI:spiffe://cluster.local/ns/default/sa/thermostat')
    await expect(handshake(path, {})).rejects.toThrow(/CERTIFICATE_REQUIRED|certificate required/i)
  })

  it('writes TLS 1.3 and both identities of every hop to the access log', async () => {
    await platform.call('control')
    const entries = await until('the access log', async () => {
      const lines = (await readFile(join(platform.dataDir, 'logs', 'access.log'), 'utf8')).trim().split('\n')
      const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((entry) => entry['hop'] === 'inbound' && entry['code'] === 200)
      return parsed.some((entry) => String(entry['local']).endsWith('/sa/thermostat')) && parsed
    })
    for (const entry of entries) {
      expect(entry['tls']).toBe('TLSv1.3')
      expect(String(entry['peer'])).toMatch(/^spiffe:\/\/cluster\.local\/ns\/[^/]+\/sa\//)
      expect(String(entry['local'])).toMatch(/^spiffe:\/\/cluster\.local\/ns\/default\/sa\//)
    }
    const pairs = entries.map((entry) => `${String(entry['peer']).split('/').at(-1)}>${String(entry['local']).split('/').at(-1)}`)
    expect(pairs).toEqual(expect.arrayContaining(['ingress>control', 'control>thermostat']))
  })

  it('tells the callee who called, in X-Forwarded-Client-Cert alone from the verified peer', async () => {
    const source = join(platform.dataDir, 'headers.mjs')
    await writeFile(source, 'export default (request) => Response.json(Object.fromEntries(request.headers))\n')
    await platform.weftOk(['deploy', 'headers', '--from-file', source, '--runtime', 'fetch'])
    const { text } = await platform.call('headers', { headers: { 'x-forwarded-client-cert': 'URI=spiffe://evil' } })
    const { 'x-forwarded-client-cert': certificate } = JSON.parse(text) as Record<string, string>
    expect(certificate).toMatch(/By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/headers/)
    expect(certificate).toMatch(/Hash=[0-9a-f]{64}/)
    expect(certificate).toMatch(/Subject="?/)
    expect(certificate).toMatch(/URI=spiffe:\/\/cluster\.local\/ns\/weft-system\/sa\/ingress/)
    expect(certificate).not.toContain('evil')
  }, 60_000)

  it('finds everything as it was after a restart, and cleans up after a kill', async () => {
    const before = (await platform.weftOk(['get', 'functions', '-o', 'name'])).trim().split('\n')
    await platform.stop('SIGKILL')
    const again = await TestPlatform.start({ isolation: 'required', dataDir: platform.dataDir })
    try {
      await until('control answers again', async () => ANSWER.test((await again.call('control')).text))
      expect((await again.weftOk(['get', 'functions', '-o', 'name'])).trim().split('\n')).toEqual(before)
      expect((await again.call('thermostat', { body: 'temp=10' })).status).toBe(403)
    } finally {
      expect(await again.stop()).toBe(0)
    }
  }, 120_000)
})

/** A certificate for control's identity, but by another authority. */
async function foreignCertificate(): Promise<ConnectionOptions> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-foreign-'))
  const [key, cert] = [join(directory, 'key'), join(directory, 'cert')]
  const san = 'subjectAltName=URI:spiffe://cluster.local/ns/default/sa/control'
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/',
    '-addext',
    san,
    '-keyout',
    key,
    '-out',
    cert,
  ])
  const options = { key: await readFile(key), cert: await readFile(cert) }
  await rm(directory, { recursive: true })
  return options
}

/** Shakes hands with an inbound listener and asks for something: TLS 1.3 tells a refused certificate only after the handshake. */
function handshake(path: string, options: ConnectionOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...options })
    socket.on('error', reject)
    const session = connectHttp2('https://thermostat', { createConnection: () => socket })
    session.on('error', reject)
    const call = session.request({ ':method': 'GET', ':path': '/' })
    call.on('error', reject)
    call.on('response', (headers) => {
      resolve(Number(headers[':status']))
      session.close()
    })
    call.end()
  })
}
