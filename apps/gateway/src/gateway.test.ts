import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { createLog } from '@weft/kit'
import { AUTHORIZATION, makeWorld } from '../test/world.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-gateway-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

function ask(socketPath: string, path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, agent: false, headers: { authorization: AUTHORIZATION } }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode, body }))
    })
    request.on('error', reject)
    request.end()
  })
}

describe('listening', () => {
  it('is on a Unix socket for the owner alone, and replaces what an earlier life left there', async () => {
    await using world = await makeWorld()
    const socketPath = join(directory, 'gateway.sock')
    await writeFile(socketPath, '')
    await world.gateway.listen({ socketPath })
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600)
    expect(await ask(socketPath, '/healthz')).toEqual({ status: 200, body: 'OK' })
    expect(await ask(socketPath, '/system/functions')).toEqual({ status: 200, body: '[]' })
  })

  it('says who could not be listened to', async () => {
    await using first = await makeWorld()
    await using second = await makeWorld()
    const { metrics } = await first.gateway.listen({ metrics: { host: '127.0.0.1', port: 0 } })
    await expect(second.gateway.listen({ metrics: { host: '127.0.0.1', port: metrics?.port ?? 0 } })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  it('makes the platform’s namespaces, also when they are there', async () => {
    await using world = await makeWorld()
    await world.gateway.listen({})
    const { items } = await world.store.list({ group: '', kind: 'Namespace' })
    expect(items.map((item) => item.metadata.name).toSorted()).toEqual(['default', 'weft-system'])
  })
})

describe('closing', () => {
  it('says 503 first, lets what is under way end, and is done once however often it is called', async () => {
    const world = await makeWorld()
    const socketPath = join(directory, 'gateway.sock')
    await world.gateway.listen({ socketPath })
    const held = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    world.mesh.status = async () => {
      reached.resolve()
      await held.promise
      return { snapshotVersion: 7, trustDomain: 'x', path: 'direct', proxies: [], findings: [], certificateWarnings: [] }
    }
    const underWay = ask(socketPath, '/apis/mesh.weft.dev/v1alpha1/status')
    await reached.promise
    const probe = connect(socketPath)
    await new Promise((resolve) => probe.once('connect', resolve))
    const closed = [world.gateway.close(5_000), world.gateway.close(5_000)]
    expect((await world.gateway.metrics.inject({ url: '/healthz' })).statusCode).toBe(503)
    held.resolve()
    expect(await underWay).toMatchObject({ status: 200 })
    probe.destroy()
    await Promise.all(closed)
    await expect(ask(socketPath, '/healthz')).rejects.toMatchObject({ code: expect.stringMatching(/ENOENT|ECONNREFUSED/) })
    await world[Symbol.asyncDispose]()
  })

  it('cuts what does not end by the deadline', async () => {
    const world = await makeWorld()
    const socketPath = join(directory, 'gateway.sock')
    await world.gateway.listen({ socketPath })
    const reached = Promise.withResolvers<void>()
    world.mesh.status = () => {
      reached.resolve()
      return new Promise(() => undefined)
    }
    const underWay = ask(socketPath, '/apis/mesh.weft.dev/v1alpha1/status')
    underWay.catch(() => undefined)
    await reached.promise
    await world.gateway.close(20)
    await expect(underWay).rejects.toMatchObject({ code: 'ECONNRESET' })
    await world[Symbol.asyncDispose]()
  })
})

describe('errors', () => {
  it('are JSON for who asks for it, text for clients of OpenFaaS, a Status on Kubernetes-shaped paths', async () => {
    await using world = await makeWorld()
    const json = await world.call('GET', '/system/function/nope', undefined, { accept: 'application/json' })
    expect(json.json).toEqual({ error: { code: 'NOT_FOUND', message: 'function nope does not exist', help: 'list what there is with: weft get function' } })
    const text = await world.call('GET', '/system/function/nope')
    expect([text.headers['content-type'], text.text]).toEqual([
      'text/plain; charset=utf-8',
      'function nope does not exist\nlist what there is with: weft get function\n',
    ])
    const status = await world.call('GET', '/apis/weft.dev/v1alpha1/namespaces/default/functions/nope')
    expect(status.json).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 })
    expect((await world.call('GET', '/apis/mesh.weft.dev/v1alpha1/config/nope')).text).toContain('the mesh knows no host')
  })

  it('that nobody expected are a 500 with an id that the log has, never their text', async () => {
    const lines: string[] = []
    const log = createLog({ format: 'json', level: 'info', write: (line) => void lines.push(line) })
    await using world = await makeWorld({ log })
    world.store.list = () => Promise.reject(new Error('password=hunter2 in /etc/x'))
    const answer = await world.call('GET', '/system/functions', undefined, { accept: 'application/json' })
    expect([answer.status, answer.json['error']?.['code']]).toEqual([500, 'INTERNAL'])
    expect(answer.text).not.toContain('hunter2')
    expect(lines.find((line) => line.includes(String(answer.json['error']?.['id'])))).toContain('hunter2')
  })

  it.each([
    ['GET', '/nothing', undefined, {}, 404, 'the API has no GET /nothing'],
    ['GET', '/system/%zz', undefined, {}, 400, 'percent-encoding'],
    ['GET', `/system/function/${'a'.repeat(600)}`, undefined, {}, 400, 'too long'],
    ['POST', '/async-function/temp', '', {}, 501, 'asynchronous invocation is not available'],
    ['POST', '/system/functions', '{', {}, 400, 'not valid JSON'],
    ['POST', '/system/functions', '', {}, 400, 'body: must be object'],
    ['POST', '/system/functions', '[]', {}, 400, 'body: must be object'],
    ['POST', '/system/functions', '{"service":"x","image":"y","labels":{"__proto__":"x"}}', {}, 400, '__proto__'],
    ['POST', '/system/functions', `{"service":"x","source":${'['.repeat(100)}${']'.repeat(100)}}`, {}, 400, 'deeper than'],
    ['POST', '/system/functions', ' '.repeat(5 * 2 ** 20), {}, 413, 'larger than 4194304 bytes'],
    ['POST', '/system/alert', '{"alerts":{}}', {}, 400, 'body.alerts'],
    ['GET', '/ui/', undefined, {}, 404, 'the API has no'],
    ['TRACE', '/system/functions', undefined, {}, 404, ''],
  ])('%s %p answers as it should', async (method, url, body, headers, status, reason) => {
    await using world = await makeWorld()
    const answer = await world.call(method, url, body, headers)
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(reason)])
  })
})

