import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { evaluatePolicy, type PolicyCall } from './evaluate.ts'
import { normalisePath } from './path.ts'
import { aFunction, aPolicy, aRevision, newCompiler, set } from '../../test/resources.ts'
import type { WorkloadPolicy } from '../snapshot.ts'

const control = 'cluster.local/ns/default/sa/control'
const call: PolicyCall = { principal: control, method: 'GET', path: '/', host: 'thermostat.default:8080', port: 8080 }

function policyOf(specs: readonly unknown[], trustDomain?: string): WorkloadPolicy {
  const compiler = newCompiler(trustDomain)
  const policies = specs.map((spec, index) => set(aPolicy(`p${index}`, spec)))
  compiler.apply([set(aFunction('thermostat', { traffic: { v1: 100 } })), set(aRevision('thermostat', 'v1')), ...policies])
  return compiler.snapshot.workloads.get('default/thermostat-v1')?.policy ?? { deny: [], allow: [] }
}

const from = (source: unknown) => [{ source }]
const to = (operation: unknown) => [{ operation }]
const onlyControl = { rules: [{ from: from({ principals: [control] }) }, { to: to({ paths: ['/healthz'] }) }] }

const jason = { iss: 'https://idp/a', sub: 'jason' }
const token = (principal: string) => ({ rules: [{ from: from({ requestPrincipals: [principal] }) }] })
const when = (key: string, ...values: readonly string[]) => ({ rules: [{ when: [{ key, values }] }] })

interface Case {
  readonly name: string
  readonly policies: readonly unknown[]
  readonly call?: Partial<PolicyCall>
  readonly trustDomain?: string
  readonly allowed: boolean
}

