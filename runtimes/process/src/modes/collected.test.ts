import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { logged, startReplica, stopAll, until, type Replica } from '../../test/harness.ts'

afterAll(stopAll)

const alive = (marker: string): boolean =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(marker)
      } catch {
        return false
      }
    })

describe('a program of the classic watchdog', () => {
  let cat: Replica
  beforeAll(async () => {
    cat = await startReplica({ command: 'cat', config: { concurrency: 4 } })
  })

  it.each([
    ['nothing', ''],
    ['a line', 'hello\n'],
    ['64 KiB', 'x'.repeat(65_536)],
    ['64 KiB and one byte', 'x'.repeat(65_537)],
    ['5 MiB', 'abcdefgh'.repeat(655_360)],
  ])('echoes %s', async (_name, body) => {
    const answer = await cat.ask({ body })
    expect([answer.status, answer.body.length, answer.body === body]).toEqual([200, body.length, true])
    const chunked = await cat.ask({ body: body === '' ? 'x' : body, chunked: true })
    expect(chunked.body).toBe(body === '' ? 'x' : body)
  })

  it('answers with the type of the caller and the time it took, and logs as the watchdog', async () => {
    const answer = await cat.ask({ body: 'four', headers: { 'content-type': 'text/x-test' } })
    expect(answer.headers['content-type']).toBe('text/x-test')
    expect(Number(answer.headers['x-duration-seconds'])).toBeGreaterThan(0)
    await logged(cat, 'Forking fprocess.\n')
    await until(() => /Wrote 4 Bytes - Duration: \d+\.\d+s\n/.test(cat.log()), 'the line with the duration')
  })

  it('takes only as many calls at a time as it may', async () => {
    const sleeper = await startReplica({ command: 'sleep 0.5', env: { max_inflight: '2' }, config: { concurrency: 5 } })
    const answers = await Promise.all(Array.from({ length: 5 }, () => sleeper.ask({ agent: new Agent() })))
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([200, 200, 429, 429, 429])
    expect(answers.find(({ status }) => status === 429)?.headers['retry-after']).toBe('1')
  })

  it('gets the request as CGI variables, which headers cannot forge', async () => {
    const replica = await startReplica({ command: 'env', env: { MINE: 'yes' } })
    const headers = { 'X-Foo-Bar': 'a', traceparent: '00-1-2-01', Query: 'forged', Proxy: 'evil:1', Method: 'FORGED', many: ['one', 'two'] }
    const { body } = await replica.ask({ path: '/a%20b/c?x=1&y=%20', body: '123', headers })
    const lines = body.split('\n')
    for (const line of [
      'Http_Method=POST',
      'Http_Path=/a b/c',
      'Http_Query=x=1&y=%20',
      'Http_Content_Length=3',
      'Http_ContentLength=3',
      'Http_Host=fn.default',
    ])
      expect(lines).toContain(line)
    for (const line of ['Http_X_Foo_Bar=a', 'Http_Traceparent=00-1-2-01', 'MINE=yes', 'OPENFAAS_NAME=fn', 'OPENFAAS_NAMESPACE=default'])
      expect(lines).toContain(line)
    expect(body).not.toMatch(/WEFT_|Http_Proxy|forged|FORGED/)
    const chunked = (await replica.ask({ body: 'x', chunked: true })).body.split('\n')
    expect(chunked).toEqual(expect.arrayContaining(['Http_Transfer_Encoding=chunked', 'Http_Content_Length=-1']))
    expect((await replica.ask({ path: '/%00%zz' })).body).toContain('Http_Path=/%00%zz\n')
  })

  it('is named by function_process where nothing else names it', async () => {
    const replica = await startReplica({ env: { function_process: 'echo named' } })
    expect((await replica.ask()).body).toBe('named\n')
  })

  it('has no CGI variables with cgi_headers=false', async () => {
    const replica = await startReplica({ command: 'env', env: { cgi_headers: 'false' } })
    expect((await replica.ask()).body).not.toContain('Http_')
  })

  it('mixes stderr in the order of writing into the answer, or logs it with combine_output=false', async () => {
    const files = { 'both.sh': 'echo one; echo two >&2; echo three; echo four > /dev/stderr; cat /dev/stdin\n' }
    const both = await startReplica({ command: 'sh both.sh', files })
    expect((await both.ask({ body: 'five' })).body).toBe('one\ntwo\nthree\nfour\nfive')
    const apart = await startReplica({ command: 'sh both.sh', files, env: { combine_output: 'false', prefix_logs: 'true' } })
    expect((await apart.ask()).body).toBe('one\nthree\n')
    await until(() => /\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d stderr: two\n/.test(apart.log()), 'the line with its prefix')
  })

  it('gets the whole request as JSON with marshal_request', async () => {
    const replica = await startReplica({ command: 'cat', env: { marshal_request: 'true', content_type: 'application/json', write_debug: 'true' } })
    const answer = await replica.ask({ body: 'hé', headers: { 'x-a': ['1', '2'] } })
    expect(answer.headers['content-type']).toBe('application/json')
    expect(JSON.parse(answer.body)).toMatchObject({ body: { raw: Buffer.from('hé').toString('base64') }, header: { 'X-A': ['1', '2'] } })
    await logged(replica, '"raw"')
  })

  it('that fails is a 500 with its exit status and output', async () => {
    const replica = await startReplica({ command: 'sh fail.sh', files: { 'fail.sh': 'echo broken >&2; exit 3\n' } })
    expect(await replica.ask()).toMatchObject({ status: 500, body: 'exit status 3\nbroken\n' })
    const killed = await startReplica({ command: 'sh kill.sh', files: { 'kill.sh': 'kill -9 $$\n' } })
    expect(await killed.ask()).toMatchObject({ status: 500, body: 'signal: killed\n' })
  })

  it('that does not read its body answers all the same, and the connection goes on', async () => {
    const replica = await startReplica({ command: 'echo no' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let round = 0; round < 3; round += 1) expect((await replica.ask({ body: 'x'.repeat(3_000_000), agent })).body).toBe('no\n')
    agent.destroy()
  })

  it('is killed with all that it started when its time is over', async () => {
    const marker = `3${Date.now()}`
    const files = { 'slow.sh': `sleep ${marker} & sleep ${marker}\n` }
    const replica = await startReplica({ command: 'sh slow.sh', files, env: { exec_timeout: '300ms' } })
    expect(await replica.ask()).toMatchObject({ status: 408, body: 'Killed process.\n' })
    await until(() => !alive(marker), 'its processes are gone')
    expect((await replica.ask({ headers: { 'x-timeout': '50ms' } })).status).toBe(504)
    const platform = await startReplica({ command: 'sh slow.sh', files, config: { timeoutMs: 100 } })
    expect(await platform.ask()).toMatchObject({ status: 504, headers: { 'x-openfaas-internal': 'of-watchdog' } })
    await until(() => !alive(marker), 'its processes are gone')
  })

  it('is killed with all that it started when the caller goes away', async () => {
    const marker = `4${Date.now()}`
    const replica = await startReplica({ command: 'sh slow.sh', files: { 'slow.sh': `sleep ${marker} & sleep ${marker}\n` } })
    const gone = new AbortController()
    const answer = replica.ask({ signal: gone.signal, agent: new Agent() }).catch((error: unknown) => String(error))
    await until(() => alive(marker), 'it runs')
    gone.abort()
    expect(await answer).toContain('abort')
    await until(() => !alive(marker), 'its processes are gone')
  })

  it('that writes without end is killed', async () => {
    const replica = await startReplica({ command: 'yes', config: { memoryLimitBytes: 4 * 1_048_576 } })
    expect(await replica.ask()).toMatchObject({ status: 500, body: expect.stringContaining('the program wrote more than 1048576 bytes') })
  })

  it('leaves no zombie behind', async () => {
    await Promise.all(Array.from({ length: 4 }, () => cat.ask({ body: 'x' })))
    const children = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
            .replace(/^.*\) /, '')
            .split(' ')
          return Number(parent) === cat.child.pid ? [state] : []
        } catch {
          return []
        }
      })
    expect(children).toEqual([])
  })
})

