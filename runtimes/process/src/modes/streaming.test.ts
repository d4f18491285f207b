import { afterAll, describe, expect, it } from '@jest/globals'
import { Agent, request } from 'node:http'
import { logged, startReplica, stopAll, until } from '../../test/harness.ts'

afterAll(stopAll)

describe('mode streaming', () => {
  it('answers while the program still runs, and feeds it while the body still comes', async () => {
    const replica = await startReplica({ mode: 'streaming', command: 'cat', env: { content_type: 'text/plain' } })
    const said: string[] = []
    const outgoing = request({ socketPath: replica.socketPath, method: 'POST', agent: new Agent() })
    outgoing.on('response', (response) => response.on('data', (chunk: Buffer) => said.push(chunk.toString())))
    for (const word of ['one', 'two', 'three']) {
      outgoing.write(word)
      await until(() => said.join('').endsWith(word), `${word} comes back`)
    }
    const ended = new Promise((done) => outgoing.once('close', done))
    outgoing.end()
    await ended
    await logged(replica, 'POST / - 200 OK - ContentLength: 11B')
  })

  it.each([
    ['in one piece', false, 20_000_000],
    ['without a length', true, 20_000_000],
    ['a short one without a length', true, 3],
  ])('carries a body %s', async (_name, chunked, size) => {
    const replica = await startReplica({ mode: 'streaming', command: 'wc -c /dev/stdin' })
    expect((await replica.ask({ body: 'x'.repeat(size), chunked })).body).toBe(`${size} /dev/stdin\n`)
  })

  it('waits for a reader that is slow, and does not hold the output in memory', async () => {
    const replica = await startReplica({ mode: 'streaming', command: 'head -c 300000000 /dev/zero', config: { timeoutMs: 30_000 } })
    const size = await new Promise<number>((done, failed) => {
      const outgoing = request({ socketPath: replica.socketPath, agent: new Agent() }, (response) => {
        let seen = 0
        response.on('data', (chunk: Buffer) => (seen += chunk.length))
        response.pause()
        setTimeout(() => response.resume(), 300)
        response.on('end', () => done(seen))
      })
      outgoing.on('error', failed).end()
    })
    expect(size).toBe(300_000_000)
  })

  it.each([
    ['that fails without a word is a 500', 'exit 4', 500, ''],
    ['that fails after it wrote keeps its answer', 'echo differs; exit 1', 200, 'differs\n'],
    ['that writes nothing is an empty 200', 'true', 200, ''],
  ])('a program %s', async (_name, script, status, body) => {
    const replica = await startReplica({ mode: 'streaming', command: 'sh run.sh', files: { 'run.sh': script } })
    const answer = await replica.ask()
    expect(answer.status).toBe(status)
    if (status === 200) expect(answer.body).toBe(body)
  })

  it('cuts the answer of a program that is killed or late in the midst of it', async () => {
    const killed = await startReplica({ mode: 'streaming', command: 'sh run.sh', files: { 'run.sh': 'echo part; sleep 0.1; kill -9 $$' } })
    await expect(killed.ask({ agent: new Agent() })).rejects.toThrow(/aborted|ECONNRESET/)
    const late = await startReplica({ mode: 'streaming', command: 'sh run.sh', files: { 'run.sh': 'echo part; sleep 9' }, env: { exec_timeout: '200ms' } })
    await expect(late.ask({ agent: new Agent() })).rejects.toThrow(/aborted|ECONNRESET/)
  })

  it('is a 504 when nothing was said in time', async () => {
    const replica = await startReplica({ mode: 'streaming', command: 'sleep 9', env: { exec_timeout: '100ms' } })
    expect(await replica.ask()).toMatchObject({
      status: 504,
      headers: { 'x-openfaas-internal': 'of-watchdog', 'x-duration-seconds': expect.stringMatching(/^0\.\d{6}$/) },
    })
  })
})
