import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { MeshRoute, MeshWorkload, PolicyRule, SourceMatch, WorkloadPolicy } from '@weft/mesh-model'
import { keySourceName } from '@weft/mesh-model'
import { PROBE_PATH, TYPE_URLS } from './names.ts'
import type { Pem } from './testing/certificates.ts'
import { host, route, snapshot, workload } from './testing/model.ts'
import { mutualTls } from './testing/streams.ts'
import { bearer, forged, Issuer, secondsFromNow } from './testing/tokens.ts'
import { ask, World, type Answer, type Ask } from './testing/world.ts'

const idp = new Issuer('https://idp.example/a')
const rsa = new Issuer('https://rsa.example', 'RS256')
const stranger = new Issuer('https://idp.example/a')
const edge = new Issuer('https://edge.example')

const source = { url: 'https://late.example/keys', discovery: false, timeoutMs: 5000 }
const late = new Issuer('https://late.example')

function rule(sources: readonly SourceMatch[], name = 'p'): PolicyRule {
  return { policy: { group: 'security.istio.io', kind: 'AuthorizationPolicy', namespace: 'default', name }, index: 0, sources, operations: [] }
}
const anyToken = { issuer: { kind: 'present' }, subject: { kind: 'present' } } as const
const onlyTokens: WorkloadPolicy = { deny: [rule([{ notRequestPrincipals: [anyToken] }])], allow: undefined }

const workloads: readonly MeshWorkload[] = [
  workload('open'),
  workload('some', { authentication: [idp.rule()] }),
  workload('must', { authentication: [idp.rule()], policy: onlyTokens }),
  workload('audience', { authentication: [idp.rule({ audiences: ['temp', 'other'] })] }),
  workload('several', { authentication: [idp.rule(), rsa.rule({ fromHeaders: [{ name: 'x-token', prefix: '' }] })], policy: onlyTokens }),
  workload('same', { authentication: [idp.rule(), rsa.rule()], policy: onlyTokens }),
  workload('places', {
    authentication: [idp.rule({ fromHeaders: [{ name: 'x-jwt', prefix: 'Token ' }], fromParams: ['jwt'], fromCookies: ['session'], forward: true })],
    policy: onlyTokens,
  }),
  workload('headers', {
    authentication: [
      idp.rule({
        payloadHeader: 'x-payload',
        claimHeaders: [
          { header: 'x-sub', claim: 'sub' },
          { header: 'x-tier', claim: 'plan.tier' },
        ],
        forward: true,
      }),
      rsa.rule({ claimHeaders: [{ header: 'x-other', claim: 'sub' }] }),
    ],
  }),
  workload('fetched', { authentication: [late.rule({ keys: { kind: 'fetched', source } })], policy: onlyTokens }),
  workload('v2'),
]

const claimRoute: MeshRoute = route('default/v2-1', {
  name: 'vip',
  matches: [{ headers: [], queryParameters: [], claims: [{ path: ['plan', 'tier'], match: { kind: 'exact', value: 'gold' }, invert: false }] }],
})
const notClaimRoute: MeshRoute = route('default/v2-1', {
  matches: [{ headers: [], queryParameters: [], claims: [{ path: ['groups'], match: { kind: 'exact', value: 'staff' }, invert: true }] }],
})
const routed = host('routed', [claimRoute, route('default/open-1')])
const inverted = host('inverted', [notClaimRoute, route('default/open-1')])
const names = (answer: Answer) => (JSON.parse(answer.body) as { workload: string }).workload

let world: World
let pem: Pem

function snapshotOf(more: Parameters<typeof snapshot>[2] = {}, changed: readonly MeshWorkload[] = workloads) {
  return snapshot(changed, [...changed.map((each) => host(each.function)), routed, inverted], more)
}

beforeAll(async () => {
  world = await World.start(snapshotOf(), async (starting) => {
    for (const { key } of workloads)
      await starting.addReplica(key, (request, response) => response.end(JSON.stringify({ workload: key, url: request.url, headers: request.headers })))
  })
  pem = world.authority.issue('spiffe://cluster.local/ns/default/sa/control')
})

