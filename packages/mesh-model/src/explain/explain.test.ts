import { describe, expect, it } from '@jest/globals'
import { aDestinationRule, aFunction, aPeerAuthentication, aPolicy, aRevision, aVirtualService, compiled } from '../../test/resources.ts'
import { authorize, describeHost, type AskedCaller, type AuthorizationAnswer } from './index.ts'

const THERMOSTAT = { namespace: 'default', name: 'thermostat' }
const base = [
  aFunction('thermostat', { traffic: { v1: 100 } }),
  aRevision('thermostat', 'v1'),
  aFunction('control', { traffic: { v1: 100 } }),
  aRevision('control', 'v1'),
]
const selector = { matchLabels: { app: 'thermostat' } }
const control: AskedCaller = { kind: 'workload', name: { namespace: 'default', name: 'control' } }
const onlyControl = aPolicy('only-control', {
  selector,
  rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/control'] } }], to: [{ operation: { methods: ['POST'] } }] }],
})
const noAdmin = aPolicy('no-admin', { selector, action: 'DENY', rules: [{ to: [{ operation: { paths: ['/admin*'] } }] }] })

function asked(answer: AuthorizationAnswer | undefined): unknown {
  return answer?.checks.map(({ allowed, because, rule }) => [allowed, because, rule === undefined ? undefined : `${rule.policy.name}#${rule.index}`])
}

describe('whether a call is allowed', () => {
  it.each<[string, readonly unknown[], AskedCaller, string, string, readonly unknown[]]>([
    ['everybody without a policy', [], { kind: 'ingress' }, 'GET', '/', [true, 'no-policy', undefined]],
    ['whom a rule names', [onlyControl], control, 'POST', '/', [true, 'allow-rule', 'only-control#0']],
    ['nobody whom no rule names', [onlyControl], { kind: 'ingress' }, 'POST', '/', [false, 'no-rule-matches', undefined]],
    ['not another method', [onlyControl], control, 'GET', '/', [false, 'no-rule-matches', undefined]],
    ['not what is denied, though it is allowed too', [onlyControl, noAdmin], control, 'POST', '/admin/x', [false, 'deny-rule', 'no-admin#0']],
    ['not by another way of writing the path', [noAdmin], control, 'POST', '//x/../admin', [false, 'deny-rule', 'no-admin#0']],
    [
      'an identity as it is written',
      [onlyControl],
      { kind: 'identity', principal: 'cluster.local/ns/default/sa/control' },
      'POST',
      '/',
      [true, 'allow-rule', 'only-control#0'],
    ],
    [
      'nobody by name where nobody is verified',
      [onlyControl, aPeerAuthentication('plain', { mtls: { mode: 'DISABLE' } })],
      control,
      'POST',
      '/',
      [false, 'no-rule-matches', undefined],
    ],
    [
      'nobody by a policy that is not understood',
      [aPolicy('odd', { selector, action: 'CUSTOM', rules: [{}] })],
      control,
      'POST',
      '/',
      [false, 'policy-broken', undefined],
    ],
  ])('is answered for %s', (_name, more, from, method, path, expected) => {
    const snapshot = compiled(...base, ...(more as typeof base))
    expect(asked(authorize(snapshot, { from, to: THERMOSTAT, method, path }))).toEqual([expected])
  })

  it('says so in a sentence, with the policies that did not allow it', () => {
    const answer = authorize(compiled(...base, onlyControl), { from: { kind: 'ingress' }, to: THERMOSTAT, method: 'GET', path: '/x' })
    expect(answer?.allowed).toBe(false)
    expect(answer?.checks[0]?.sentence).toBe(
      'weft-system/ingress may not GET /x of default/thermostat-v1: no rule of AuthorizationPolicy default/only-control allows it',
    )
  })

  it('is asked for every version that the call may reach, and allowed when all allow it', () => {
    const two = [aFunction('thermostat', { traffic: { v1: 50, v2: 50 } }), aRevision('thermostat', 'v1'), aRevision('thermostat', 'v2', { number: 2 })]
    const onV2 = aPolicy('v2', { selector: { matchLabels: { version: 'v2' } } })
    const answer = authorize(compiled(...two, onV2), { from: control, to: THERMOSTAT, method: 'GET', path: '/' })
    expect(answer?.checks.map((check) => [check.workload, check.allowed])).toEqual([
      ['default/thermostat-v1', true],
      ['default/thermostat-v2', false],
    ])
    expect([answer?.allowed, answer?.callerKnown]).toEqual([false, false])
  })

  it('is no question for a host that is not there', () => {
    expect(authorize(compiled(...base), { from: control, to: { namespace: 'default', name: 'nobody' }, method: 'GET', path: '/' })).toBeUndefined()
  })
})

