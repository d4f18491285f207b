import { describe, expect, it } from '@jest/globals'
import type { AuthorizationAnswer, HostDescription } from '@weft/mesh-model'
import { cli, testGateway } from '../testing/world.ts'

const BASE = '/apis/mesh.weft.dev/v1alpha1'
const check = { workload: 'default/temp-v1', revision: 'v1', allowing: [], principal: 'spiffe://cluster.local/ns/default/sa/a' }
const refused: AuthorizationAnswer = {
  host: 'default/temp',
  allowed: false,
  callerKnown: false,
  checks: [{ ...check, allowed: false, because: 'no-rule-matches', sentence: 'default/a may not GET / of default/temp-v1: no rule allows it' }],
}
const description: HostDescription = {
  host: 'default/temp',
  fqdn: 'temp.default.svc.cluster.local',
  ports: [80, 8080],
  isPrivate: true,
  names: [{ name: 'https://temp.example.com', port: 8443, gateway: { group: 'networking.istio.io', kind: 'Gateway', namespace: 'default', name: 'web' } }],
  routes: [
    {
      name: 'default',
      when: 'Every call',
      shares: [
        { percent: 90, workload: 'default/temp-v1' },
        { percent: 10, missing: 'no subset v2' },
      ],
      also: ['at most 2000 ms'],
      origin: { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'default', name: 'split' },
    },
  ],
  workloads: [
    {
      workload: 'default/temp-v1',
      function: 'temp',
      revision: 'v1',
      identity: 'spiffe://cluster.local/ns/default/sa/temp',
      mtls: 'strict',
      mtlsText: 'mutual TLS only',
      callers: ['Everybody: no AuthorizationPolicy selects it'],
      tokens: ['Tokens of https://idp.example, with keys that are written down (RequestAuthentication default/jwt)'],
      fromOutside: true,
      policies: [],
    },
  ],
  findings: [],
}

describe('weft mesh authz check', () => {
  it('asks with what it was given, prints each answer, and fails when one is refused', async () => {
    await using gateway = await testGateway({ [`GET ${BASE}/authorization/temp.default`]: [200, refused] })
    const outcome = await cli(['mesh', 'authz', 'check', '--from', 'a', '--to', 'temp', '--method', 'POST', '--path', '/x y'], { gateway })
    expect(outcome).toEqual({
      code: 1,
      err: '',
      out: 'REFUSED  default/a may not GET / of default/temp-v1: no rule allows it\nNothing named a is deployed: this is for the identity that it would have.\n',
    })
    expect(gateway.seen[0]?.path).toBe(`${BASE}/authorization/temp.default?from=a&method=POST&path=%2Fx+y`)
  })

  it('is done when the call is allowed, and gives JSON', async () => {
    const allowed = { ...refused, allowed: true, callerKnown: true }
    await using gateway = await testGateway({ [`GET ${BASE}/authorization/temp.ns`]: [200, allowed] })
    const outcome = await cli(['mesh', 'authz', 'check', '--to', 'temp.ns', '-o', 'json'], { gateway })
    expect([outcome.code, JSON.parse(outcome.out)]).toEqual([0, allowed])
  })

  it('asks for a call with headers and from an address', async () => {
    await using gateway = await testGateway({ [`GET ${BASE}/authorization/temp.default`]: [200, refused] })
    await cli(['mesh', 'authz', 'check', '--to', 'temp', '-H', 'X-A: 1', '--header', 'x-a=2', '--address', '192.0.2.7'], { gateway })
    const asked = new URL(gateway.seen[0]?.path ?? '', 'http://x').searchParams
    expect([JSON.parse(asked.get('headers') ?? ''), asked.get('address')]).toEqual([{ 'x-a': ['1', '2'] }, '192.0.2.7'])
  })

  it.each<[string, readonly string[], unknown]>([
    ['a request principal', ['--request-principal', 'https://idp.example/a/jason'], { iss: 'https://idp.example/a', sub: 'jason' }],
    ['claims', ['--jwt-claims', '{"iss":"i","groups":["a"]}'], { iss: 'i', groups: ['a'] }],
    ['both', ['--request-principal', 'i/s', '--jwt-claims', '{"aud":"x"}'], { iss: 'i', sub: 's', aud: 'x' }],
  ])('asks for a call with a token by %s', async (_name, options, claims) => {
    await using gateway = await testGateway({ [`GET ${BASE}/authorization/temp.default`]: [200, refused] })
    await cli(['mesh', 'authz', 'check', '--to', 'temp', ...options], { gateway })
    const asked = new URL(gateway.seen[0]?.path ?? '', 'http://x').searchParams.get('claims')
    expect(JSON.parse(asked ?? '')).toEqual(claims)
  })

  it.each([
    ['--request-principal', 'jason'],
    ['--request-principal', '/jason'],
    ['--jwt-claims', 'x'],
    ['--jwt-claims', '[]'],
  ])('refuses %s %s', async (option, value) => {
    expect(await cli(['mesh', 'authz', 'check', '--to', 'temp', option, value])).toMatchObject({ code: 2, err: expect.stringContaining(option) })
  })

  it('needs to know who is called', async () => {
    expect(await cli(['mesh', 'authz', 'check', '--from', 'a'])).toMatchObject({ code: 2, err: expect.stringContaining('--to') })
  })
})

describe('weft mesh describe', () => {
  it('tells of a host in words', async () => {
    await using gateway = await testGateway({ [`GET ${BASE}/description/temp.default`]: [200, description] })
    const { code, out } = await cli(['mesh', 'describe', 'temp'], { gateway })
    expect(code).toBe(0)
    expect(out).toContain('Every call: 90 % to default/temp-v1, 10 % answered 503 (no subset v2) (at most 2000 ms); because of VirtualService default/split')
    expect(out).toContain('Everybody: no AuthorizationPolicy selects it')
    expect(out).toContain('on port 80 and 8080, private to the mesh')
    expect(out).toContain('    Tokens of https://idp.example, with keys that are written down (RequestAuthentication default/jwt)\n')
    expect(out).toContain('the ingress can call it')
  })

  it('says when there is no such host', async () => {
    await using gateway = await testGateway({})
    expect(await cli(['mesh', 'describe', 'nope'], { gateway })).toMatchObject({ code: 2, err: expect.stringContaining('there is no such thing') })
  })
})
