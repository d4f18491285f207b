import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { aFunction, aPolicy, aRequestAuthentication, aRevision, compiled, newCompiler, reasonsOf, removed, set } from '../../test/resources.ts'
import { keySourcesOf, outputHeadersOf } from '../authentication.ts'

const KEYS = JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) }] })
const base = [aFunction('temp', { traffic: { v1: 100 } }), aRevision('temp', 'v1')]
const of = (issuer: string, more: object = {}) => ({ issuer, jwks: KEYS, ...more })
const app = { matchLabels: { app: 'temp' } }
const gateway = { matchLabels: { istio: 'ingressgateway' } }
const temp = (...resources: readonly Resource[]) => compiled(...base, ...resources).workloads.get('default/temp-v1')
const issuers = (...resources: readonly Resource[]) => temp(...resources)?.authentication?.map(({ issuer }) => issuer)

describe('the tokens that a workload verifies', () => {
  it('are those of every RequestAuthentication that selects it, the oldest first', () => {
    expect(
      issuers(
        aRequestAuthentication('mine', { selector: app, jwtRules: [of('a'), of('b')] }, { created: '2026-01-03T00:00:00Z' }),
        aRequestAuthentication('all', { jwtRules: [of('c')] }, { created: '2026-01-02T00:00:00Z' }),
        aRequestAuthentication('mesh', { jwtRules: [of('d')] }, { namespace: 'weft-system' }),
        aRequestAuthentication('mesh-some', { selector: app, jwtRules: [of('e')] }, { namespace: 'weft-system', created: '2026-01-04T00:00:00Z' }),
        aRequestAuthentication('other', { selector: { matchLabels: { app: 'x' } }, jwtRules: [of('f')] }),
        aRequestAuthentication('elsewhere', { jwtRules: [of('g')] }, { namespace: 'team' }),
        aRequestAuthentication('nothing', { selector: app }),
      ),
    ).toEqual(['d', 'c', 'a', 'b', 'e'])
  })

  it('are none where nothing selects it, and again when the last has gone', () => {
    expect(temp()).not.toHaveProperty('authentication')
    const compiler = newCompiler()
    const one = aRequestAuthentication('mine', { selector: app, jwtRules: [of('a')] })
    compiler.apply([...base, one].map(set))
    expect(compiler.snapshot.workloads.get('default/temp-v1')?.authentication).toHaveLength(1)
    compiler.apply([removed(one)])
    expect(compiler.snapshot.workloads.get('default/temp-v1')).not.toHaveProperty('authentication')
  })

  it('are read whole', () => {
    const rule = {
      issuer: 'https://idp.example',
      jwksUri: 'https://idp.example/keys',
      audiences: ['a'],
      fromHeaders: [{ name: 'x-a', prefix: 'A ' }, { name: 'x-b' }],
      fromParams: ['p'],
      fromCookies: ['c'],
      outputPayloadToHeader: 'X-Payload',
      outputClaimToHeaders: [{ header: 'X-Sub', claim: 'sub' }],
      forwardOriginalToken: true,
      timeout: '2s',
      spaceDelimitedClaims: ['roles'],
    }
    const [read] = temp(aRequestAuthentication('all', { jwtRules: [rule] }))?.authentication ?? []
    expect(read).toEqual({
      origin: { group: 'security.istio.io', kind: 'RequestAuthentication', namespace: 'default', name: 'all' },
      issuer: 'https://idp.example',
      audiences: ['a'],
      keys: { kind: 'fetched', source: { url: 'https://idp.example/keys', discovery: false, timeoutMs: 2000 } },
      fromHeaders: [
        { name: 'x-a', prefix: 'A ' },
        { name: 'x-b', prefix: '' },
      ],
      fromParams: ['p'],
      fromCookies: ['c'],
      payloadHeader: 'x-payload',
      claimHeaders: [{ header: 'x-sub', claim: 'sub' }],
      forward: true,
      listClaims: ['permission', 'roles', 'scope'],
    })
    expect(outputHeadersOf(read === undefined ? [] : [read])).toEqual(['x-payload', 'x-sub'])
  })

  it('have keys at their issuer when no place is written, and one source when several rules name it', () => {
    const rules = [{ issuer: 'https://idp.example' }, { issuer: 'https://idp.example', audiences: ['x'] }, { issuer: 'a', jwks_uri: 'http://a.example/k' }]
    expect(keySourcesOf(temp(aRequestAuthentication('all', { jwtRules: rules }))?.authentication ?? [])).toEqual([
      { url: 'https://idp.example', discovery: true, timeoutMs: 5000 },
      { url: 'http://a.example/k', discovery: false, timeoutMs: 5000 },
    ])
  })

  it.each<[string, unknown, string]>([
    ['keys that are none', { jwtRules: [of('a', { jwks: '{}' })] }, 'not a JSON Web Key Set'],
    ['a symmetric key', { jwtRules: [of('a', { jwks: '{"keys":[{"kty":"oct","k":"YQ"}]}' })] }, 'symmetric'],
    ['no place for keys', { jwtRules: [{ issuer: 'a' }] }, 'not an http or https URL'],
    ['a header of ours', { jwtRules: [of('a', { outputPayloadToHeader: 'x-weft-client' })] }, 'may not be set'],
    ['a target', { targetRefs: [] }, 'spec.targetRefs'],
    ['a field that is not known', { jwtRules: [of('a', { jwk: 'x' })] }, 'spec.jwtRules[0].jwk'],
    ['no object', 7, 'spec'],
  ])('deny everything to what they select when there is %s', (_name, spec, says) => {
    const snapshot = compiled(...base, aFunction('b', { traffic: { x: 100 } }), aRevision('b', 'x'), aRequestAuthentication('r', withSelector(spec)))
    expect(snapshot.workloads.get('default/temp-v1')?.policy.broken).toMatchObject({ policy: { name: 'r' }, reason: expect.stringContaining(says) })
    expect(snapshot.workloads.get('default/b-x')?.policy.broken === undefined).toBe(typeof spec === 'object')
    expect(reasonsOf(snapshot)).toContain('RequestAuthentication/r PolicyBroken')
  })
})