describe('a body that does not come', () => {
  it('is a 408 when read_timeout is over', async () => {
    const replica = await startReplica({ command: 'cat', env: { read_timeout: '100ms' } })
    const answer = await replica.ask({ method: 'POST', headers: { 'content-length': '10' }, agent: new Agent() })
    expect(answer.status).toBe(408)
  })
})

describe('mode serializing', () => {
  it('answers with stdout alone and octets, and logs stderr and the access', async () => {
    const files = { 'both.sh': 'cat; echo problem >&2\n' }
    const replica = await startReplica({ mode: 'serializing', command: 'sh both.sh', files, env: { log_callid: 'true' } })
    const answer = await replica.ask({ body: 'abc', headers: { 'x-call-id': 'id-1' } })
    expect(answer).toMatchObject({ status: 200, body: 'abc', headers: { 'content-type': 'application/octet-stream' } })
    await logged(replica, 'problem\n')
    await until(() => /POST \/ - 200 OK - ContentLength: 3B \(0\.\d{4}s\) \[id-1\]/.test(replica.log()), 'the access line')
  })

  it('hides what a failing program wrote, and says how it ended', async () => {
    const replica = await startReplica({ mode: 'serializing', command: 'false' })
    expect(await replica.ask()).toMatchObject({
      status: 500,
      headers: { 'x-openfaas-internal': 'of-watchdog' },
      body: expect.stringContaining('exit status 1'),
    })
  })
})
