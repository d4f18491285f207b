import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { PolicyRule, StringMatch, WorkloadPolicy } from '@weft/mesh-model'
import { host, snapshot, workload } from './testing/model.ts'
import { World } from './testing/world.ts'

const is = (value: string): StringMatch => ({ kind: 'exact', value })
const rule = (rest: Partial<PolicyRule>): PolicyRule => ({
  policy: { group: 'security.istio.io', kind: 'AuthorizationPolicy', namespace: 'default', name: 'p' },
  index: 0,
  sources: [],
  operations: [],
  ...rest,
})
const LOOPBACK = [{ address: '127.0.0.0', bits: 8 }]
const allow = (rest: Partial<PolicyRule>): WorkloadPolicy => ({ deny: [], allow: [rule(rest)] })
const deny = (rest: Partial<PolicyRule>): WorkloadPolicy => ({ deny: [rule(rest)], allow: undefined })

const POLICIES: Readonly<Record<string, WorkloadPolicy>> = {
  local: allow({ sources: [{ remoteIpBlocks: LOOPBACK }] }),
  elsewhere: allow({ sources: [{ ipBlocks: [{ address: '203.0.113.0', bits: 24 }] }] }),
  named: allow({ operations: [{ hosts: [is('named.default.svc.cluster.local')] }] }),
  unnamed: deny({ operations: [{ hosts: [is('unnamed.default')] }] }),
  audited: { deny: [], allow: undefined, audit: [rule({ operations: [{ paths: [is('/audited')] }] })] },
  tried: { deny: [], allow: undefined, dryRun: { deny: [rule({ operations: [{ paths: [is('/tried')] }] })], allow: [] } },
  caller: allow({}),
}

let world: World

const start = async (path: 'direct' | 'encrypted') => {
  const all = Object.entries(POLICIES).map(([name, policy]) => workload(name, { policy }))
  return World.start(
    snapshot(
      all,
      Object.keys(POLICIES).map((name) => host(name)),
      { path },
    ),
    async (starting) => {
      for (const { key } of all) await starting.addReplica(key)
    },
  )
}

const deadline = async <T>(ask: () => Promise<T | undefined>): Promise<T> => {
  const end = Date.now() + 15_000
  for (;;) {
    const value = await ask()
    if (value !== undefined) return value
    if (Date.now() > end) throw new Error('did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.each(['encrypted', 'direct'] as const)('policies on the %s path', (path) => {
  beforeAll(async () => {
    world = await start(path)
    await deadline(async () => ((await world.get('/function/caller/')).status === 200 ? true : undefined))
  })
  afterAll(() => world?.stop())

  it('are taken by Envoy as they are', () => expect(world.plane.refused).toEqual([]))

  it('know the address of a client outside, and believe no header about it', async () => {
    const forged = { 'x-forwarded-for': '203.0.113.7', 'x-weft-client': '203.0.113.7', 'x-envoy-external-address': '203.0.113.7' }
    expect((await world.get('/function/local/', { headers: forged })).status).toBe(200)
    expect((await world.get('/function/elsewhere/', { headers: forged })).status).toBe(403)
    const seen = (await world.get('/function/local/', { headers: forged })).json().headers
    expect(Object.keys(seen).filter((name) => name.startsWith('x-weft'))).toEqual([])
  })

  it('know no address of a function that calls, whatever it says', async () => {
    const forged = { 'x-forwarded-for': '127.0.0.1', 'x-weft-client': '127.0.0.1' }
    expect((await world.from('default/caller-1', 'http://local/', { headers: forged })).status).toBe(403)
  })

  it.each(['temp', '127.0.0.1:8080', 'unnamed.default', 'evil'])(
    'see the name of the function behind the ingress, not the %s that a client wrote',
    async (written) => {
      const named = await world.get('/function/named/', { headers: { host: written } })
      expect(named.status).toBe(200)
      expect(named.json().headers).toMatchObject({ host: 'named.default.svc.cluster.local', 'x-forwarded-host': written })
    },
  )

  it.each(['unnamed.default', 'UNNAMED.default', 'unnamed.default.', 'unnamed.default.:8080'])('deny %s by any spelling of the host', async (written) => {
    expect((await world.from('default/caller-1', `http://unnamed.default/`, { headers: { host: written } })).status).toBe(403)
  })

  it('only mark calls in the access log where they audit or are tried out', async () => {
    const marks: readonly (readonly [string, string, RegExp])[] = [
      ['audited', '/audited', /"audit":"[^"]*p\/0#0"/],
      ['tried', '/tried', /"wouldDeny":"[^"]*p\/0#0"/],
      ['tried', '/other', /"dryRunAllow":"denied"/],
    ]
    for (const [name, asked] of marks) expect((await world.get(`/function/${name}${asked}`)).status).toBe(200)
    for (const [, asked, mark] of marks) {
      const line = await deadline(async () => {
        const lines = readFileSync(world.layout.accessLogFile, 'utf8').split('\n')
        return lines.find((each) => each.includes('"inbound"') && each.includes(`"path":"${asked}"`))
      })
      expect(line).toMatch(mark)
    }
  }, 30_000)
})