const cases: readonly Case[] = [
  { name: 'no policy allows', policies: [], allowed: true },
  { name: 'no policy allows plain text as far as policy goes', policies: [], call: { principal: '' }, allowed: true },
  { name: 'an empty policy allows nothing', policies: [{}], allowed: false },
  { name: 'an empty list of rules allows nothing', policies: [{ rules: [] }], allowed: false },
  { name: 'an empty rule allows all', policies: [{ rules: [{}] }], allowed: true },
  { name: 'an empty DENY rule denies all', policies: [{ rules: [{}] }, { action: 'DENY', rules: [{}] }], allowed: false },
  { name: 'a DENY without rules denies nothing', policies: [{ action: 'DENY' }], allowed: true },
  {
    name: 'a method that is denied is so in small letters too',
    policies: [{ action: 'DENY', rules: [{ to: to({ methods: ['DEL*'] }) }] }],
    call: { method: 'delete' },
    allowed: false,
  },
  {
    name: 'a method that is excepted is so in small letters too',
    policies: [{ rules: [{ to: to({ notMethods: ['DELETE'] }) }] }],
    call: { method: 'delete' },
    allowed: false,
  },
  {
    name: 'a method that is allowed is not in small letters',
    policies: [{ rules: [{ to: to({ methods: ['GET'] }) }] }],
    call: { method: 'get' },
    allowed: false,
  },
  {
    name: 'a header that a rule asks for has no blank before its value',
    policies: [{ action: 'DENY', ...when('request.headers[x-role]', 'guest') }],
    call: { headers: { 'x-role': ' guest' } },
    allowed: false,
  },
  { name: 'nor behind one of its values', policies: [when('request.headers[x-role]', 'a*')], call: { headers: { 'x-role': ['a', 'b\t'] } }, allowed: false },
  {
    name: 'a header that no rule asks for may',
    policies: [when('request.headers[x-role]', 'a*')],
    call: { headers: { 'x-role': 'a', 'x-other': ' a' } },
    allowed: true,
  },
  { name: 'deny comes before allow', policies: [{ rules: [{}] }, { action: 'DENY', rules: [{ from: from({ principals: [control] }) }] }], allowed: false },
  { name: 'the article: control may', policies: [onlyControl], allowed: true },
  { name: 'the article: temp may not', policies: [onlyControl], call: { principal: 'cluster.local/ns/default/sa/temp' }, allowed: false },
  {
    name: 'the article: /healthz is open',
    policies: [onlyControl],
    call: { principal: 'cluster.local/ns/default/sa/temp', path: '/healthz?x=1' },
    allowed: true,
  },
  {
    name: 'the article: /healthz/../secret is not',
    policies: [onlyControl],
    call: { principal: 'cluster.local/ns/default/sa/temp', path: '/healthz/../secret' },
    allowed: false,
  },
  {
    name: 'the article: /secret/..//healthz is /healthz',
    policies: [onlyControl],
    call: { principal: 'x/ns/a/sa/b', path: '/secret/..//healthz' },
    allowed: true,
  },
  { name: 'a token is asked for, and there is none', policies: [token('*')], allowed: false },
  { name: 'any token is enough', policies: [token('*')], call: { claims: jason }, allowed: true },
  { name: 'a token without a subject has no request principal', policies: [token('*')], call: { claims: { iss: 'https://idp/a' } }, allowed: false },
  { name: 'issuer and subject, parted at the last slash', policies: [token('https://idp/a/jason')], call: { claims: jason }, allowed: true },
  {
    name: 'a slash in a subject makes nobody another issuer',
    policies: [token('https://idp/a/jason')],
    call: { claims: { iss: 'https://idp', sub: 'a/jason' } },
    allowed: false,
  },
  { name: 'any subject of an issuer', policies: [token('https://idp/a/*')], call: { claims: jason }, allowed: true },
  { name: 'any subject of another issuer', policies: [token('https://idp/*')], call: { claims: jason }, allowed: false },
  { name: 'a subject of any issuer', policies: [token('*/jason')], call: { claims: jason }, allowed: true },
  { name: 'the end of a subject of any issuer', policies: [token('*son')], call: { claims: jason }, allowed: true },
  { name: 'the beginning of a subject', policies: [token('https://idp/a/ja*')], call: { claims: jason }, allowed: true },
  { name: 'the end of an issuer', policies: [token('*idp/a/jason')], call: { claims: jason }, allowed: true },
  { name: 'DENY without a token', policies: [{ action: 'DENY', rules: [{ from: from({ notRequestPrincipals: ['*'] }) }] }], allowed: false },
  {
    name: 'DENY without a token, of a call with one',
    policies: [{ action: 'DENY', rules: [{ from: from({ notRequestPrincipals: ['*'] }) }] }],
    call: { claims: jason },
    allowed: true,
  },
  { name: 'the principal as a condition', policies: [when('request.auth.principal', 'https://idp/a/jason')], call: { claims: jason }, allowed: true },
  { name: 'an audience', policies: [when('request.auth.audiences', 'web')], call: { claims: { ...jason, aud: ['app', 'web'] } }, allowed: true },
  { name: 'another audience', policies: [when('request.auth.audiences', 'web')], call: { claims: { ...jason, aud: 'app' } }, allowed: false },
  { name: 'the presenter', policies: [when('request.auth.presenter', 'cli')], call: { claims: { ...jason, azp: 'cli' } }, allowed: true },
  { name: 'a claim', policies: [when('request.auth.claims[groups]', 'ad*')], call: { claims: { ...jason, groups: ['x', 'admin'] } }, allowed: true },
  { name: 'a claim within another', policies: [when('request.auth.claims[a][b]', 'c')], call: { claims: { ...jason, a: { b: 'c' } } }, allowed: true },
  { name: 'one of a list parted by blanks', policies: [when('request.auth.claims[scope]', 'write')], call: { claims: { scope: 'read write' } }, allowed: true },
  { name: 'a claim of a prototype', policies: [when('request.auth.claims[constructor][name]', '*')], call: { claims: jason }, allowed: false },
  { name: 'an encoded slash is refused', policies: [{ rules: [{}] }], call: { path: '/a%2fb' }, allowed: false },
  { name: 'a principal with a longer name is another', policies: [onlyControl], call: { principal: `${control}2` }, allowed: false },
  { name: 'a SPIFFE ID with its scheme is the same principal', policies: [onlyControl], call: { principal: `spiffe://${control}` }, allowed: true },
  { name: 'a principal by prefix', policies: [{ rules: [{ from: from({ principals: ['cluster.local/ns/default/*'] }) }] }], allowed: true },
  { name: 'a principal by suffix', policies: [{ rules: [{ from: from({ principals: ['*/sa/control'] }) }] }], allowed: true },
  { name: 'any principal', policies: [{ rules: [{ from: from({ principals: ['*'] }) }] }], allowed: true },
  { name: 'any principal, but there is none', policies: [{ rules: [{ from: from({ principals: ['*'] }) }] }], call: { principal: '' }, allowed: false },
  {
    name: 'cluster.local stands for the own trust domain',
    policies: [onlyControl],
    trustDomain: 'corp.example',
    call: { principal: 'corp.example/ns/default/sa/control' },
    allowed: true,
  },
  { name: 'and for no other', policies: [onlyControl], trustDomain: 'corp.example', allowed: false },
  {
    name: 'openfaas-fn in a principal is default',
    policies: [{ rules: [{ from: from({ principals: ['cluster.local/ns/openfaas-fn/sa/control'] }) }] }],
    allowed: true,
  },
  {
    name: 'openfaas-fn in a prefix of a principal is default',
    policies: [{ rules: [{ from: from({ principals: ['cluster.local/ns/openfaas-*'] }) }] }],
    allowed: true,
  },
  { name: 'openfaas-fn in a suffix of a principal is default', policies: [{ rules: [{ from: from({ principals: ['*-fn/sa/control'] }) }] }], allowed: true },
  ...[
    { principals: ['cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account'] },
    { principals: ['*/ns/istio-system/sa/istio-ingressgateway-service-account'] },
    { principals: ['cluster.local/ns/istio-system/sa/istio-ingressgateway*'] },
    { principals: ['*ingressgateway-service-account'] },
    { principals: ['cluster.local/ns/istio-*'] },
    { serviceAccounts: ['istio-system/istio-ingressgateway-service-account'] },
    { namespaces: ['istio-system'] },
    { namespaces: ['istio-*'] },
  ].map((source) => ({
    name: `the ingress by the names that Istio has for it: ${JSON.stringify(source)}`,
    policies: [{ rules: [{ from: from(source) }] }],
    call: { principal: 'cluster.local/ns/weft-system/sa/ingress' },
    allowed: true,
  })),
  {
    name: 'the egress gateway by the name that Istio has for it',
    policies: [{ rules: [{ from: from({ principals: ['cluster.local/ns/istio-system/sa/istio-egressgateway-service-account'] }) }] }],
    call: { principal: 'cluster.local/ns/weft-system/sa/egressgateway' },
    allowed: true,
  },
  {
    name: 'the accounts of Istio’s other programs are not the ingress',
    policies: [{ rules: [{ from: from({ principals: ['cluster.local/ns/istio-system/sa/istiod'] }) }] }],
    call: { principal: 'cluster.local/ns/weft-system/sa/ingress' },
    allowed: false,
  },
  {
    name: 'a prefix of another namespace does not mean default',
    policies: [{ rules: [{ from: from({ principals: ['cluster.local/ns/team/*'] }) }] }],
    allowed: false,
  },
  { name: 'a namespace', policies: [{ rules: [{ from: from({ namespaces: ['default'] }) }] }], allowed: true },
  { name: 'a namespace by its alias', policies: [{ rules: [{ from: from({ namespaces: ['openfaas-fn'] }) }] }], allowed: true },
  {
    name: 'a namespace denied by a pattern of its alias',
    policies: [{ action: 'DENY', rules: [{ from: from({ namespaces: ['openfaas*'] }) }] }],
    allowed: false,
  },
  { name: 'another namespace', policies: [{ rules: [{ from: from({ namespaces: ['team'] }) }] }], allowed: false },
  { name: 'not a namespace', policies: [{ rules: [{ from: from({ notNamespaces: ['default'] }) }] }], allowed: false },
  { name: 'not another namespace', policies: [{ rules: [{ from: from({ notNamespaces: ['team'] }) }] }], allowed: true },
  { name: 'not this principal', policies: [{ action: 'DENY', rules: [{ from: from({ notPrincipals: [control] }) }] }], allowed: true },
  {
    name: 'not another principal',
    policies: [{ action: 'DENY', rules: [{ from: from({ notPrincipals: ['cluster.local/ns/default/sa/temp'] }) }] }],
    allowed: false,
  },
  { name: 'both fields of a source must hold', policies: [{ rules: [{ from: from({ principals: [control], namespaces: ['team'] }) }] }], allowed: false },
  {
    name: 'one of two sources is enough',
    policies: [{ rules: [{ from: [{ source: { namespaces: ['team'] } }, { source: { principals: [control] } }] }] }],
    allowed: true,
  },
  {
    name: 'source and operation must both hold',
    policies: [{ rules: [{ from: from({ principals: [control] }), to: to({ methods: ['POST'] }) }] }],
    allowed: false,
  },
  { name: 'a method', policies: [{ rules: [{ to: to({ methods: ['GET'] }) }] }], allowed: true },
  { name: 'a method by prefix', policies: [{ rules: [{ to: to({ methods: ['G*'] }) }] }], allowed: true },
  { name: 'methods differ in case', policies: [{ rules: [{ to: to({ methods: ['get'] }) }] }], allowed: false },
  { name: 'not a method', policies: [{ action: 'DENY', rules: [{ to: to({ notMethods: ['GET', 'HEAD'] }) }] }], allowed: true },
  { name: 'a path by prefix', policies: [{ rules: [{ to: to({ paths: ['/api/*'] }) }] }], call: { path: '/api/x?y' }, allowed: true },
  { name: 'a path by suffix', policies: [{ rules: [{ to: to({ paths: ['*.json'] }) }] }], call: { path: '/api/x.json?y=.xml' }, allowed: true },
  { name: 'not a path', policies: [{ rules: [{ to: to({ notPaths: ['/admin*'] }) }] }], call: { path: '//admin/x' }, allowed: false },
  { name: 'not a path, encoded', policies: [{ rules: [{ to: to({ notPaths: ['/admin*'] }) }] }], call: { path: '/%61dmin/x' }, allowed: false },
  {
    name: 'a host in any of its spellings',
    policies: [{ rules: [{ to: to({ hosts: ['thermostat'] }) }] }],
    call: { host: 'THERMOSTAT.default.svc.cluster.local.:80' },
    allowed: true,
  },
  {
    name: 'a denied host in any of its spellings',
    policies: [{ action: 'DENY', rules: [{ to: to({ hosts: ['Thermostat.openfaas-fn'] }) }] }],
    call: { host: 'thermostat' },
    allowed: false,
  },
  { name: 'not a host', policies: [{ rules: [{ to: to({ notHosts: ['thermostat.default.svc.cluster.local'] }) }] }], allowed: false },
  { name: 'a port', policies: [{ rules: [{ to: to({ ports: ['8080'] }) }] }], allowed: true },
  { name: 'another port', policies: [{ rules: [{ to: to({ ports: ['80'] }) }] }], allowed: false },
  { name: 'not a port', policies: [{ action: 'DENY', rules: [{ to: to({ notPorts: ['80'] }) }] }], allowed: false },
  { name: 'a broken policy denies what another allows', policies: [{ rules: [{}] }, { rules: [{ when: [] }] }], allowed: false },
]

