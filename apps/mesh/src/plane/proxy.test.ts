import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { silentLog } from '@weft/kit'
import { LastGood } from '../credentials/last-good.ts'
import { identitySecret, TRUST_SECRET, TYPE_URLS } from '../encode/names.ts'
import { host, snapshot, workload } from '../encode/testing/model.ts'
import { eventually } from '../testing/fixture.ts'
import { nodeLayout } from '../testing/layout.ts'
import type { Connection } from '../xds/node.ts'
import type { CertificateSource } from './ports.ts'
import { Proxy } from './proxy.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-proxy-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A certificate authority of which each answer waits until the test gives it. */
function slowAuthority() {
  const waiting: ((serial: string) => void)[] = []
  const issue: CertificateSource['issue'] = () =>
    new Promise((resolve) => {
      waiting.push((serial) => resolve({ certificateChain: serial, privateKey: 'key', serial, notBefore: 0, notAfter: 1, rotatesAt: 1 }))
    })
  const unused = () => Promise.reject(new Error('not asked'))
  const certificates: CertificateSource = {
    issue,
    bundle: () => 'roots',
    certificates: () => [],
    onRotated: () => () => undefined,
    pending: undefined,
    announce: unused,
    promote: unused,
    rotateNow: unused,
    close: unused,
  }
  return { waiting, certificates }
}

/** A proxy with one workload, which asks for its certificate and the roots. */
function proxyWith(certificates: CertificateSource): Proxy {
  const layout = nodeLayout({ node: 'node-1', runDirectory: directory, gatewaySocket: 'g', accessLogFile: 'a' })
  const sockets = { xdsSocket: 'x', activatorSocket: 'y' }
  const proxy = new Proxy({ layout, ...sockets, concurrency: 1, maxConnections: 1, startTimeoutMs: 1, certificates, log: silentLog(), now: () => 0 })
  const stream = { namedSubscriptions: () => new Set([OWN, TRUST_SECRET]), changed: () => undefined, hasten: () => undefined, flush: () => [] }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as much of a connection as is asked
  proxy.state.connections.add({ stream, connectedAt: 0, send: () => undefined } as unknown as Connection)
  proxy.publish(
    {
      snapshot: snapshot([workload('temp')], [host('temp')]),
      layouts: new Map([['node-1', layout]]),
      replicas: new Map(),
      keys: new Map(),
      files: new Map(),
      lastGood: new LastGood({ now: Date.now, log: silentLog() }),
    },
    'everything',
  )
  return proxy
}

const OWN = identitySecret('default', 'temp')
const secretOf = (proxy: Proxy, name: string) => Buffer.from(proxy.state.current(TYPE_URLS.secret, name)?.bytes ?? []).toString('latin1')

describe('certificates of a proxy', () => {
  it('that are renewed while they are being made for the first time are made once more', async () => {
    const { waiting, certificates } = slowAuthority()
    const proxy = proxyWith(certificates)
    expect(waiting).toHaveLength(1)
    const renewed = proxy.renewSecrets()
    waiting[0]?.('old')
    await eventually(() => (waiting.length === 2 ? true : undefined), 2_000)
    waiting[1]?.('new')
    await renewed
    expect(secretOf(proxy, OWN)).toContain('new')
  })

  it('are checked against the last roots that there were, when none is left', async () => {
    const { waiting, certificates } = slowAuthority()
    let bundle = 'roots'
    const proxy = proxyWith({ ...certificates, bundle: () => bundle })
    await eventually(() => (secretOf(proxy, TRUST_SECRET).includes('roots') ? true : undefined))
    bundle = ''
    const renewed = proxy.renewSecrets()
    waiting[0]?.('old')
    await eventually(() => (waiting.length === 2 ? true : undefined), 2_000)
    waiting[1]?.('new')
    await renewed
    expect(secretOf(proxy, TRUST_SECRET)).toContain('roots')
  })
})
