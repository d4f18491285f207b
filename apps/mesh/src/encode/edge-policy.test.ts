import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { PolicyRule, SourceMatch, WorkloadPolicy } from '@weft/mesh-model'
import { host, snapshot, workload } from './testing/model.ts'
import { bearer, Issuer } from './testing/tokens.ts'
import { World } from './testing/world.ts'

const idp = new Issuer('https://idp.example')
const anyToken = { issuer: { kind: 'present' }, subject: { kind: 'present' } } as const
const below = (value: string) => [{ paths: [{ kind: 'prefix', value } as const] }]
const rule = (sources: readonly SourceMatch[], operations: PolicyRule['operations'] = []): PolicyRule => ({
  policy: { group: 'security.istio.io', kind: 'AuthorizationPolicy', namespace: 'weft-system', name: 'edge' },
  index: 0,
  sources,
  operations,
})
const loopback = { ipBlocks: [{ address: '127.0.0.0', bits: 8 }] }
const elsewhere = { ipBlocks: [{ address: '203.0.113.0', bits: 24 }] }

let world: World
const temp = workload('temp')
const inForce = (policy: WorkloadPolicy | undefined) =>
  world.apply(snapshot([temp], [host('temp')], policy === undefined ? {} : { ingressAuthentication: { rules: [idp.rule()], policy } }))
const status = async (path: string, headers: Readonly<Record<string, string>> = {}) => (await world.get(path, { headers })).status

beforeAll(async () => {
  world = await World.start(snapshot([temp], [host('temp')]), async (starting) => void (await starting.addReplica(temp.key)))
})
afterAll(() => world?.stop())

describe('a policy that selects the ingress', () => {
  it.each<[string, WorkloadPolicy, string, Readonly<Record<string, string>>, number]>([
    ['takes calls that nothing is said about', { deny: [], allow: undefined }, '/function/temp/a', {}, 200],
    ['denies calls without a token', { deny: [rule([{ notRequestPrincipals: [anyToken] }])], allow: undefined }, '/function/temp/a', {}, 403],
    ['takes those with one', { deny: [rule([{ notRequestPrincipals: [anyToken] }])], allow: undefined }, '/function/temp/a', bearer(idp.token()), 200],
    ['denies by the path that the client asked for', { deny: [rule([], below('/function/temp/admin'))], allow: undefined }, '/function/temp/admin/x', {}, 403],
    [
      'is not got around by another way to write it',
      { deny: [rule([], below('/function/temp/admin'))], allow: undefined },
      '/function//temp/x/../admin/x',
      {},
      403,
    ],
    ['leaves other paths', { deny: [rule([], below('/function/temp/admin'))], allow: undefined }, '/function/temp/a', {}, 200],
    ['allows by address', { deny: [], allow: [rule([loopback])] }, '/function/temp/a', {}, 200],
    ['refuses another address', { deny: [], allow: [rule([elsewhere])] }, '/function/temp/a', {}, 403],
    ['believes no address that the client tells', { deny: [], allow: [rule([elsewhere])] }, '/function/temp/a', { 'x-forwarded-for': '203.0.113.7' }, 403],
    ['allows nothing when it has no rules', { deny: [], allow: [] }, '/function/temp/a', {}, 403],
    ['denies when it is not understood', { deny: [], allow: undefined, broken: { policy: rule([]).policy, reason: 'x' } }, '/function/temp/a', {}, 403],
    ['refuses what its ALLOW rules do not name, known or not', { deny: [], allow: [] }, '/function/nobody', {}, 403],
    ['leaves the control API to itself', { deny: [], allow: [] }, '/system/functions', {}, 503],
    ['decides nothing on trial', { deny: [], allow: undefined, dryRun: { deny: [rule([])], allow: [] } }, '/function/temp/a', {}, 200],
  ])('%s', async (_name, policy, path, headers, expected) => {
    await inForce(policy)
    expect(await status(path, headers)).toBe(expected)
    expect(world.plane.refused).toEqual([])
  })

  it('knows the port that was connected to', async () => {
    await inForce({ deny: [rule([], [{ ports: [world.port] }])], allow: undefined })
    expect(await status('/function/temp/a')).toBe(403)
    await inForce({ deny: [rule([], [{ ports: [world.port === 8080 ? 80 : 8080] }])], allow: undefined })
    expect(await status('/function/temp/a')).toBe(200)
  })

  it('goes again, without a new listener', async () => {
    await inForce({ deny: [], allow: [] })
    expect(await status('/function/temp/a')).toBe(403)
    await inForce(undefined)
    expect(await status('/function/temp/a')).toBe(200)
    expect((await world.envoy.admin('/stats?filter=listener_manager.listener_modified')).trim()).toBe('listener_manager.listener_modified: 0')
  })
})
