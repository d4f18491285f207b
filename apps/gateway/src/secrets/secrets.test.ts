import { describe, expect, it } from '@jest/globals'
import { makeWorld } from '../../test/world.ts'
import { REDACTED } from './redaction.ts'

const KUBERNETES = '/api/v1/namespaces/default/secrets/key'
const read = async (world: Awaited<ReturnType<typeof makeWorld>>) => {
  const found = (await world.store.get({ group: '', kind: 'Secret', namespace: 'default', name: 'key' })) as { data?: Record<string, string> } | undefined
  return Object.fromEntries(Object.entries(found?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]))
}

describe('secrets in the words of OpenFaaS', () => {
  it('are created, replaced, listed by name alone, and removed with 202', async () => {
    await using world = await makeWorld()
    const steps = [
      await world.call('POST', '/system/secrets', { name: 'key', value: 'first' }),
      await world.call('POST', '/system/secrets', { name: 'key', value: 'again' }),
      await world.call('PUT', '/system/secrets', { name: 'key', value: 'second' }),
    ]
    expect(steps.map(({ status }) => status)).toEqual([202, 409, 202])
    expect(await read(world)).toEqual({ key: 'second' })
    const list = await world.call('GET', '/system/secrets')
    expect(list.json).toEqual([{ name: 'key', namespace: 'default' }])
    expect((await world.call('DELETE', '/system/secrets', { name: 'key' })).status).toBe(202)
    expect((await world.call('DELETE', '/system/secrets', { name: 'key' })).status).toBe(404)
    expect((await world.call('PUT', '/system/secrets', { name: 'key', value: 'x' })).status).toBe(404)
  })

  it('take raw bytes as base64', async () => {
    await using world = await makeWorld()
    expect((await world.call('POST', '/system/secrets', { name: 'key', rawValue: Buffer.from('bytes').toString('base64') })).status).toBe(202)
    expect(await read(world)).toEqual({ key: 'bytes' })
  })

  it.each([
    ['no value', { name: 'key' }, 400],
    ['an empty value', { name: 'key', value: '', rawValue: null }, 400],
    ['no base64', { name: 'key', rawValue: '§§§' }, 400],
    ['a bad name', { name: '../key', value: 'x' }, 400],
    ['a namespace that is not there', { name: 'key', namespace: 'nope', value: 'x' }, 404],
  ])('are refused with %s, and nothing changes', async (_name, body, status) => {
    await using world = await makeWorld()
    const before = await world.contents()
    expect((await world.call('POST', '/system/secrets', body)).status).toBe(status)
    expect(await world.contents()).toBe(before)
  })

  it.each(['/system/secrets?namespace=prod', '/system/secrets'])('are found in both styles of namespace: %s', async (url) => {
    await using world = await makeWorld()
    await world.call('POST', '/system/namespace/', { name: 'prod' })
    const inBody = url.includes('?') ? {} : { namespace: 'prod' }
    expect((await world.call('POST', url, { name: 'key', value: 'x', ...inBody })).status).toBe(202)
    expect((await world.call('GET', '/system/secrets?namespace=prod')).json).toEqual([{ name: 'key', namespace: 'prod' }])
    expect((await world.call('DELETE', url, { name: 'key', ...inBody })).status).toBe(202)
  })
})

describe('secrets under Kubernetes-shaped paths', () => {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { password: 'hidden', user: 'admin' } }

  it('show their values only when asked for', async () => {
    await using world = await makeWorld()
    const created = await world.call('POST', '/api/v1/namespaces/default/secrets', secret)
    expect(created.status).toBe(201)
    const answers = [
      created,
      await world.call('GET', KUBERNETES),
      await world.call('GET', '/api/v1/secrets'),
      await world.call('GET', '/api/v1/secrets?watch=1&timeoutSeconds=1'),
    ]
    for (const { text } of answers) {
      expect(text).toContain(REDACTED)
      for (const value of ['hidden', Buffer.from('hidden').toString('base64')]) expect(text).not.toContain(value)
    }
    expect((await world.call('GET', `${KUBERNETES}?reveal=1`)).json).toMatchObject({ data: { password: Buffer.from('hidden').toString('base64') } })
  })

  it('keep a value that is written back as it was shown', async () => {
    await using world = await makeWorld()
    await world.call('POST', '/api/v1/namespaces/default/secrets', secret)
    const shown = JSON.parse((await world.call('GET', KUBERNETES)).text) as { data: Record<string, string> }
    const changed = { ...shown, data: { ...shown.data, user: Buffer.from('root').toString('base64') } }
    expect((await world.call('PUT', KUBERNETES, changed)).status).toBe(200)
    expect(await read(world)).toEqual({ password: 'hidden', user: 'root' })
  })

  it('refuse the placeholder of a value that is not there', async () => {
    await using world = await makeWorld()
    expect((await world.call('POST', '/api/v1/namespaces/default/secrets', { ...secret, stringData: {}, data: { a: REDACTED } })).status).toBe(400)
  })

  it('are not kept in an annotation that a client made of them', async () => {
    await using world = await makeWorld()
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(secret) }
    await world.call('POST', '/api/v1/namespaces/default/secrets', { ...secret, metadata: { name: 'key', annotations } })
    expect((await world.call('GET', KUBERNETES)).text).not.toContain('last-applied')
  })
})
