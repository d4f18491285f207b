import { Agent } from 'node:http'
import { afterAll, describe, expect, it } from '@jest/globals'
import { logged, startReplica, stopAll, until, type Answer } from '../../test/harness.ts'

afterAll(stopAll)

describe('a drain', () => {
  it('loses no request of a pool that still uses its connections, and ends when the pool has closed them', async () => {
    const replica = await startReplica({ command: 'cat' })
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    const answers: Answer[] = []
    const failures: unknown[] = []
    const traffic = { on: true }
    const client = async (): Promise<void> => {
      while (traffic.on)
        await replica.ask({ agent, body: 'x' }).then(
          (answer) => answers.push(answer),
          (error: unknown) => failures.push(error),
        )
    }
    const clients = Array.from({ length: 8 }, client)
    await until(() => answers.length > 50, 'traffic')
    replica.child.kill('SIGTERM')
    const before = answers.length
    await until(() => answers.length > before + 50, 'traffic while draining')
    traffic.on = false
    await Promise.all(clients)
    expect(replica.child.exitCode).toBeNull()
    const probe = await replica.ask({ agent, path: '/_/health' })
    expect(probe.status).toBe(503)
    agent.destroy()
    expect(await replica.exited).toBe(0)
    expect(failures).toEqual([])
    expect(answers.every(({ status, headers }) => status === 200 && headers.connection !== 'close')).toBe(true)
  })

  it('ends at its deadline and says what was cut', async () => {
    const replica = await startReplica({ command: 'sleep 9', config: { drainTimeoutMs: 100, timeoutMs: 0 } })
    const slow = replica.ask({ agent: new Agent() }).catch(() => 'cut')
    await logged(replica, 'Forking fprocess.')
    replica.child.kill('SIGTERM')
    replica.child.kill('SIGTERM')
    expect(await replica.exited).toBe(0)
    expect(await slow).toBe('cut')
    await logged(replica, 'drain: 1 calls were cut after 100 ms')
  })
})
