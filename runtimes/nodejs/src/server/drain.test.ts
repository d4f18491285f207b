import { Agent } from 'node:http'
import { afterAll, describe, expect, it } from '@jest/globals'
import { WebSocket } from 'ws'
import { logged, type Replica, startReplica, stopAll, until } from '../../test/harness.ts'
import { drainUnderTraffic } from '../../test/traffic.ts'

const SOURCE = `
const { WebSocketServer } = require('ws')
const sockets = new WebSocketServer({ noServer: true })
module.exports = (req, res) => { console.log(req.path, 'began'); setTimeout(() => res.end('ok'), req.path === '/slow' ? 300 : Math.random() * 4) }
module.exports.upgrade = (req, socket, head) => sockets.handleUpgrade(req, socket, head, (ws) => ws.on('message', (data) => ws.send('echo ' + data)))
`

const start = (config: Readonly<Record<string, unknown>> = {}): Promise<Replica> =>
  startReplica({ contract: 'node-http', source: SOURCE, libraries: true, config })

afterAll(stopAll)

describe('a drain', () => {
  it('loses no request of a pool that still uses its connections, and ends when the pool has closed them', async () => {
    for (let round = 0; round < 5; round += 1) {
      const replica = await start()
      const { agent, answers, failures } = await drainUnderTraffic(replica, 16, 200)
      expect(replica.child.exitCode).toBeNull()
      agent.destroy()
      expect(await replica.exited).toBe(0)
      expect(failures).toEqual([])
      expect(answers.every((answer) => answer.status === 200 && answer.headers.connection !== 'close')).toBe(true)
    }
  })

  it('answers probes on open connections with 503, and accepts no new connection', async () => {
    const replica = await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const health = () => replica.ask({ agent, path: '/_/health' })
    expect((await health()).status).toBe(200)
    replica.child.kill('SIGTERM')
    let status = 200
    const end = Date.now() + 5000
    while (status === 200 && Date.now() < end) status = (await health()).status
    expect(status).toBe(503)
    await expect(replica.ask({ agent: new Agent() })).rejects.toThrow(/ECONNREFUSED/)
    agent.destroy()
    expect(await replica.exited).toBe(0)
  })

  it('lets a WebSocket and a slow call end', async () => {
    const replica = await start()
    const socket = new WebSocket(`ws+unix:${replica.socketPath}:/`)
    let got = ''
    socket.on('message', (data: Buffer) => (got = data.toString()))
    await new Promise((done) => socket.once('open', done))
    const slow = replica.ask({ path: '/slow', agent: new Agent() })
    await until(() => replica.log().includes('/slow began'), 'the slow call')
    replica.child.kill('SIGTERM')
    expect((await slow).body).toBe('ok')
    socket.send('still here')
    await until(() => got === 'echo still here', 'the echo')
    socket.close()
    expect(await replica.exited).toBe(0)
  })

  it('ends at its deadline and says what was cut; a second SIGTERM changes nothing', async () => {
    const replica = await start({ drainTimeoutMs: 100, timeoutMs: 0 })
    const slow = replica.ask({ path: '/slow', agent: new Agent() }).then(
      () => 'answered',
      () => 'cut',
    )
    await until(() => replica.log().includes('/slow began'), 'the slow call')
    replica.child.kill('SIGTERM')
    replica.child.kill('SIGTERM')
    expect(await replica.exited).toBe(0)
    expect(await slow).toBe('cut')
    await expect(logged(replica, 'drain: 1 calls were cut after 100 ms')).resolves.toBeUndefined()
  })
})
