import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TestPlatform, until } from '@weft/test-harness'

/** What the clients of OpenFaaS (faas-cli and go-sdk 0.18) send, byte by byte, also where no Go is to build the real one. */
let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start()
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

const GO = { 'user-agent': 'faas-cli/0.18.0', 'accept-encoding': 'gzip' }
const call = (method: string, path: string, body?: unknown) => platform.remote(method, path, body, GO)

/** As faas-cli writes a deployment: every field, with `null` for what is not given. */
function deployment(service: string, fields: object = {}) {
  const rest = { network: '', constraints: null, secrets: [], labels: null, annotations: null, limits: null, requests: null, readOnlyRootFilesystem: false }
  return { service, image: 'functions/alpine:latest', namespace: '', envProcess: 'cat', envVars: {}, ...rest, ...fields }
}

describe('the clients of OpenFaaS', () => {
  it('log in by listing functions, and are refused in the words they know', async () => {
    expect((await call('GET', '/system/functions')).status).toBe(200)
    const refused = await platform.remote('GET', '/system/functions', undefined, { authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` })
    expect([refused.status, refused.headers['www-authenticate'], refused.text.trim()]).toEqual([401, 'Basic realm="Restricted"', 'invalid credentials'])
  })

  it('deploy by PUT, and after its 404 by POST', async () => {
    expect((await call('PUT', '/system/functions', deployment('shell'))).status).toBe(404)
    expect((await call('POST', '/system/functions', deployment('shell', { labels: { team: 'cold' } }))).status).toBe(202)
    expect((await call('POST', '/system/functions', deployment('shell'))).status).toBe(409)
    expect((await call('PUT', '/system/functions', deployment('shell', { envVars: { WORD: 'x' } }))).status).toBe(202)
  })

  it('invoke in the namespace openfaas-fn, which they take for the default', async () => {
    await until('it answers', async () => (await platform.call('shell.openfaas-fn', { body: 'as it is' })).text === 'as it is')
    expect((await platform.call('nobody.openfaas-fn', { body: 'x' })).status).toBe(404)
  })

  it('list and describe with the fields of faas-provider', async () => {
    await until('the update is through', async () => {
      const { replicas, availableReplicas } = JSON.parse((await call('GET', '/system/function/shell?usage=1')).text) as {
        replicas: number
        availableReplicas: number
      }
      return replicas === 1 && availableReplicas === 1
    })
    const [listed] = JSON.parse((await call('GET', '/system/functions?namespace=openfaas-fn')).text) as [Record<string, unknown>]
    expect(listed).toMatchObject({
      name: 'shell',
      namespace: 'openfaas-fn',
      image: 'functions/alpine:latest',
      envProcess: 'cat',
      replicas: 1,
      availableReplicas: 1,
    })
    expect(Date.parse(String(listed['createdAt']))).toBeGreaterThan(Date.now() - 120_000)
    for (let n = 0; n < 3; n += 1) await platform.call('shell.openfaas-fn', { body: 'counted' })
    await until('the invocations are counted', async () => {
      const [now] = JSON.parse((await call('GET', '/system/functions')).text) as [{ invocationCount: number }]
      return now.invocationCount >= 3
    })
  })

  it('scale, old clients with the namespace in the query and new ones in the body', async () => {
    expect((await call('POST', '/system/scale-function/shell?namespace=openfaas-fn', { serviceName: 'shell', replicas: 2 })).status).toBe(202)
    await until(
      'two replicas',
      async () => (JSON.parse((await call('GET', '/system/function/shell')).text) as { availableReplicas?: number }).availableReplicas === 2,
    )
    expect((await call('POST', '/system/scale-function/shell', { serviceName: 'shell', replicas: 1, namespace: 'default' })).status).toBe(202)
    expect((await call('POST', '/system/scale-function/nobody', { serviceName: 'nobody', replicas: 1 })).status).toBe(404)
  })

  it('read logs as lines of JSON, each with the name of the function alone', async () => {
    const lines = await until('log lines', async () => {
      const { status, headers, text } = await call(
        'GET',
        `/system/logs?follow=false&name=shell&namespace=&tail=-1&since=${encodeURIComponent(new Date(Date.now() - 300_000).toISOString())}`,
      )
      expect([status, headers['content-type']]).toEqual([200, expect.stringMatching(/^application\/x-ndjson/)])
      return text !== '' && text.trim().split('\n')
    })
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({ name: 'shell', instance: expect.any(String), timestamp: expect.any(String), text: expect.any(String) })
    expect((await call('GET', '/system/logs?name=shell&since=yesterday')).status).toBe(422)
  })

  it('keep secrets with the codes that they take', async () => {
    const secret = { name: 'api-key', namespace: '', value: 'first' }
    expect((await call('POST', '/system/secrets', secret)).status).toBe(202)
    expect((await call('POST', '/system/secrets', secret)).status).toBe(409)
    expect((await call('PUT', '/system/secrets', { ...secret, value: '', rawValue: Buffer.from('second').toString('base64') })).status).toBe(202)
    expect(JSON.parse((await call('GET', '/system/secrets?namespace=')).text)).toEqual([{ name: 'api-key', namespace: 'default' }])
    await call('POST', '/system/functions', deployment('reader', { envProcess: 'cat /var/openfaas/secrets/api-key', secrets: ['api-key'] }))
    await until('it reads the secret', async () => (await platform.call('reader.openfaas-fn', { body: '' })).text === 'second')
    expect((await call('DELETE', '/system/secrets', { name: 'api-key' })).status).toBe(202)
    expect((await call('DELETE', '/system/secrets', { name: 'api-key' })).status).toBe(404)
  })

  it('make namespaces at the path with a slash behind it, and use them', async () => {
    expect((await call('POST', '/system/namespace/', { name: 'staging', labels: { openfaas: '1' }, annotations: { openfaas: '1' } })).status).toBeLessThan(203)
    expect(JSON.parse((await call('GET', '/system/namespaces')).text)).toEqual(expect.arrayContaining(['staging']))
    expect((await call('POST', '/system/functions', deployment('shell', { namespace: 'staging' }))).status).toBe(202)
    await until('it answers', async () => (await platform.call('shell.staging', { body: 'there' })).text === 'there')
    expect((await call('DELETE', '/system/functions?namespace=staging', { functionName: 'shell' })).status).toBe(202)
    expect((await call('DELETE', '/system/namespace/staging', { name: 'staging' })).status).toBeLessThan(203)
  })

  it('ask who is there, and are told in the words of a provider', async () => {
    const info = JSON.parse((await call('GET', '/system/info')).text) as Record<string, unknown>
    expect(info).toMatchObject({
      provider: { provider: expect.any(String), orchestration: expect.any(String), version: { release: expect.any(String) } },
      version: { release: expect.any(String) },
      arch: expect.any(String),
    })
    expect((await platform.remote('GET', '/healthz', undefined, {})).status).toBe(200)
  })

  it('remove, once', async () => {
    expect((await call('DELETE', '/system/functions', { functionName: 'shell' })).status).toBe(202)
    await until('it is gone', async () => (await platform.call('shell.openfaas-fn')).status === 404)
    expect((await call('DELETE', '/system/functions', { functionName: 'shell' })).status).toBe(404)
  })
})
