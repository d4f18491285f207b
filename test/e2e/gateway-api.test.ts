import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, TestPlatform, until } from '@weft/test-harness'

const say = (text: string) => `export default () => new Response('${text}')`
/** Calls another function a number of times, and tells what it answered. */
const CALLER = `export default async (request) => {
  const user = request.headers.get('end-user')
  const one = async () => (await fetch('http://temp.default/', user === null ? {} : { headers: { 'end-user': user } })).text()
  return Response.json(await Promise.all(Array.from({ length: 50 }, one)))
}
`
/** As a user of the Gateway API writes it. */
const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: temp
spec:
  parentRefs:
    - group: ""
      kind: Service
      name: temp
  rules:
    - matches:
        - headers:
            - name: end-user
              value: jason
      backendRefs:
        - name: temp-next
          port: 8080
    - backendRefs:
        - name: temp
          port: 8080
          weight: 90
        - name: temp-next
          port: 8080
          weight: 10
`
const EDGE = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: edge
spec:
  gatewayClassName: istio
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      hostname: "*.example.org"
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: edge
spec:
  parentRefs:
    - name: edge
  hostnames: ["temp.example.org"]
  rules:
    - filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier:
            set: [{ name: x-edge, value: "yes" }]
      backendRefs:
        - name: temp-next
          port: 8080
`

let platform: TestPlatform
beforeAll(async () => {
  platform = await TestPlatform.start()
  await Promise.all([platform.deploy('temp', say('now')), platform.deploy('temp-next', say('next')), platform.deploy('caller', CALLER)])
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

async function file(name: string, text: string): Promise<string> {
  const path = join(platform.dataDir, name)
  await writeFile(path, text)
  return path
}

const ways: readonly (readonly [string, (user?: string) => Promise<readonly string[]>])[] = [
  [
    'from outside',
    async (user) => {
      const options = user === undefined ? {} : { headers: { 'end-user': user } }
      return (await Promise.all(Array.from({ length: 200 }, () => platform.call('temp', options)))).map(({ text }) => text)
    },
  ],
  [
    'from a function',
    async (user) => {
      const options = user === undefined ? {} : { headers: { 'end-user': user } }
      const answers = await Promise.all(Array.from({ length: 4 }, () => platform.call('caller', options)))
      return answers.flatMap(({ text }) => JSON.parse(text) as string[])
    },
  ],
]
const shareOfNext = (answers: readonly string[]) => answers.filter((text) => text === 'next').length / answers.length
const state = async (name: string) => {
  const { status } = JSON.parse(await platform.weftOk(['get', 'httproute', name, '-o', 'json'])) as {
    status?: { parents: readonly { conditions: readonly { type: string; status: string; reason: string }[] }[] }
  }
  return (status?.parents ?? []).flatMap(({ conditions }) => conditions.map((each) => `${each.type}=${each.status} ${each.reason}`))
}

describe('an HTTPRoute for calls of a function', () => {
  it('is applied, and says that it is in force', async () => {
    expect(await platform.weftOk(['mesh', 'analyze', '-f', await file('route.yaml', ROUTE), '--platform'])).toMatch(/in order/)
    expect(await platform.weftOk(['apply', '-f', await file('route.yaml', ROUTE)])).toMatch(/HTTPRoute temp/)
    await until('its status', async () => (await state('temp')).join() === 'Accepted=True Accepted,ResolvedRefs=True ResolvedRefs')
    expect(await platform.weftOk(['get', 'httproutes', '-o', 'name'])).toBe('httproute/temp\n')
    const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
    const { text } = await platform.api('GET', '/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes', undefined, table)
    expect((JSON.parse(text) as { rows: { cells: unknown[] }[] }).rows[0]?.cells.slice(0, 3)).toEqual(['temp', '', 'Accepted'])
    expect(await platform.weftOk(['mesh', 'describe', 'temp'])).toMatch(/HTTPRoute/)
  }, 30_000)

  it.each(ways)(
    'shares calls out %s, and sends one user to the next version',
    async (_way, calls) => {
      await until('the route', async () => (await calls('jason')).every((text) => text === 'next'))
      const share = shareOfNext(await calls())
      expect(share).toBeGreaterThan(0.01)
      expect(share).toBeLessThan(0.25)
    },
    30_000,
  )

  it('says what is wrong with it, and answers the rest', async () => {
    const broken = await file(
      'broken.yaml',
      ROUTE.replace('name: temp-next\n          port: 8080\n          weight: 10', 'name: nobody\n          port: 8080\n          weight: 10'),
    )
    expect(await platform.weftOk(['apply', '-f', broken])).toMatch(/HTTPRoute temp/)
    await until('its status', async () => (await state('temp')).includes('ResolvedRefs=False BackendNotFound'))
    const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await platform.call('temp')).status))
    expect(new Set(statuses)).toEqual(new Set([200, 500]))
  }, 30_000)

  it('is refused with the field that is not supported', async () => {
    const { code, stderr } = await platform.weft([
      'apply',
      '-f',
      await file('retry.yaml', ROUTE.replace('      backendRefs:', '      retry: { attempts: 2 }\n      backendRefs:')),
    ])
    expect([code === 0, stderr]).toEqual([false, expect.stringMatching(/spec\.rules\[0\]\.retry: field retry of HTTPRoute is not supported yet/)])
  })

  it('leaves the calls to the function when it is removed', async () => {
    await platform.weftOk(['delete', '-f', await file('route.yaml', ROUTE)])
    await until('its own answers', async () => (await Promise.all(Array.from({ length: 30 }, () => platform.call('temp')))).every(({ text }) => text === 'now'))
  }, 30_000)
})

describe('a Gateway of the Gateway API', () => {
  it('has a host of its own on the platform\u2019s port', async () => {
    await platform.weftOk(['apply', '-f', await file('edge.yaml', EDGE)])
    const answer = await until('the host', async () => {
      const got = await ask(`${platform.gateway}/any/path`, { headers: { host: 'temp.example.org' } })
      return got.status === 200 && got
    })
    expect([answer.text, answer.headers['x-edge']]).toEqual(['next', 'yes'])
    const { status } = JSON.parse(await platform.weftOk(['get', 'gateways.gateway.networking.k8s.io', 'edge', '-o', 'json'])) as {
      status?: { listeners: readonly { attachedRoutes: number }[] }
    }
    expect(status?.listeners[0]?.attachedRoutes).toBe(1)
    await platform.weftOk(['delete', '-f', await file('edge.yaml', EDGE)])
    await until('it is gone', async () => (await ask(`${platform.gateway}/any/path`, { headers: { host: 'temp.example.org' } })).status === 404)
  }, 30_000)
})
