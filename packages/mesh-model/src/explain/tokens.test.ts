import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { aFunction, aPolicy, aRequestAuthentication, aRevision, aVirtualService, compiled, reasonsOf } from '../../test/resources.ts'
import { authorize, describeHost } from './index.ts'

const KEYS = JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) }] })
const TEMP = { namespace: 'default', name: 'temp' }
const rule = (issuer: string, more: object = {}) => ({ issuer, jwks: KEYS, ...more })
const world = (spec: Readonly<Record<string, unknown>>, ...more: readonly Resource[]) =>
  compiled(aFunction('temp', { traffic: { v1: 100 }, spec }), aRevision('temp', 'v1'), ...more)
const verified = aRequestAuthentication('jwt', { jwtRules: [rule('idp', { audiences: ['web'], spaceDelimitedClaims: ['roles'] })] })
const edge = (more: object) =>
  aRequestAuthentication('edge', { selector: { matchLabels: { istio: 'ingressgateway' } }, jwtRules: [rule('idp', more)] }, { namespace: 'istio-system' })
const staff = aPolicy('staff', { rules: [{ when: [{ key: 'request.auth.claims[roles]', values: ['staff'] }] }] })
const jason = { iss: 'idp', sub: 'jason', aud: ['web'] }
const answer = (snapshot: ReturnType<typeof world>, claims?: Readonly<Record<string, unknown>>, from: 'ingress' | 'within' = 'within') =>
  authorize(snapshot, {
    from: from === 'ingress' ? { kind: 'ingress' } : { kind: 'identity', principal: 'cluster.local/ns/default/sa/a' },
    to: TEMP,
    method: 'GET',
    path: '/',
    ...(claims === undefined ? {} : { claims }),
  })?.checks[0]

describe('a call with a token', () => {
  it('is judged by its claims, lists parted by blanks as lists', () => {
    const snapshot = world({}, verified, staff)
    expect(answer(snapshot)).toMatchObject({ allowed: false, because: 'no-rule-matches' })
    expect(answer(snapshot, { ...jason, roles: 'guest staff' })).toMatchObject({ allowed: true, because: 'allow-rule' })
    expect(answer(snapshot, { ...jason, roles: 'guest' })).toMatchObject({ allowed: false, because: 'no-rule-matches' })
  })

  it('is refused when the token is none that is taken', () => {
    const snapshot = world({}, verified)
    expect(answer(snapshot, { ...jason, iss: 'other' })).toMatchObject({
      allowed: false,
      because: 'token-refused',
      sentence: 'default/a may not GET / of default/temp-v1: its token is none that RequestAuthentication default/jwt takes',
    })
    expect(answer(snapshot, { ...jason, aud: 'app' })?.because).toBe('token-refused')
    expect(answer(world({}, edge({})), { iss: 'other' }, 'ingress')?.because).toBe('token-refused')
  })

  it('is judged without it where nobody verifies it, or the ingress takes it away', () => {
    expect(answer(world({}, staff), { ...jason, roles: 'staff' })).toMatchObject({
      allowed: false,
      sentence: expect.stringContaining('no RequestAuthentication selects the callee, so a token says nothing'),
    })
    const taken = answer(world({}, verified, edge({}), staff), { ...jason, roles: 'staff' }, 'ingress')
    expect(taken).toMatchObject({ allowed: false, sentence: expect.stringContaining('the ingress takes its token away') })
    expect(answer(world({}, verified, edge({ forwardOriginalToken: true }), staff), { ...jason, roles: 'staff' }, 'ingress')?.allowed).toBe(true)
  })

  it('is stopped by policies that select the ingress, before the callee is asked', () => {
    const selector = { matchLabels: { istio: 'ingressgateway' } }
    const rules = [{ from: [{ source: { notRequestPrincipals: ['*'] } }], to: [{ operation: { paths: ['/function/temp/*'] } }] }]
    const wanted = aPolicy('frontend', { selector, action: 'DENY', rules }, { namespace: 'istio-system' })
    const snapshot = world({}, edge({}), wanted)
    expect(answer(snapshot, undefined, 'ingress')).toMatchObject({
      allowed: false,
      because: 'deny-rule',
      sentence: expect.stringContaining('does not get past the ingress, where rule 0 of AuthorizationPolicy weft-system/frontend denies it'),
    })
    expect(answer(snapshot, jason, 'ingress')?.allowed).toBe(true)
    expect(answer(snapshot)?.allowed).toBe(true)
  })

  it('is described: which tokens are verified, and which routes go by their claims', () => {
    const http = [{ match: [{ headers: { '@request.auth.claims.plan.tier': { exact: 'gold' } } }], route: [{ destination: { host: 'temp' } }] }]
    const described = describeHost(world({}, verified, aVirtualService('vip', { hosts: ['temp'], http })), TEMP)
    expect(described?.workloads[0]?.tokens).toEqual(['Tokens of idp for web, with keys that are written down (RequestAuthentication default/jwt)'])
    expect(described?.routes[0]?.when).toBe('Calls whose claim plan.tier is "gold"')
  })
})

describe('a function that is private to the mesh', () => {
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['by its spec', { visibility: 'mesh' }],
    ['by Knative\u2019s label', { template: { runtime: 'node22', labels: { 'networking.knative.dev/visibility': 'cluster-local' } } }],
    ['by annotation', { template: { runtime: 'node22', annotations: { 'weft.dev/visibility': 'mesh' } } }],
  ])('%s takes no calls from outside, and all others', (_name, spec) => {
    const snapshot = world(spec)
    expect(describeHost(snapshot, TEMP)).toMatchObject({ isPrivate: true, workloads: [{ fromOutside: false }] })
    expect(answer(snapshot)?.allowed).toBe(true)
    expect(answer(snapshot, undefined, 'ingress')?.allowed).toBe(false)
  })

  it('is public again by its spec, whatever its labels say', () => {
    const template = { runtime: 'node22', labels: { 'networking.knative.dev/visibility': 'cluster-local' } }
    expect(describeHost(world({ visibility: 'public', template }), TEMP)).toMatchObject({ isPrivate: false, workloads: [{ fromOutside: true }] })
  })
})

describe('a function that wants tokens of calls from outside', () => {
  const spec = { ingress: { authentication: 'required' } }

  it('takes them with one, and calls from within without', () => {
    const snapshot = world(spec, verified)
    expect(answer(snapshot, undefined, 'ingress')).toMatchObject({ allowed: false, because: 'deny-rule' })
    expect(answer(snapshot, jason, 'ingress')?.allowed).toBe(true)
    expect(answer(snapshot)?.allowed).toBe(true)
    expect(reasonsOf(snapshot)).toEqual([])
  })

  it('says so when nobody verifies any', () => {
    const snapshot = world(spec)
    expect(reasonsOf(snapshot)).toEqual(['Function/temp TokensNotVerified'])
    expect(answer(snapshot, jason, 'ingress')?.allowed).toBe(false)
  })

  it('takes callers that nobody has verified for outside', () => {
    const plain = {
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name: 'p', namespace: 'default' },
      spec: { mtls: { mode: 'DISABLE' } },
    }
    expect(answer(world(spec, verified, plain))?.allowed).toBe(false)
    expect(answer(world(spec, verified, plain), jason)?.allowed).toBe(true)
  })
})