describe('a host of raw TCP', () => {
  const template = { protocol: 'tcp', port: 6379 }
  const cache = [aFunction('cache', { traffic: { v1: 100 }, spec: { template } }), aRevision('cache', 'v1', { template })]
  const open = aPolicy('open', { rules: [{ from: [{ source: { namespaces: ['default'] } }], to: [{ operation: { ports: ['6379'] } }] }] })

  it('is connected to, and asked nothing of HTTP', () => {
    const answer = authorize(compiled(...cache, open), { from: control, to: { namespace: 'default', name: 'cache' }, method: 'GET', path: '/' })
    expect(answer?.checks.map(({ sentence }) => sentence)).toEqual([
      'default/control may connect to default/cache-v1 on port 6379: rule 0 of AuthorizationPolicy default/open allows it',
    ])
  })

  it('tells where its connections go', () => {
    const described = describeHost(compiled(...cache, open), { namespace: 'default', name: 'cache' })
    expect(described?.routes.map(({ when, shares }) => [when, shares])).toEqual([['Every connection', [{ percent: 100, workload: 'default/cache-v1' }]]])
    expect(described?.workloads.map(({ fromOutside }) => fromOutside)).toEqual([false])
  })
})

describe('a host in words', () => {
  it('names the places outside to which its calls go', () => {
    const spec = { hosts: ['old.example.org'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' }
    const entry = { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'old', namespace: 'default' }, spec }
    const away = aVirtualService('away', { hosts: ['thermostat'], http: [{ route: [{ destination: { host: 'old.example.org' } }] }] })
    expect(describeHost(compiled(...base, entry, away), THERMOSTAT)?.routes[0]?.shares).toEqual([{ percent: 100, outside: 'old.example.org:80' }])
  })

  it('tells where its calls go and because of which resource', () => {
    const split = [
      aRevision('thermostat', 'v2', { number: 2 }),
      aDestinationRule('thermostat', { v1: { version: 'v1' }, v2: { version: 'v2' } }),
      aVirtualService('split', {
        hosts: ['thermostat'],
        http: [
          {
            match: [{ uri: { prefix: '/api' }, headers: { 'end-user': { exact: 'jason' } } }],
            route: [{ destination: { host: 'thermostat', subset: 'v2' } }],
            timeout: '2s',
          },
          {
            route: [
              { destination: { host: 'thermostat', subset: 'v1' }, weight: 75 },
              { destination: { host: 'thermostat', subset: 'v3' }, weight: 25 },
            ],
          },
        ],
      }),
    ]
    const described = describeHost(compiled(...base, ...split), THERMOSTAT)
    expect(
      described?.routes.map(({ when, shares, also, origin }) => [
        when,
        shares.map(({ percent, workload }) => `${percent} ${workload ?? '503'}`),
        also,
        origin.name,
      ]),
    ).toEqual([
      ['Calls whose path starts with "/api" and header end-user is "jason"', ['100 default/thermostat-v2'], ['at most 2000 ms'], 'split'],
      ['Every call', ['75 default/thermostat-v1', '25 503'], [], 'split'],
    ])
    expect(described?.findings.map(({ reason }) => reason)).toEqual(['SubsetNotFound'])
  })

  it('tells who can call it, refusals first', () => {
    const [workload] = describeHost(compiled(...base, onlyControl, noAdmin), THERMOSTAT)?.workloads ?? []
    expect(workload).toMatchObject({ mtls: 'strict', fromOutside: false, identity: 'spiffe://cluster.local/ns/default/sa/thermostat' })
    expect(workload?.callers).toEqual([
      'Refused: anyone: paths /admin* (rule 0 of AuthorizationPolicy default/no-admin)',
      'Allowed: principals cluster.local/ns/default/sa/control: methods POST (rule 0 of AuthorizationPolicy default/only-control)',
      'Nobody else',
    ])
  })

  it('is open to everybody when nothing says otherwise, and closed by an empty policy', () => {
    expect(describeHost(compiled(...base), THERMOSTAT)?.workloads[0]).toMatchObject({
      fromOutside: true,
      callers: ['Everybody: no AuthorizationPolicy selects it'],
    })
    expect(describeHost(compiled(...base, aPolicy('none', {})), THERMOSTAT)?.workloads[0]?.callers).toEqual([
      'Nobody: an ALLOW policy without rules selects it',
    ])
  })
})
