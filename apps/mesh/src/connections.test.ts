import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventually, startFixture, type Fixture } from './testing/fixture.ts'

const MOST = 40

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture({ settings: { maxConnections: MOST } })
})
afterAll(() => fixture.close())

/** Opens connections that say nothing, beside one that there is. @returns those that the proxy has not closed */
async function silent(port: number, count: number): Promise<readonly Socket[]> {
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      await once(socket, 'connect')
      return socket
    }),
  )
  await eventually(() => sockets.filter(({ closed }) => closed).length >= count - MOST || undefined)
  return sockets.filter(({ closed }) => !closed)
}

function status(options: { readonly port: number; readonly agent: Agent; readonly path: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ ...options, host: '127.0.0.1' }, (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)))
      .on('error', reject)
      .end()
  })
}

describe('more connections than a proxy may take', () => {
  it('are closed, and calls on the others go on, those that must wait for a replica too', async () => {
    for (const name of ['first', 'second']) await fixture.mesh.settled(await fixture.deploy(name), 5_000)
    const port = fixture.layout.ingress?.port ?? 0
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    expect(await status({ port, agent, path: '/function/first' })).toBe(200)
    const open = await silent(port, MOST * 2)
    expect(open.length).toBeLessThanOrEqual(MOST)
    await expect(fixture.call('/function/first')).rejects.toThrow()
    expect(await status({ port, agent, path: '/function/second' })).toBe(200)
    expect(fixture.woken).toEqual(['first-v1', 'second-v1'])
    for (const socket of open) socket.destroy()
    await eventually(async () => (await fixture.call('/function/first').catch(() => undefined))?.status === 200 || undefined)
    agent.destroy()
  })
})
