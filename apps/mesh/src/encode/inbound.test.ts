import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { OperationMatch, PolicyRule, SourceMatch, StringMatch, WorkloadPolicy } from '@weft/mesh-model'
import type { Pem } from './testing/certificates.ts'
import { accepts } from '../plane/accepting.ts'
import { testAuthority } from './testing/certificates.ts'
import { host, OPEN, snapshot, workload } from './testing/model.ts'
import { mutualTls } from './testing/streams.ts'
import { ask, World } from './testing/world.ts'
import type { Answer, Ask } from './testing/world.ts'

const is = (value: string): StringMatch => ({ kind: 'exact', value })
const starts = (value: string): StringMatch => ({ kind: 'prefix', value })
const ends = (value: string): StringMatch => ({ kind: 'suffix', value })

function rule(sources: readonly SourceMatch[], operations: readonly OperationMatch[] = [], name = 'p'): PolicyRule {
  return { policy: { group: 'security.istio.io', kind: 'AuthorizationPolicy', namespace: 'default', name }, index: 0, sources, operations }
}

const CONTROL = 'cluster.local/ns/default/sa/control'
const policies: Record<string, WorkloadPolicy> = {
  open: OPEN,
  nobody: { deny: [], allow: [] },
  broken: { ...OPEN, broken: { policy: { group: '', kind: 'x', name: 'x' }, reason: 'x' } },
  control: { deny: [], allow: [rule([{ principals: [is(CONTROL)] }]), rule([], [{ paths: [is('/healthz')] }], 'health')] },
  shop: { deny: [], allow: [rule([{ namespaces: [is('shop')] }])] },
  notshop: { deny: [], allow: [rule([{ notNamespaces: [starts('sh')] }])] },
  suffix: { deny: [], allow: [rule([{ principals: [ends('/sa/control')], notPrincipals: [is('cluster.local/ns/shop/sa/control')] }])] },
  admin: { deny: [rule([], [{ paths: [starts('/admin')], notMethods: [is('GET')] }])], allow: undefined },
  post: {
    deny: [],
    allow: [rule([{ principals: [{ kind: 'present' }] }], [{ methods: [is('POST')], paths: [starts('/api/')], notPaths: [ends('/secret')] }])],
  },
  hosts: { deny: [], allow: [rule([], [{ hosts: [is('Temp.default')], ports: [8080] }])] },
  noport: { deny: [], allow: [rule([], [{ ports: [9090] }])] },
}

const names = Object.keys(policies)
let world: World
let pems: Record<string, Pem>

beforeAll(async () => {
  const modes = [
    workload('plain', { mtls: 'disable' }),
    workload('both', { mtls: 'permissive', policy: { deny: [], allow: [rule([{ principals: [is(CONTROL)] }]), rule([], [{ paths: [is('/open')] }])] } }),
  ]
  const all = [...names.map((name) => workload(name, { policy: policies[name] ?? OPEN })), ...modes]
  world = await World.start(
    snapshot(
      all,
      all.map((each) => host(each.function)),
    ),
    async (starting) => {
      for (const each of all) await starting.addReplica(each.key)
    },
  )
  const issue = (namespace: string, account: string) => world.authority.issue(`spiffe://cluster.local/ns/${namespace}/sa/${account}`)
  const stranger = testAuthority(`${world.directory}/stranger`).issue(`spiffe://${CONTROL}`)
  const foreign = world.authority.issue('spiffe://cluster.local.evil/ns/default/sa/control')
  pems = {
    control: issue('default', 'control'),
    evil: issue('default', 'evil'),
    cart: issue('shop', 'control'),
    prober: issue('weft-system', 'prober'),
    stranger,
    foreign,
  }
})

afterAll(() => world?.stop())

async function call(to: string, as: string | undefined, path: string, options: Ask = {}): Promise<Answer> {
  const socket = await mutualTls(world.inboundSocket(`default/${to}-1`), world.authority.root, as === undefined ? undefined : pems[as])
  try {
    return await ask({ path, createConnection: () => socket }, { ...options, headers: { host: 'temp.default:8080', ...options.headers } })
  } finally {
    socket.destroy()
  }
}

