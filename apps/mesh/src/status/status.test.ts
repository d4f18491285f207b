import { afterEach, describe, expect, it } from '@jest/globals'
import { WeftError, type Resource } from '@weft/core'
import { silentLog } from '@weft/kit'
import { GATEWAY_CONTROLLER, type ResourceStatus } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { memoryStore } from '@weft/store/memory'
import { eventually, startFixture, type Fixture } from '../testing/fixture.ts'
import { statusChange } from './changes.ts'
import { nextStatus } from './decide.ts'
import { StatusWriter } from './writer.ts'

const REF = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default', name: 'r' }
const parent = (name: string) => ({ group: '', kind: 'Service', name })
const wanted = (name: string, holds: 'True' | 'False', generation = 1, reason = 'Accepted'): ResourceStatus => ({
  resource: REF,
  generation,
  parents: [{ parent: parent(name), conditions: [{ type: 'Accepted', status: holds, reason, message: 'm' }] }],
})
const route = (status?: unknown, spec: unknown = {}): Resource => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'r', namespace: 'default' },
  spec,
  ...(status === undefined ? {} : { status }),
})
const [T0, T1] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z']
const entry = (name: string, holds: string, time: string, generation = 1, reason = 'Accepted') => ({
  parentRef: parent(name),
  controllerName: GATEWAY_CONTROLLER,
  conditions: [{ type: 'Accepted', status: holds, reason, message: 'm', observedGeneration: generation, lastTransitionTime: time }],
})
const FOREIGN = { parentRef: { name: 'edge' }, controllerName: 'example.org/other', conditions: [] }

describe('the status of a route', () => {
  it.each<readonly [string, unknown, ResourceStatus | undefined, unknown]>([
    ['is made', undefined, wanted('temp', 'True'), { parents: [entry('temp', 'True', T1)] }],
    ['that says it already is not written', { parents: [entry('temp', 'True', T0)] }, wanted('temp', 'True'), undefined],
    [
      'keeps the time of a condition that holds on',
      { parents: [entry('temp', 'True', T0)] },
      wanted('temp', 'True', 2),
      { parents: [entry('temp', 'True', T0, 2)] },
    ],
    ['has a new time when it turns', { parents: [entry('temp', 'True', T0)] }, wanted('temp', 'False'), { parents: [entry('temp', 'False', T1)] }],
    [
      'keeps the time when only its reason is another',
      { parents: [entry('temp', 'False', T0)] },
      wanted('temp', 'False', 1, 'HostConflict'),
      { parents: [entry('temp', 'False', T0, 1, 'HostConflict')] },
    ],
    ['keeps what others say', { parents: [FOREIGN] }, wanted('temp', 'True'), { parents: [FOREIGN, entry('temp', 'True', T1)] }],
    [
      'loses a parent that is none any more',
      { parents: [entry('a', 'True', T0), FOREIGN] },
      wanted('b', 'True'),
      { parents: [FOREIGN, entry('b', 'True', T1)] },
    ],
    ['loses what we said when there is nothing to say', { parents: [entry('a', 'True', T0), FOREIGN] }, undefined, { parents: [FOREIGN] }],
    ['is not made of nothing', undefined, undefined, undefined],
    ['that is no status is replaced', { parents: 'x' }, wanted('temp', 'True'), { parents: [entry('temp', 'True', T1)] }],
  ])('%s', (_what, before, want, after) => {
    expect(nextStatus(route(before), want, T1)).toEqual(after)
  })

  const ISTIO = { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'default', name: 'vs' }
  const found = (...findings: readonly (readonly [severity: 'error' | 'warning', reason: string])[]): ResourceStatus => ({
    resource: ISTIO,
    generation: 3,
    findings: findings.map(([severity, reason]) => ({ resource: ISTIO, severity, reason, message: `why ${reason}` })),
  })
  const condition = (status: string, reason: string, message: string, time: string) => ({
    conditions: [{ type: 'Reconciled', status, reason, message, observedGeneration: 3, lastTransitionTime: time }],
    observedGeneration: 3,
  })
  const message = (reason: string, level: string) => ({ type: { name: reason }, level })
  it.each<readonly [string, unknown, ResourceStatus, unknown]>([
    [
      'names what was found, errors first',
      undefined,
      found(['error', 'FieldNotSupported'], ['warning', 'HostNotFound']),
      {
        ...condition('False', 'FieldNotSupported', 'why FieldNotSupported; why HostNotFound', T1),
        validationMessages: [message('FieldNotSupported', 'ERROR'), message('HostNotFound', 'WARNING')],
      },
    ],
    [
      'says so when it is mended',
      { ...condition('False', 'HostNotFound', 'why HostNotFound', T0), validationMessages: [message('HostNotFound', 'WARNING')] },
      found(),
      { ...condition('True', 'Reconciled', 'all of it is in force', T1), validationMessages: [] },
    ],
    [
      'is not written when it says it already',
      { ...condition('False', 'HostNotFound', 'why HostNotFound', T0), validationMessages: [message('HostNotFound', 'WARNING')] },
      found(['warning', 'HostNotFound']),
      undefined,
    ],
    [
      'keeps the conditions of others',
      { conditions: [{ type: 'istio.io/WaypointBound', status: 'True' }], addresses: [1] },
      found(),
      {
        addresses: [1],
        observedGeneration: 3,
        conditions: [{ type: 'istio.io/WaypointBound', status: 'True' }, ...condition('True', 'Reconciled', 'all of it is in force', T1).conditions],
        validationMessages: [],
      },
    ],
  ])('of one of Istio %s', (_what, before, want, after) => {
    expect(nextStatus({ ...route(before), kind: 'VirtualService' }, want, T1)).toEqual(after)
  })

  it('is told when it changed, and when there is nothing to say any more', () => {
    const [a, b] = [wanted('a', 'True'), wanted('b', 'True')]
    const before = new Map([['a', a]])
    expect(statusChange(before, before)).toBeUndefined()
    expect(statusChange(before, new Map([['a', a]]))).toBeUndefined()
    expect(statusChange(before, new Map([['b', b]]))).toEqual({ set: [b], removed: [REF] })
  })
})

