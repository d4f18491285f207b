import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { CanaryResource, FunctionResource, FunctionSpec, RevisionResource } from '@weft/api'
import type { ArtifactManifest, ArtifactStore } from '@weft/artifacts'
import { WeftError } from '@weft/core'
import { AddressGuard, silentLog } from '@weft/kit'
import { createCompiler } from '@weft/mesh-model'
import { MemoryMesh, seen } from '@weft/mesh-model/memory'
import { MemoryProvider } from '@weft/provider/memory'
import type { Store } from '@weft/store'
import { memoryStore } from '@weft/store/memory'
import { startController, type Controller } from './controller.ts'

const ARTIFACT = `sha256:${'a'.repeat(64)}`
const OTHER = `sha256:${'b'.repeat(64)}`
const ref = { group: 'weft.dev', kind: 'Function', namespace: 'default', name: 'temp' }

/** Nobody is asked. */
const outside = { guard: new AddressGuard({ allowed: [], own: [] }), gateway: 'http://127.0.0.1:1', prometheus: undefined }

let store: Store
let provider: MemoryProvider
let mesh: MemoryMesh
let controller: Controller

beforeEach(async () => {
  store = memoryStore()
  provider = new MemoryProvider()
  mesh = new MemoryMesh()
  await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  const images = { resolveImage: (image: string) => Promise.reject(new WeftError('NOT_FOUND', { kind: 'image', name: image })) }
  controller = await startController({ store, provider, mesh, artifacts: artifacts(), images, outside, log: silentLog() })
})
afterEach(async () => {
  await controller.close()
  await provider.close(1_000)
  await store.close()
})

/** Two artifacts that are there, as manifests alone. */
function artifacts(): ArtifactStore {
  const manifest = (digest: string): ArtifactManifest => ({
    digest,
    run: { runtime: 'node22', contract: 'fetch', entry: 'handler.js' },
    env: {},
    labels: {},
    sizeBytes: 0,
    fileCount: 0,
  })
  const known = new Set([ARTIFACT, OTHER])
  return {
    put: () => Promise.reject(new Error('not in this test')),
    get: (digest) => Promise.resolve(known.has(digest) ? manifest(digest) : undefined),
    has: (digest) => Promise.resolve(known.has(digest)),
    open: () => Promise.resolve('/'),
    tag: () => Promise.resolve(),
    references: () => Promise.resolve([]),
  }
}

async function apply(spec: FunctionSpec): Promise<void> {
  const found = await store.get(ref)
  const resource = { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'temp', namespace: 'default' }, spec }
  if (found === undefined) await store.create(resource)
  else await store.update(resource)
}

async function temp(): Promise<FunctionResource> {
  return (await store.get(ref)) as FunctionResource
}

async function revisions(): Promise<readonly RevisionResource[]> {
  return (await store.list({ group: 'weft.dev', kind: 'Revision' })).items as readonly RevisionResource[]
}