describe('a policy and a call', () => {
  it.each(cases)('$name', ({ policies, call: change = {}, trustDomain, allowed }) => {
    const { principal, ...rest } = { ...call, ...change }
    const made: PolicyCall = principal === '' || principal === undefined ? rest : { ...rest, principal }
    expect(evaluatePolicy(policyOf(policies, trustDomain), made).allowed).toBe(allowed)
  })

  it('the verdict names the rule', () => {
    const policy = policyOf([{ rules: [{ to: to({ methods: ['POST'] }) }, { from: from({ principals: [control] }) }] }])
    expect(evaluatePolicy(policy, call)).toMatchObject({ because: 'allow-rule', rule: { policy: { name: 'p0' }, index: 1 } })
    expect(evaluatePolicy(policy, { ...call, principal: 'a/ns/b/sa/c' })).toEqual({ allowed: false, because: 'no-rule-matches' })
  })
})

describe('laws of policies', () => {
  const source = fc.record({ principals: fc.constantFrom([control], ['*'], ['*x'], ['a/*']) }, { requiredKeys: ['principals'] })
  const operation = fc.record({ paths: fc.constantFrom(['/'], ['/a*'], ['*']), methods: fc.constantFrom(['GET'], ['P*']) }, { requiredKeys: ['paths'] })
  const rule = fc.record({ from: source.map(from), to: operation.map(to) }, { requiredKeys: [] })
  const spec = fc.record({ action: fc.constantFrom('ALLOW', 'DENY'), rules: fc.array(rule, { maxLength: 3 }) }, { requiredKeys: [] })
  const calls = fc.record({
    principal: fc.constantFrom(control, 'a/ns/b/sa/x'),
    method: fc.constantFrom('GET', 'POST', 'PUT'),
    path: fc.oneof(fc.constantFrom('/', '/a', '/a/../b', 'x', '/%2f'), fc.string()),
    host: fc.string(),
    port: fc.integer(),
  })

  it('one more DENY policy never allows what was denied', () => {
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 3 }), fc.array(rule, { maxLength: 2 }), calls, (specs, rules, made) => {
        const before = evaluatePolicy(policyOf(specs), made).allowed
        const after = evaluatePolicy(policyOf([...specs, { action: 'DENY', rules }]), made).allowed
        expect(before || !after).toBe(true)
      }),
    )
  })

  it('one more ALLOW rule never denies what a rule allowed', () => {
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 3 }), rule, calls, (specs, more, made) => {
        const before = evaluatePolicy(policyOf(specs), made)
        const after = evaluatePolicy(policyOf([...specs, { rules: [more] }]), made)
        expect(before.because !== 'allow-rule' || after.allowed).toBe(true)
      }),
    )
  })

  it('what denies is named, and what is broken denies every call', () => {
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 3 }), calls, (specs, made) => {
        const verdict = evaluatePolicy(policyOf(specs), made)
        expect(verdict.because !== 'deny-rule' || specs[Number(verdict.rule.policy.name.slice(1))]?.action === 'DENY').toBe(true)
        expect(evaluatePolicy(policyOf([...specs, { nonsense: 1 }]), made)).toMatchObject({ allowed: false, because: 'policy-broken' })
      }),
    )
  })

  it('a path that is normalised stays as it is', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('/', '.', '..', 'a', '%41', '//', '\\'), { maxLength: 12 }), (parts) => {
        const once = normalisePath(`/${parts.join('')}`)
        expect(once === undefined ? undefined : normalisePath(once)).toBe(once)
        expect(once).not.toMatch(/\/\.\.?(?:\/|$)|\/\//)
      }),
    )
  })
})
