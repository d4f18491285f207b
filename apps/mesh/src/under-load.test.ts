import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { Issuer } from './encode/testing/tokens.ts'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'
import { meanwhile } from './testing/load.ts'

let fixture: Fixture
const issuer = new Issuer('somebody')

const workload = (name: string) => ({ namespace: 'default', name: `${name}-v1` })

let deployments = 0

/** @returns its name: each has its own, since a test that is tried again finds what it left behind */
async function deployed(prefix: string): Promise<string> {
  deployments += 1
  const name = `${prefix}-${deployments}`
  await fixture.mesh.settled(await fixture.deploy(name), 5_000)
  return name
}

const refTo = ({ apiVersion, kind, metadata }: Resource) => ({ group: apiVersion.split('/')[0] ?? '', kind, namespace: 'default', name: metadata.name })

/** Every kind of rule that a calm function can have without a call of its caller being touched. */
function rulesFor(name: string): readonly Resource[] {
  const selector = { matchLabels: { app: name } }
  const ingress = { source: { principals: ['cluster.local/ns/weft-system/sa/ingress'] } }
  const security = (kind: string, part: string, spec: object): Resource => ({
    apiVersion: 'security.istio.io/v1',
    kind,
    metadata: { name: `${name}-${part}`, namespace: 'default' },
    spec: { selector, ...spec },
  })
  const networking = (kind: string, spec: object): Resource => ({ apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: 'default' }, spec })
  return [
    security('AuthorizationPolicy', 'allow', { action: 'ALLOW', rules: [{ from: [ingress] }] }),
    security('AuthorizationPolicy', 'deny', { action: 'DENY', rules: [{ to: [{ operation: { paths: ['/closed'] } }] }] }),
    security('PeerAuthentication', 'strict', { mtls: { mode: 'STRICT' } }),
    security('RequestAuthentication', 'tokens', { jwtRules: [{ issuer: issuer.name, jwks: issuer.jwks }] }),
    networking('DestinationRule', {
      host: name,
      trafficPolicy: { connectionPool: { http: { http2MaxRequests: 500 } }, outlierDetection: { interval: '30s' } },
    }),
    networking('VirtualService', {
      hosts: [name],
      http: [{ timeout: '10s', headers: { response: { set: { 'x-governed': 'yes' } } }, route: [{ destination: { host: name } }] }],
    }),
  ]
}

describe.each([1, 2])('under load no call fails, with %i Envoys', (proxies) => {
  beforeAll(async () => {
    fixture = await startFixture({ proxies })
  })
  afterAll(async () => {
    await fixture.close()
  })

  it('while certificates are rotated 20 times', async () => {
    const rotating = await deployed('rotating')
    await fixture.mesh.setReplicas(workload(rotating), [await fixture.replica(rotating)])
    const outcomes = await meanwhile(fixture, rotating, async () => {
      for (let count = 0; count < 20; count += 1) {
        const before = (await fixture.mesh.certificates()).find(({ identity }) => identity.endsWith(`/${rotating}`))?.serial
        await fixture.mesh.rotate()
        await eventually(async () => {
          const after = (await fixture.mesh.certificates()).find(({ identity }) => identity.endsWith(`/${rotating}`))?.serial
          return after === before ? undefined : true
        })
      }
    })
    expect(outcomes).toEqual(['200'])
  })

  it('while replicas go to zero and come back 25 times', async () => {
    const flipping = await deployed('flipping')
    const outcomes = await meanwhile(fixture, flipping, async (answered) => {
      for (let count = 0; count < 25; count += 1) {
        await fixture.mesh.setReplicas(workload(flipping), [])
        const before = answered()
        await eventually(() => (answered() > before + 20 ? true : undefined))
      }
    })
    expect(fixture.woken.filter((name) => name === workload(flipping).name).length).toBeGreaterThanOrEqual(25)
    expect(outcomes).toEqual(['200'])
  })

  it('while its policies, routes and settings come, change and go, 5 times each', async () => {
    const governed = await deployed('governed')
    await fixture.mesh.setReplicas(workload(governed), [await fixture.replica(governed)])
    const outcomes = await meanwhile(fixture, governed, async (answered) => {
      for (let round = 0; round < 5; round += 1) {
        for (const resource of rulesFor(governed)) {
          const { metadata } = round % 2 === 0 ? await fixture.store.create(resource) : await fixture.store.remove(refTo(resource))
          expect(await fixture.mesh.settled(metadata.resourceVersion ?? '', 5_000)).toMatchObject({ complete: true })
          const before = answered()
          await eventually(() => (answered() > before + 5 ? true : undefined))
        }
      }
    })
    expect(outcomes).toEqual(['200'])
    // They are not calls that nobody looked at: what is in force now are the rules of the last round.
    expect([(await fixture.call(`/function/${governed}/closed`)).status, (await fixture.call(`/function/${governed}`)).headers['x-governed']]).toEqual([
      403,
      'yes',
    ])
  })

  it('while 25 other functions come and go', async () => {
    const steady = await deployed('steady')
    await fixture.mesh.setReplicas(workload(steady), [await fixture.replica(steady)])
    const outcomes = await meanwhile(fixture, steady, async () => {
      for (let count = 0; count < 25; count += 1) {
        const passing = await deployed('passing')
        await fixture.store.remove({ group: 'weft.dev', kind: 'Revision', ...workload(passing) })
        const { metadata } = await fixture.store.remove({ group: 'weft.dev', kind: 'Function', namespace: 'default', name: passing })
        await fixture.mesh.settled(metadata.resourceVersion ?? '', 2_000)
      }
    })
    expect(outcomes).toEqual(['200'])
  })
})