function withSelector(spec: unknown): unknown {
  return typeof spec === 'object' ? { selector: app, ...spec } : spec
}

describe('the tokens that the ingress verifies', () => {
  const at = (...resources: readonly Resource[]) => compiled(...base, ...resources).ingressAuthentication

  it('are those of what selects it as Istio\u2019s ingress gateway, or the whole mesh', () => {
    expect(
      at(
        aRequestAuthentication('istio', { selector: gateway, jwtRules: [of('a')] }, { namespace: 'istio-system' }),
        aRequestAuthentication('ours', { selector: { matchLabels: { 'weft.dev/gateway': 'ingress' } }, jwtRules: [of('b')] }, { namespace: 'weft-system' }),
        aRequestAuthentication('mesh', { jwtRules: [of('c')] }, { namespace: 'weft-system' }),
        aRequestAuthentication('user', { selector: gateway, jwtRules: [of('d')] }),
        aRequestAuthentication('all', { jwtRules: [of('e')] }),
        aRequestAuthentication('another', { selector: { matchLabels: { istio: 'egressgateway' } }, jwtRules: [of('f')] }, { namespace: 'istio-system' }),
      )?.rules.map(({ issuer }) => issuer),
    ).toEqual(['a', 'c', 'b'])
  })

  it('are none when nobody asks, and let nothing pass when somebody does who is not understood', () => {
    expect(at()).toBeUndefined()
    expect(at(aRequestAuthentication('bad', { selector: gateway, jwtRules: [{}] }, { namespace: 'weft-system' }))).toMatchObject({
      rules: [],
      broken: expect.any(String),
    })
  })

  it('come with the policies that select it, by its labels only', () => {
    const rules = [{ from: [{ source: { ipBlocks: ['10.0.0.0/8'] } }] }]
    const policy = (name: string, selector: object | undefined, namespace: string) =>
      aPolicy(name, { ...(selector === undefined ? {} : { selector }), rules }, { namespace })
    expect(at(policy('wide', undefined, 'weft-system'), policy('user', gateway, 'default'))).toBeUndefined()
    expect(at(policy('a', gateway, 'istio-system'), policy('b', gateway, 'weft-system'))?.policy?.allow?.map((rule) => rule.policy.name)).toEqual(['a', 'b'])
    expect(at(aPolicy('odd', { selector: gateway, action: 'CUSTOM' }, { namespace: 'weft-system' }))?.policy?.broken).toBeDefined()
  })

  it('change the snapshot and nothing else of it', () => {
    const compiler = newCompiler()
    compiler.apply(base.map(set))
    const before = compiler.snapshot
    const { snapshot, difference } = compiler.apply([
      set(aRequestAuthentication('r', { selector: gateway, jwtRules: [of('a')] }, { namespace: 'weft-system' })),
    ])
    expect([snapshot.version, difference.workloads.set, snapshot.hosts === before.hosts]).toEqual([before.version + 1, [], true])
    expect(compiler.apply([set(aRequestAuthentication('r', { selector: gateway, jwtRules: [of('a')] }, { namespace: 'weft-system' }))]).snapshot).toBe(snapshot)
  })
})