async function eventually(what: string, check: () => Promise<boolean>, deadlineMs = 5_000): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`${what}: ${JSON.stringify([(await temp())?.status, (await revisions()).map((each) => each.status)], null, 1)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const serves = (split: string) => async () => ((await temp()).status?.traffic ?? []).map((share) => `${share.revision}=${share.weight}`).join(' ') === split
const condition = async (type: string) => (await temp()).status?.conditions.find((entry) => entry.type === type)
const present = (name: string) => provider.list({ namespace: 'default', name }).filter((replica) => replica.phase === 'ready').length

describe('the controller', () => {
  it('cuts a revision, starts a replica, proves it and sends traffic there', async () => {
    await apply({ template: { artifact: ARTIFACT } })
    await eventually('traffic', serves('00001=100'))
    expect((await revisions())[0]?.metadata).toMatchObject({ name: 'temp-00001', labels: { app: 'temp', version: '00001', 'weft.dev/function': 'temp' } })
    await eventually('available', async () => (await temp()).status?.availableReplicas === 1)
    expect(await condition('Ready')).toMatchObject({ status: 'True' })
    expect(mesh.replicas.get('default/temp-00001')?.map((replica) => replica.serving)).toEqual([true])
  })

  it('sends the first traffic there is as soon as one of several replicas is proven', async () => {
    provider.failStarts(() =>
      provider.list().filter((replica) => replica.phase === 'ready').length > 0 ? { reason: 'ExitedNonZero', message: 'only one' } : undefined,
    )
    await apply({ template: { artifact: ARTIFACT }, scale: { replicas: 2 } })
    await eventually('traffic', serves('00001=100'))
  })

  it('moves traffic to a changed template when it is proven, and then ends the old replicas', async () => {
    await apply({ template: { artifact: ARTIFACT, revision: 'v1' } })
    await eventually('v1', serves('v1=100'))
    await apply({ template: { artifact: OTHER, revision: 'v2' } })
    await eventually('v2', serves('v2=100'))
    await eventually('v1 ended', async () => present('temp-v1') === 0)
    expect((await revisions()).find((each) => each.spec.revision === 'v1')?.status?.phase).toBe('Retired')
  })

  it('leaves the old revision serving when the new one never gets ready, and says why', async () => {
    await apply({ template: { artifact: ARTIFACT, revision: 'v1' } })
    await eventually('v1', serves('v1=100'))
    provider.failStarts((spec) => (spec.revision === 'v2' ? { reason: 'ExitedNonZero', message: 'SyntaxError: no' } : undefined))
    await apply({ template: { artifact: OTHER, revision: 'v2' } })
    await eventually('the reason', async () => (await condition('RevisionReady'))?.message.includes('SyntaxError: no') === true)
    expect(await serves('v1=100')()).toBe(true)
    expect(present('temp-v1')).toBe(1)
  })

  it('sends no traffic to a revision whose probe through the mesh fails', async () => {
    mesh.failProbes('connection refused')
    await apply({ template: { artifact: ARTIFACT } })
    await eventually('the reason', async () => (await condition('RevisionReady'))?.message.includes('connection refused') === true)
    expect((await temp()).status?.traffic).toEqual([])
    mesh.failProbes(undefined)
    await eventually('traffic', serves('00001=100'))
  })

  it('keeps a pinned split through a deploy and says what to do', async () => {
    await apply({ template: { artifact: ARTIFACT, revision: 'v1' } })
    await eventually('v1', serves('v1=100'))
    await apply({ template: { artifact: OTHER, revision: 'v2' }, traffic: [{ revision: 'v1', weight: 100 }] })
    await eventually('v2 proven', async () => (await revisions()).some((each) => each.spec.revision === 'v2' && each.status?.phase !== 'Pending'))
    expect(await serves('v1=100')()).toBe(true)
    expect((await condition('TrafficPinned'))?.message).toContain('weft traffic set temp v2=100')
  })

  it('splits traffic between two revisions and keeps both running', async () => {
    await apply({ template: { artifact: ARTIFACT, revision: 'v1' } })
    await eventually('v1', serves('v1=100'))
    await apply({
      template: { artifact: OTHER, revision: 'v2' },
      traffic: [
        { revision: 'v1', weight: 90 },
        { revision: 'v2', weight: 10 },
      ],
    })
    await eventually('the split', serves('v1=90 v2=10'))
    expect([present('temp-v1'), present('temp-v2')]).toEqual([1, 1])
  })

  it('refuses a revision name that stands for another template', async () => {
    await apply({ template: { artifact: ARTIFACT, revision: 'v1' } })
    await eventually('v1', serves('v1=100'))
    await apply({ template: { artifact: OTHER, revision: 'v1' } })
    await eventually('the refusal', async () => (await condition('RevisionReady'))?.reason === 'RevisionExists')
    expect(await serves('v1=100')()).toBe(true)
  })

  it('goes to zero when told so, and a held call wakes one replica however many calls are held', async () => {
    await apply({ template: { artifact: ARTIFACT } })
    await eventually('traffic', serves('00001=100'))
    await apply({ template: { artifact: ARTIFACT }, scale: { replicas: 0 } })
    await eventually('zero', async () => present('temp-00001') === 0)
    const workload = { namespace: 'default', name: 'temp-00001' }
    expect(await Promise.all([mesh.hold(workload), mesh.hold(workload)])).toMatchObject([{ ok: true }, { ok: true }])
    expect(present('temp-00001')).toBe(1)
  })

  it('goes to zero again at once when told so again, though a call had woken it', async () => {
    const scale = { replicas: 0 }
    await apply({ template: { artifact: ARTIFACT }, scale })
    await eventually('proven and at zero', async () => (await revisions())[0]?.status?.phase === 'Active' && present('temp-00001') === 0)
    expect(await mesh.hold({ namespace: 'default', name: 'temp-00001' })).toMatchObject({ ok: true })
    const fn = await temp()
    await store.update({ ...fn, metadata: { name: 'temp', namespace: 'default', annotations: { 'weft.dev/scaled-at': '2026-01-01T00:00:00Z' } } })
    await eventually('zero', async () => present('temp-00001') === 0)
  })

  it('goes to zero after the idle time, but not while a call is under way', async () => {
    await apply({ template: { artifact: ARTIFACT }, scale: { zeroAfter: '300ms' } })
    await eventually('traffic', serves('00001=100'))
    const workload = { namespace: 'default', name: 'temp-00001' }
    const end = Date.now() + 700
    while (Date.now() < end) {
      mesh.report({ workload, inProgress: 1, started: 0, intervalMs: 100 })
      expect(present('temp-00001')).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    mesh.report({ workload, inProgress: 0, started: 0, intervalMs: 100 })
    await eventually('zero', async () => present('temp-00001') === 0)
  })

  it('tells a held call why no replica starts', async () => {
    await apply({ template: { artifact: ARTIFACT }, scale: { replicas: 0 } })
    await eventually('proven and back at zero', async () => (await revisions())[0]?.status?.phase === 'Active' && present('temp-00001') === 0)
    provider.failStarts(() => ({ reason: 'OOMKilled', message: 'killed at 64 MiB' }))
    expect(await mesh.hold({ namespace: 'default', name: 'temp-00001' })).toMatchObject({
      ok: false,
      status: 503,
      reason: expect.stringContaining('killed at 64 MiB'),
    })
  })

  it('refuses the service account of another function until that grants it', async () => {
    await apply({ template: { artifact: ARTIFACT, serviceAccount: 'control' } })
    await eventually('the refusal', async () => (await condition('RevisionReady'))?.message.includes('weft.dev/granted-to') === true)
    expect(await revisions()).toEqual([])
  })

  it('says which image is missing', async () => {
    await apply({ template: { image: 'nobody/built:this' } })
    await eventually('the reason', async () => (await condition('RevisionReady'))?.message.includes('nobody/built:this') === true)
  })

  it('keeps ten revisions', async () => {
    for (let version = 1; version <= 12; version += 1) {
      await apply({ template: { artifact: ARTIFACT, env: { VERSION: String(version) }, revision: `r${version}` } })
      await eventually(`r${version}`, serves(`r${version}=100`))
    }
    await eventually('ten', async () => (await revisions()).length === 10)
    expect((await revisions()).map((each) => each.spec.number).toSorted((a, b) => a - b)[0]).toBe(3)
  })

  it('ends everything of a function that is removed', async () => {
    await apply({ template: { artifact: ARTIFACT } })
    await eventually('traffic', serves('00001=100'))
    await store.remove(ref)
    await eventually('nothing left', async () => provider.list().length === 0 && !mesh.replicas.get('default/temp-00001')?.length)
  })

  it('lets a held call wait for a replica that was ready when it crashed and is started again soon', async () => {
    mesh.failProbes('not yet')
    await apply({ template: { artifact: ARTIFACT } })
    await eventually('ready', async () => present('temp-00001') === 1)
    const held = mesh.hold({ namespace: 'default', name: 'temp-00001' })
    provider.crash(provider.list()[0]?.id ?? '', 'ExitedNonZero', 'exit code 1')
    mesh.failProbes(undefined)
    expect(await held).toMatchObject({ ok: true })
  })

  it('tells a held call at once why there is no replica, where it keeps crashing', async () => {
    await apply({ template: { artifact: ARTIFACT } })
    await eventually('traffic', serves('00001=100'))
    // The fifth start in a row comes after eight seconds.
    for (let crash = 1; crash <= 5; crash += 1) provider.crash(provider.list()[0]?.id ?? '', 'ExitedNonZero', 'exit code 1')
    expect(await mesh.hold({ namespace: 'default', name: 'temp-00001' })).toMatchObject({ ok: false, reason: 'CrashLoopBackOff: ExitedNonZero: exit code 1' })
  })

  it('wakes an old revision that only routes of others lead to, also one that it never ran itself', async () => {
    await apply({ template: { artifact: ARTIFACT, revision: 'v1' } })
    await eventually('v1', serves('v1=100'))
    await apply({ template: { artifact: OTHER, revision: 'v2' } })
    await eventually('v2', serves('v2=100'))
    await eventually('v1 ended', async () => present('temp-v1') === 0)
    await controller.close()
    await provider.close(1_000)
    provider = new MemoryProvider()
    const images = { resolveImage: (image: string) => Promise.reject(new WeftError('NOT_FOUND', { kind: 'image', name: image })) }
    controller = await startController({ store, provider, mesh, artifacts: artifacts(), images, outside, log: silentLog() })
    expect(await mesh.hold({ namespace: 'default', name: 'temp-v1' })).toMatchObject({ ok: true })
    expect(await mesh.hold({ namespace: 'default', name: 'temp-v9' })).toMatchObject({ ok: false, status: 503 })
  })

  it('forgets old revisions, but none that routes of others lead to', async () => {
    const resource = (apiVersion: string, kind: string, spec: unknown) => ({ apiVersion, kind, metadata: { name: 'temp', namespace: 'default' }, spec })
    const route = { route: [{ destination: { host: 'temp', subset: 'first' } }] }
    const rules = [
      resource('networking.istio.io/v1', 'DestinationRule', { host: 'temp', subsets: [{ name: 'first', labels: { version: 'v1' } }] }),
      resource('networking.istio.io/v1', 'VirtualService', { hosts: ['temp'], http: [route] }),
    ]
    for (let number = 1; number <= 13; number += 1) {
      await apply({ template: { artifact: number % 2 === 0 ? OTHER : ARTIFACT, revision: `v${number}` } })
      await eventually(`v${number}`, serves(`v${number}=100`))
      const known = [...rules, await temp(), ...(await revisions())].map((each) => ({ type: 'set' as const, resource: each }))
      mesh.know(createCompiler({ proxies: ['node'] }).apply(known).snapshot)
    }
    const kept = async () => (await revisions()).map(({ spec }) => spec.number).toSorted((a, b) => a - b)
    await eventually('two are gone', async () => (await kept()).length === 11)
    expect(await kept()).toEqual([1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
  })

  it('goes on where another controller stopped', async () => {
    await apply({ template: { artifact: ARTIFACT, revision: 'v1' } })
    await eventually('v1', serves('v1=100'))
    await controller.close()
    const before = (await revisions()).map((each) => each.metadata.uid)
    const second = new MemoryProvider()
    controller = await startController({
      store,
      provider: second,
      mesh,
      artifacts: artifacts(),
      images: { resolveImage: () => Promise.reject(new Error('no')) },
      outside,
      log: silentLog(),
    })
    await eventually('a replica again', async () => second.list().length === 1)
    expect(await serves('v1=100')()).toBe(true)
    expect((await revisions()).map((each) => each.metadata.uid)).toEqual(before)
    await second.close(1_000)
  })

  describe('with a canary', () => {
    const canary = { group: 'weft.dev', kind: 'Canary', namespace: 'default', name: 'temp' }
    const phase = async () => ((await store.get(canary)) as CanaryResource).status?.phase
    const count = (revision: string, ok: number, bad = 0) => [seen(`temp-${revision}`, ok), seen(`temp-${revision}`, bad, '503')]

    beforeEach(async () => {
      await apply({ template: { artifact: ARTIFACT, revision: 'v1' } })
      await eventually('v1', serves('v1=100'))
      const spec = { function: 'temp', steps: [20, 60], interval: '1s', analysis: { minRequests: 10, successRate: { min: 90 } } }
      await store.create({ apiVersion: 'weft.dev/v1alpha1', kind: 'Canary', metadata: { name: 'temp', namespace: 'default' }, spec })
      await eventually('stable known', async () => ((await store.get(canary)) as CanaryResource).status?.stable === 'v1')
    })

    it('gives a new revision its steps and then everything while it does well', async () => {
      let served = 0
      const traffic = setInterval(() => {
        served += 20
        mesh.see(...count('v1', served), ...count('v2', served))
      }, 50)
      await apply({ template: { artifact: OTHER, revision: 'v2' } })
      await eventually('first step', serves('v1=80 v2=20'))
      await eventually('second step', serves('v1=40 v2=60'), 8_000)
      await eventually('all', serves('v2=100'), 8_000)
      clearInterval(traffic)
      expect(await phase()).toBe('Succeeded')
      await eventually('v1 ended', async () => present('temp-v1') === 0)
    }, 30_000)

    it('takes a failing revision out within one interval, ends its replicas and stays with the stable one', async () => {
      await apply({ template: { artifact: OTHER, revision: 'v2' } })
      await eventually('first step', serves('v1=80 v2=20'))
      let served = 0
      const traffic = setInterval(() => {
        served += 20
        mesh.see(...count('v1', served), ...count('v2', 0, served))
      }, 50)
      await eventually('rolled back', serves('v1=100'), 8_000)
      clearInterval(traffic)
      expect(await phase()).toBe('Failed')
      await eventually('v2 ended', async () => present('temp-v2') === 0)
      expect(((await store.get(canary)) as CanaryResource).status?.history.map((event) => event.reason)).toEqual(['Started', 'Advanced', 'RolledBack'])
    }, 30_000)

    it('begins anew with a function that was removed during a run and is deployed again', async () => {
      await apply({ template: { artifact: OTHER, revision: 'v2' } })
      await eventually('first step', serves('v1=80 v2=20'))
      await store.remove({ group: 'weft.dev', kind: 'Function', namespace: 'default', name: 'temp' })
      for (const { metadata } of await revisions()) await store.remove({ group: 'weft.dev', kind: 'Revision', namespace: 'default', name: metadata.name })
      await eventually('forgotten', async () => (await phase()) === 'Idle')
      await apply({ template: { artifact: ARTIFACT, revision: 'v9' } })
      await eventually('served', serves('v9=100'))
      await eventually('stable known', async () => ((await store.get(canary)) as CanaryResource).status?.stable === 'v9')
    }, 30_000)

    it('obeys promote and abort', async () => {
      await apply({ template: { artifact: OTHER, revision: 'v2' } })
      await eventually('first step', serves('v1=80 v2=20'))
      const found = (await store.get(canary)) as CanaryResource
      await store.update({ ...found, metadata: { name: 'temp', namespace: 'default' }, spec: { ...found.spec, promote: 'v2' } })
      await eventually('promoted', serves('v2=100'))
      expect(await phase()).toBe('Succeeded')
    }, 30_000)
  })
})