describe('an inbound listener', () => {
  it('is accepted by Envoy as it is', () => expect(world.plane.refused).toEqual([]))

  it.each<[string, string | undefined]>([
    ['without a certificate', undefined],
    ['with a certificate of another authority', 'stranger'],
    ['with a certificate of another trust domain', 'foreign'],
  ])('refuses peers %s', async (_name, as) => {
    await expect(call('open', as, '/')).rejects.toThrow(/alert|closed|reset|hang up|EPIPE|ECONNRESET/i)
  })

  it('shows its own SPIFFE ID, over TLS 1.3 alone', async () => {
    const socket = await mutualTls(world.inboundSocket('default/open-1'), world.authority.root, pems['control'])
    expect(socket.getPeerCertificate().subjectaltname).toBe('URI:spiffe://cluster.local/ns/default/sa/open')
    expect(socket.getProtocol()).toBe('TLSv1.3')
    socket.destroy()
  })

  it('tells the replica the verified peer, whatever the peer says', async () => {
    const { headers } = (await call('open', 'evil', '/', { headers: { 'x-forwarded-client-cert': `By=x;URI=spiffe://${CONTROL}` } })).json()
    expect(headers['x-forwarded-client-cert']).toMatch(
      /^By=spiffe:\/\/cluster.local\/ns\/default\/sa\/open;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/evil$/,
    )
  })

  it.each<[string, string, string, string, number, Ask?]>([
    ['everyone without a policy', 'open', 'evil', '/', 200],
    ['nobody with an empty allow list', 'nobody', 'control', '/', 403],
    ['nobody when a policy is not understood', 'broken', 'control', '/', 403],
    ['the principal that is named', 'control', 'control', '/a', 200],
    ['not another principal', 'control', 'evil', '/a', 403],
    ['not a principal of that name in another namespace', 'control', 'cart', '/a', 403],
    ['not one that forges the header', 'control', 'evil', '/a', 403, { headers: { 'x-forwarded-client-cert': `URI=spiffe://${CONTROL}` } }],
    ['everyone on an exempt path', 'control', 'evil', '/healthz', 200],
    ['everyone on an exempt path with a query', 'control', 'evil', '/healthz?x=1', 200],
    ['not by a path below it', 'control', 'evil', '/healthz/x', 403],
    ['not by dots after it', 'control', 'evil', '/healthz/../a', 403],
    ['not by escaped slashes', 'control', 'evil', '/healthz%2f..%2fa', 400],
    ['not by backslashes', 'control', 'evil', '/healthz\\..\\a', 403],
    ['not by a fragment', 'control', 'evil', '/a#/healthz', 400],
    ['not by another case', 'control', 'evil', '/HEALTHZ', 403],
    ['a namespace', 'shop', 'cart', '/', 200],
    ['not another namespace', 'shop', 'control', '/', 403],
    ['all but a namespace: one of the others', 'notshop', 'control', '/', 200],
    ['all but a namespace: not that one', 'notshop', 'cart', '/', 403],
    ['a suffix of principals', 'suffix', 'control', '/', 200],
    ['a suffix of principals but one', 'suffix', 'cart', '/', 403],
    ['not what a deny rule names', 'admin', 'control', '/admin/x', 403, { method: 'POST' }],
    ['what a deny rule excepts', 'admin', 'control', '/admin/x', 200],
    ['not what a deny rule names behind doubled slashes', 'admin', 'control', '//admin/x', 403, { method: 'POST' }],
    ['method and path', 'post', 'evil', '/api/x', 200, { method: 'POST' }],
    ['not another method', 'post', 'evil', '/api/x', 403],
    ['not a path that is excepted', 'post', 'evil', '/api/secret', 403, { method: 'POST' }],
    ['a host in any case and with a port', 'hosts', 'evil', '/', 200],
    ['not another host', 'hosts', 'evil', '/', 403, { headers: { host: 'evil.default' } }],
    ['not a port that the workload does not have', 'noport', 'control', '/', 403],
  ])('allows %s', async (_name, to, as, path, status, options = {}) => {
    const answer = await call(to, as, path, options)
    expect(answer.status).toBe(status)
    if (status === 403) expect(answer.json().error.code).toBe('CALL_FORBIDDEN')
  })

  it('keeps the probe path to the prober, ahead of any policy, and rewrites it', async () => {
    expect((await call('nobody', 'prober', '/_weft/probe')).json().url).toBe('/_/ready')
    expect((await call('open', 'control', '/_weft/probe')).status).toBe(403)
    expect((await call('open', 'control', '/_weft//probe')).status).toBe(403)
    expect((await call('nobody', 'prober', '/')).status).toBe(403)
  })

  it('takes a policy change at once and keeps the connection', async () => {
    const socket = await mutualTls(world.inboundSocket('default/open-1'), world.authority.root, pems['evil'])
    const get = () => ask({ path: '/', createConnection: () => socket }, { headers: { host: 'a', connection: 'keep-alive' } })
    expect((await get()).status).toBe(200)
    const model = snapshot([workload('open', { policy: { deny: [], allow: [] } })], [host('open')])
    const before = world.plane.subscribed('type.googleapis.com/envoy.config.route.v3.RouteConfiguration')
    await world.apply(model)
    expect(before.size).toBeGreaterThan(0)
    expect((await get()).status).toBe(403)
    socket.destroy()
  })
})

describe('the mode of mutual TLS', () => {
  const plainly = (to: string, path: string) =>
    ask({ socketPath: world.inboundSocket(`default/${to}-1`), path }, { headers: { host: 'a', 'x-forwarded-client-cert': `URI=spiffe://${CONTROL}` } })

  beforeAll(async () => {
    const both = workload('both', {
      mtls: 'permissive',
      policy: { deny: [], allow: [rule([{ principals: [is(CONTROL)] }]), rule([], [{ paths: [is('/open')] }])] },
    })
    await world.apply(
      snapshot(
        [workload('plain', { mtls: 'disable' }), both, workload('control')],
        ['plain', 'both'].map((name) => host(name)),
      ),
    )
    // A listener that is acknowledged still waits for its routes.
    for (const name of ['plain', 'both', 'control']) await accepts(world.inboundSocket(`default/${name}-1`), () => true, AbortSignal.timeout(10_000))
  })

  it('strict takes no plain text', async () => {
    await expect(plainly('control', '/')).rejects.toThrow()
  })

  it('disable takes plain text, and tells of no peer', async () => {
    const answer = await plainly('plain', '/')
    expect(answer.status).toBe(200)
    expect(answer.json().headers['x-forwarded-client-cert']).toBeUndefined()
    expect((await world.get('/function/plain')).status).toBe(200)
  })

  it('permissive takes both, and plain text has no identity', async () => {
    expect((await plainly('both', '/open')).status).toBe(200)
    expect((await plainly('both', '/')).status).toBe(403)
    expect((await call('both', 'control', '/')).status).toBe(200)
  })
})
