import { Agent } from 'node:http'
import { afterAll, describe, expect, it } from '@jest/globals'
import { drainUnderTraffic, logged, stopAll } from '@weft/runtime-nodejs/testing'
import { startReplica } from '../../test/harness.ts'

afterAll(stopAll)

describe('a drain', () => {
  it('loses no request of a pool that still uses its connections, and ends when the pool has closed them', async () => {
    const replica = await startReplica({ command: 'cat' })
    const { agent, answers, failures } = await drainUnderTraffic(replica, 8, 50)
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