describe('the platform', () => {
  it('tells its version as the clients of OpenFaaS read it', async () => {
    await using world = await makeWorld()
    expect((await world.call('GET', '/system/info')).json).toEqual({
      provider: { provider: 'weft', orchestration: 'weft', version: { sha: 'abc', release: '0.1.0' } },
      version: { sha: 'abc', release: '0.1.0' },
      arch: expect.stringMatching(/x86_64|arm64/),
    })
    expect((await world.call('GET', '/system/telemetry')).json).toEqual({ enabled: false })
    const alert = { receiver: 'x', status: 'firing', alerts: [{ status: 'firing', labels: { alertname: 'APIHighInvocationRate', function_name: 'temp' } }] }
    expect((await world.call('POST', '/system/alert', alert)).status).toBe(202)
  })

  it('tells of the mesh', async () => {
    await using world = await makeWorld()
    const base = '/apis/mesh.weft.dev/v1alpha1'
    await world.mesh.setReplicas({ namespace: 'default', name: 'temp' }, [])
    expect((await world.call('GET', `${base}/status`)).json).toMatchObject({ snapshotVersion: 1, proxies: [] })
    expect((await world.call('GET', `${base}/config/temp`)).json).toMatchObject([{ workload: { name: 'temp' } }])
    expect((await world.call('GET', `${base}/config/temp.openfaas-fn`)).status).toBe(200)
    const before = (await world.call('GET', `${base}/certs`)).text
    expect((await world.call('POST', `${base}/rotate`)).status).toBe(202)
    expect((await world.call('GET', `${base}/certs`)).text).not.toBe(before)
    expect((await world.call('GET', `${base}/rotate`)).status).toBe(404)
    expect((await world.call('POST', `${base}/rotate-root`)).json).toMatchObject({ phase: 'signs', stragglers: [] })
    expect((await world.call('GET', `${base}/invocations`)).json).toEqual([])
  })
})