afterAll(() => world?.stop())

async function inbound(name: string, path: string, options: Ask = {}): Promise<Answer> {
  const socket = await mutualTls(world.inboundSocket(`default/${name}-1`), world.authority.root, pem)
  const answer = await ask({ path, createConnection: () => socket }, { ...options, headers: { host: name, ...options.headers } })
  socket.destroy()
  return answer
}

const seen = (answer: Answer) => (JSON.parse(answer.body) as { headers: Readonly<Record<string, string>> }).headers
const claimsOf = { iss: idp.name, sub: 'jason', exp: secondsFromNow(3600) }

describe('tokens at the callee', () => {
  it('pass real Envoy without a refusal', () => {
    expect(world.plane.refused).toEqual([])
  })

  it.each<[string, string, Readonly<Record<string, string>>, number]>([
    ['no token, where none is asked for', 'some', {}, 200],
    ['no token, where a policy asks for one', 'must', {}, 403],
    ['a good token', 'must', bearer(idp.token()), 200],
    ['a good token of RSA', 'same', bearer(rsa.token()), 200],
    ['a token without exp, which Envoy takes for one that never ends', 'must', bearer(idp.token({ exp: undefined })), 200],
    ['a token that is over', 'some', bearer(idp.token({ exp: secondsFromNow(-120) })), 401],
    ['a token that is not yet good', 'some', bearer(idp.token({ nbf: secondsFromNow(600) })), 401],
    ['a token that somebody else signed', 'some', bearer(stranger.token()), 401],
    ['a token that somebody else signed under the key id of the issuer', 'some', bearer(stranger.token({}, { kid: idp.kid })), 401],
    ['a token of another issuer', 'some', bearer(idp.token({ iss: 'https://evil.example' })), 401],
    ['a token of an issuer with a slash more', 'some', bearer(idp.token({ iss: `${idp.name}/` })), 401],
    ['no token at all, but the word', 'some', { authorization: 'Bearer nonsense' }, 401],
    ['the algorithm none', 'some', bearer(forged({ alg: 'none' }, claimsOf)), 401],
    ['the algorithm None, in another spelling', 'some', bearer(forged({ alg: 'nOnE', kid: idp.kid }, claimsOf)), 401],
    ['HMAC with the public key as the secret', 'some', bearer(forged({ alg: 'HS256', kid: rsa.kid }, { ...claimsOf, iss: rsa.name }, rsa.pem)), 401],
    ['a key id that is a path', 'some', bearer(forged({ alg: 'HS256', kid: '../../dev/null' }, claimsOf, '')), 401],
    ['an algorithm of another kind of key', 'some', bearer(idp.token({}, { alg: 'RS256' })), 401],
    ['another scheme than Bearer', 'some', { authorization: 'Basic YTpi' }, 200],
    ['an audience that is allowed', 'audience', bearer(idp.token({ aud: 'temp' })), 200],
    ['one of several audiences', 'audience', bearer(idp.token({ aud: ['x', 'other'] })), 200],
    ['another audience', 'audience', bearer(idp.token({ aud: 'tem' })), 403],
    ['no audience where one is asked for', 'audience', bearer(idp.token()), 403],
    ['a second issuer at its own place', 'several', { 'x-token': rsa.token() }, 200],
    ['two good tokens', 'several', { ...bearer(idp.token()), 'x-token': rsa.token() }, 200],
    ['two bad tokens', 'several', { ...bearer(stranger.token()), 'x-token': `${rsa.token()}x` }, 401],
    ['a token of one issuer at the place of the other', 'several', { 'x-token': idp.token() }, 401],
    ['a token of a third issuer, where two share a place', 'same', bearer(edge.token()), 401],
    ['a token in a header with its prefix', 'places', { 'x-jwt': `Token ${idp.token()}` }, 200],
    ['a token in a cookie', 'places', { cookie: `a=b; session=${idp.token()}` }, 200],
    ['a token where the rule does not look for it', 'places', bearer(idp.token()), 403],
    ['a token of an issuer whose keys were never fetched', 'fetched', bearer(late.token()), 401],
  ])('%s is answered as it must be', async (_name, to, headers, status) => {
    expect((await inbound(to, '/', { headers })).status).toBe(status)
  })

  it('are found in query parameters too', async () => {
    expect((await inbound('places', `/x?a=b&jwt=${idp.token()}`)).status).toBe(200)
    expect((await inbound('must', `/x?access_token=${idp.token()}`)).status).toBe(200)
    expect((await inbound('must', `/x?access_token=${stranger.token()}`)).status).toBe(401)
  })

  it('that are longer than all headers may be are refused, and nothing else is lost', async () => {
    const answer = await inbound('some', '/', { headers: bearer(idp.token({ padding: 'x'.repeat(70_000) })) })
    expect(answer.status).toBe(431)
    expect((await inbound('some', '/', { headers: bearer(idp.token({ padding: 'x'.repeat(20_000) })) })).status).toBe(200)
  })

  it.each<[string, () => readonly string[]]>([
    ['a good one and a bad one', () => [idp.token(), stranger.token()]],
    ['a bad one and a good one', () => [stranger.token(), idp.token()]],
    ['two good ones', () => [idp.token(), idp.token({ sub: 'jane' })]],
  ])('that are sent twice under one name (%s) are refused: nobody could tell which one counts', async (_name, tokens) => {
    const Authorization = tokens().map((token) => `Bearer ${token}`)
    expect((await inbound('headers', '/', { headers: { Authorization } })).status).toBe(401)
  })

  it('that are refused get the one error format, and say how to ask', async () => {
    const answer = await inbound('some', '/', { headers: bearer(stranger.token()) })
    expect(answer.json().error).toMatchObject({ code: 'TOKEN_REFUSED' })
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer /)
  })

  it('do not go on to the function, unless its rule says so', async () => {
    expect(seen(await inbound('must', '/', { headers: bearer(idp.token()) }))['authorization']).toBeUndefined()
    expect(seen(await inbound('headers', '/', { headers: bearer(idp.token()) }))['authorization']).toMatch(/^Bearer ey/)
  })

  it('become headers that nobody can forge, whichever of the rules took the token', async () => {
    const forgery = { 'x-payload': 'forged', 'x-sub': 'admin', 'X-Tier': 'gold', 'x-other': 'root' }
    const good = seen(await inbound('headers', '/', { headers: { ...forgery, ...bearer(idp.token({ plan: { tier: 'silver' } })) } }))
    expect(good).toMatchObject({ 'x-sub': 'jason', 'x-tier': 'silver' })
    expect(good['x-other']).toBeUndefined()
    expect(JSON.parse(Buffer.from(good['x-payload'] ?? '', 'base64url').toString())).toMatchObject({ sub: 'jason' })
    const bare = seen(await inbound('headers', '/', { headers: forgery }))
    expect(Object.keys(forgery).map((name) => bare[name.toLowerCase()])).toEqual([undefined, undefined, undefined, undefined])
    const other = seen(await inbound('headers', '/', { headers: { ...forgery, ...bearer(rsa.token()) } }))
    expect([other['x-sub'], other['x-tier'], other['x-other']]).toEqual([undefined, undefined, 'jason'])
  })

  it('are not asked of the prober', async () => {
    const prober = world.authority.issue('spiffe://cluster.local/ns/weft-system/sa/prober')
    const socket = await mutualTls(world.inboundSocket('default/must-1'), world.authority.root, prober)
    expect((await ask({ path: PROBE_PATH, createConnection: () => socket }, { headers: { host: 'x' } })).status).toBe(200)
    socket.destroy()
  })
})