describe('the writer', () => {
  const conditionOf = (resource: Resource | undefined) =>
    (resource?.status as { parents?: readonly { conditions: readonly { status: string }[] }[] } | undefined)?.parents?.[0]?.conditions[0]?.status

  it('writes the last word, tries again after a conflict, and forgets what is gone', async () => {
    const store = memoryStore()
    await store.create(route())
    let conflicts = 1
    const contested: Store = {
      ...store,
      get: (ref) => store.get(ref),
      update: (resource, options) =>
        conflicts-- > 0 ? Promise.reject(new WeftError('CONFLICT', { kind: 'HTTPRoute', name: 'r' })) : store.update(resource, options),
    }
    const writer = new StatusWriter({ store: contested, log: silentLog(), now: () => Date.parse(T1) })
    writer.take({ set: [{ ...wanted('x', 'True'), resource: { ...REF, name: 'gone' } }, wanted('temp', 'False')], removed: [] })
    writer.take({ set: [wanted('temp', 'True')], removed: [] })
    await eventually(async () => (conditionOf(await store.get(REF)) === 'True' ? true : undefined))
    expect(await store.get({ ...REF, name: 'gone' })).toBeUndefined()
    await writer.close()
    await store.close()
  })
})

describe('in a mesh that runs', () => {
  let fixture: Fixture | undefined
  afterEach(async () => {
    await fixture?.close()
    fixture = undefined
  })

  const vs = (name: string, spec: object): Resource => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'default' },
    spec,
  })
  const to = (host: string) => ({ hosts: ['temp'], http: [{ route: [{ destination: { host } }] }] })
  interface IstioStatus {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly observedGeneration?: number }[]
  }
  const reconciled = (resource: Resource | undefined): string => {
    const condition = (resource?.status as IstioStatus | undefined)?.conditions?.find(({ type }) => type === 'Reconciled')
    return condition === undefined ? 'nothing' : `${condition.status} ${condition.reason} ${condition.observedGeneration ?? '-'}`
  }
  const istio = (kind: string, name: string) => ({ group: 'networking.istio.io', kind, namespace: 'default', name })

  it('resources of Istio say what is wrong with them, until it is mended; those that are good say nothing', async () => {
    const { store, deploy } = (fixture = await startFixture())
    const said = async (name: string, kind = 'VirtualService') => reconciled(await store.get(istio(kind, name)))
    const eventuallySaid = (name: string, text: string, kind?: string) => eventually(async () => ((await said(name, kind)) === text ? true : undefined))
    for (const name of ['temp', 'calm']) await deploy(name)
    await store.create(vs('a-unknown', { hosts: ['other'], http: [{ route: [{ destination: { host: 'temp' } }] }] }))
    await store.create(vs('a-good', { hosts: ['calm'], http: [{ route: [{ destination: { host: 'temp' } }] }] }))
    await store.create(vs('b-route', to('nobody')))
    await eventuallySaid('b-route', 'False HostNotFound 1')
    await store.create(vs('c-late', to('temp')))
    await eventuallySaid('c-late', 'False HostConflict 1')
    await deploy('nobody')
    await eventuallySaid('b-route', 'True Reconciled 1')
    await store.remove(istio('VirtualService', 'b-route'))
    await eventuallySaid('c-late', 'True Reconciled 1')
    await store.create({
      ...vs('web', {
        selector: { istio: 'ingressgateway' },
        servers: [{ port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts: ['shop.example.com'], tls: { mode: 'SIMPLE', credentialName: 'shop' } }],
      }),
      kind: 'Gateway',
    })
    await eventuallySaid('web', 'False CredentialNotFound 1', 'Gateway')
    const data = { 'tls.crt': Buffer.from('nonsense').toString('base64'), 'tls.key': Buffer.from('nonsense').toString('base64') }
    await store.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop', namespace: 'default' }, data } as Resource)
    await eventuallySaid('web', 'False CredentialInvalid 1', 'Gateway')
    expect([await said('a-unknown'), await said('a-good')]).toEqual(['False HostNotFound 1', 'nothing'])
  })

  it('says what holds now where another platform, or this one before, said something else, and writes nothing twice', async () => {
    const stale = { conditions: [{ type: 'Reconciled', status: 'False', reason: 'HostNotFound', message: 'm', lastTransitionTime: T0 }] }
    const { store, deploy } = (fixture = await startFixture())
    await deploy('temp')
    await store.create({ ...vs('stale', to('temp')), status: stale })
    await eventually(async () => (reconciled(await store.get(istio('VirtualService', 'stale'))) === 'True Reconciled 1' ? true : undefined))
    const version = (await store.get(istio('VirtualService', 'stale')))?.metadata.resourceVersion
    // Each of these is looked at, and nothing is different.
    for (const name of ['one', 'two']) await deploy(name)
    await store.create(vs('last', { hosts: ['one'], http: [{ route: [{ destination: { host: 'nobody' } }] }] }))
    await eventually(async () => (reconciled(await store.get(istio('VirtualService', 'last'))) === 'False HostNotFound 1' ? true : undefined))
    expect((await store.get(istio('VirtualService', 'stale')))?.metadata.resourceVersion).toBe(version)
  })

  it('a route says whether it is in force, and why it is not', async () => {
    const { store, deploy } = (fixture = await startFixture())
    const spec = {
      parentRefs: [parent('temp')],
      rules: [
        {
          backendRefs: [
            { name: 'temp', port: 8080 },
            { name: 'nobody', port: 8080 },
          ],
        },
      ],
    }
    await store.create(route(undefined, spec))
    const said = async () => {
      const status = (await store.get(REF))?.status as
        | { parents: readonly { conditions: readonly { type: string; status: string; reason: string; observedGeneration: number }[] }[] }
        | undefined
      return (status?.parents ?? []).flatMap(({ conditions }) =>
        conditions.map((each) => `${each.type}=${each.status} ${each.reason} ${each.observedGeneration}`),
      )
    }
    const eventuallySaid = (...texts: readonly string[]) => eventually(async () => (JSON.stringify(await said()) === JSON.stringify(texts) ? true : undefined))
    await eventuallySaid('Accepted=False NoMatchingParent 1', 'ResolvedRefs=False BackendNotFound 1')
    await deploy('temp')
    await eventuallySaid('Accepted=True Accepted 1', 'ResolvedRefs=False BackendNotFound 1')
    const current = await store.get(REF)
    await store.update({
      ...route(undefined, { ...spec, rules: [{ backendRefs: [{ name: 'temp', port: 8080 }] }] }),
      metadata: { ...current?.metadata, name: 'r', namespace: 'default' },
    })
    await eventuallySaid('Accepted=True Accepted 2', 'ResolvedRefs=True ResolvedRefs 2')
    await store.update({ ...route(undefined, { parentRefs: [] }), metadata: { ...(await store.get(REF))?.metadata, name: 'r', namespace: 'default' } })
    await eventuallySaid()
  })
})