describe('keys', () => {
  it('that come later are in force without a connection broken', async () => {
    world.keys.set(keySourceName(source), late.jwks)
    await world.push()
    expect((await inbound('fetched', '/', { headers: bearer(late.token()) })).status).toBe(200)
  })

  it('change under load without a call that fails', async () => {
    const rotation = [late, ...Array.from({ length: 5 }, () => new Issuer(late.name))]
    const put = (...issuers: readonly Issuer[]) => {
      world.keys.set(keySourceName(source), JSON.stringify({ keys: issuers.map(({ jwk }) => jwk) }))
      return world.push()
    }
    let current = late
    const count = { calls: 0, failed: 0 }
    const ended = new AbortController()
    const callers = Array.from({ length: 4 }, async () => {
      while (!ended.signal.aborted) {
        const { status } = await world.get('/function/fetched', { headers: bearer(current.token()) })
        count.calls += 1
        if (status !== 200) count.failed += 1
      }
    })
    const someCalls = async () => {
      const enough = count.calls + 2 * callers.length
      while (count.calls < enough) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    for (const [index, next] of rotation.slice(1).entries()) {
      await put(rotation[index] ?? late, next)
      current = next
      await someCalls()
      await put(next)
      await someCalls()
    }
    ended.abort()
    await Promise.all(callers)
    expect(count.calls).toBeGreaterThan(80)
    expect(count.failed).toBe(0)
    expect((await world.envoy.admin('/stats?filter=listener_manager.listener_modified')).trim()).toBe('listener_manager.listener_modified: 0')
  })

  it('are taken away with their tokens', async () => {
    world.keys.set(keySourceName(source), new Issuer(late.name).jwks)
    await world.push()
    expect((await inbound('fetched', '/', { headers: bearer(late.token()) })).status).toBe(401)
  })

  it('that are on no curve are left out, and leave nothing open', async () => {
    const odd = { ...late.jwk, x: Buffer.alloc(32, 1).toString('base64url') }
    world.keys.set(keySourceName(source), JSON.stringify({ keys: [odd] }))
    await world.push()
    expect((await inbound('fetched', '/', { headers: bearer(late.token()) })).status).toBe(401)
    expect(world.plane.refused).toEqual([])
  })
})

describe('the first and the last rule of a workload', () => {
  it('come and go without a new listener, and let no bad token pass afterwards', async () => {
    const bad = { headers: bearer(stranger.token()) }
    expect((await inbound('open', '/', bad)).status).toBe(200)
    const changed = workloads.map((each) => (each.function === 'open' ? { ...each, authentication: [idp.rule()] } : each))
    await world.apply(snapshotOf({}, changed))
    expect((await inbound('open', '/', bad)).status).toBe(401)
    expect((await inbound('open', '/', { headers: bearer(idp.token()) })).status).toBe(200)
    await world.apply(snapshotOf())
    expect((await inbound('open', '/', bad)).status).toBe(200)
    expect(world.plane.refused).toEqual([])
    expect((await world.envoy.admin('/stats?filter=listener_manager.listener_modified')).trim()).toBe('listener_manager.listener_modified: 0')
  })

  it('let nothing pass as long as the proxy does not know the keys', async () => {
    const changed = workloads.map((each) => (each.function === 'open' ? { ...each, authentication: [idp.rule()] } : each))
    world.withhold(TYPE_URLS.extension)
    await world.apply(snapshotOf({}, changed))
    expect((await inbound('open', '/', { headers: bearer(idp.token()) })).status).toBe(403)
    expect((await inbound('open', '/')).status).toBe(403)
    world.withhold()
    await world.push()
    expect((await inbound('open', '/', { headers: bearer(idp.token()) })).status).toBe(200)
    await world.apply(snapshotOf())
  })
})

describe('tokens at the ingress', () => {
  beforeAll(() => world.apply(snapshotOf({ ingressAuthentication: { rules: [edge.rule({ claimHeaders: [{ header: 'x-who', claim: 'sub' }] })] } })))

  it.each<[string, string, Readonly<Record<string, string>>, number]>([
    ['no token', '/function/open', {}, 200],
    ['a good token', '/function/open', bearer(edge.token()), 200],
    ['a bad token', '/function/open', bearer(stranger.token()), 401],
    ['no token for a name that is not there', '/function/nobody', {}, 404],
    ['a bad token for a name that is not there', '/function/nobody', bearer(stranger.token()), 401],
    ['what the control API takes for its own', '/system/functions', bearer(stranger.token()), 503],
  ])('take %s to %s for what it is', async (_name, path, headers, status) => {
    expect((await world.get(path, { headers })).status).toBe(status)
  })

  it('tell their claims, which nobody can forge', async () => {
    expect(seen(await world.get('/function/open', { headers: { 'x-who': 'root', ...bearer(edge.token()) } }))['x-who']).toBe('jason')
    expect(seen(await world.get('/function/open', { headers: { 'x-who': 'root' } }))['x-who']).toBeUndefined()
  })

  it.each<[string, string, Readonly<Record<string, unknown>> | undefined, string]>([
    ['a nested claim', 'routed', { plan: { tier: 'gold' } }, 'default/v2-1'],
    ['another value of it', 'routed', { plan: { tier: 'silver' } }, 'default/open-1'],
    ['one of a list', 'routed', { plan: { tier: ['x', 'gold'] } }, 'default/v2-1'],
    ['no token', 'routed', undefined, 'default/open-1'],
    ['a claim that must not be there', 'inverted', { groups: ['staff'] }, 'default/open-1'],
    ['one without it', 'inverted', { groups: ['guest'] }, 'default/v2-1'],
    ['no token, where a claim must not be there', 'inverted', undefined, 'default/v2-1'],
  ])('choose the route by %s', async (_name, to, claims, expected) => {
    const answer = await world.get(`/function/${to}`, claims === undefined ? {} : { headers: bearer(edge.token(claims)) })
    expect([answer.status, names(answer)]).toEqual([200, expected])
  })

  it('choose no route for a call from within, whatever it carries', async () => {
    expect((await inbound('v2', '/', { headers: { 'x-weft-claims': 'x' } })).status).toBe(200)
  })

  it('are verified again when nothing passes that is not understood', async () => {
    await world.apply(snapshotOf({ ingressAuthentication: { rules: [], broken: 'x' } }))
    expect((await world.get('/function/open')).status).toBe(401)
    expect((await world.get('/function/open', { headers: bearer(edge.token()) })).status).toBe(401)
    await world.apply(snapshotOf())
    expect((await world.get('/function/open', { headers: bearer(stranger.token()) })).status).toBe(200)
    expect(world.plane.refused).toEqual([])
  })
})

describe('tokens on the direct path', () => {
  let direct: World
  beforeAll(async () => {
    const all = [
      workload('control'),
      workload('must', { authentication: [idp.rule({ forward: true })], policy: onlyTokens }),
      workload('plain'),
      workload('vip'),
    ]
    const chosen = host('chosen', [{ ...claimRoute, targets: [{ weight: 1, workload: 'default/vip-1' }] }, route('default/plain-1')])
    const more = { path: 'direct', ingressAuthentication: { rules: [edge.rule()] } } as const
    direct = await World.start(snapshot(all, [...all.map((each) => host(each.function)), chosen], more), async (starting) => {
      for (const { key } of all)
        await starting.addReplica(key, (request, response) => response.end(JSON.stringify({ workload: key, headers: request.headers })))
    })
  })
  afterAll(() => direct?.stop())

  it('are verified by the listener of the callee, which calls do not pass by', async () => {
    const from = (headers: Ask['headers']) => direct.from('default/control-1', 'http://must/', { headers: headers ?? {} })
    expect((await from({})).status).toBe(403)
    expect((await from(bearer(idp.token()))).status).toBe(200)
    expect((await from(bearer(stranger.token()))).status).toBe(401)
    expect((await direct.get('/function/must')).status).toBe(403)
  })

  it('are verified by the ingress, and choose its routes', async () => {
    expect((await direct.get('/function/plain', { headers: bearer(stranger.token()) })).status).toBe(401)
    expect(names(await direct.get('/function/chosen', { headers: bearer(edge.token({ plan: { tier: 'gold' } })) }))).toBe('default/vip-1')
    expect(names(await direct.get('/function/chosen'))).toBe('default/plain-1')
    expect(names(await direct.from('default/control-1', 'http://chosen/', { headers: bearer(edge.token({ plan: { tier: 'gold' } })) }))).toBe('default/plain-1')
    expect(direct.plane.refused).toEqual([])
  })
})
