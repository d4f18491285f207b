import { afterAll, describe, expect, it } from '@jest/globals'
import { spawnReplica, stopAll } from '../../test/harness.ts'
import { splitCommand } from '../program/command.ts'
import { callTimeoutMs } from '../server/limits.ts'
import { parseDuration, smallestLimit } from './duration.ts'
import { readSettings } from './settings.ts'

afterAll(stopAll)

describe('the variables of the watchdogs', () => {
  it('have their defaults', () => {
    expect(readSettings({})).toEqual({
      maxInflight: 0,
      bufferBody: false,
      prefixLogs: false,
      logLineBytes: 65_536,
      logCallId: false,
      cgiHeaders: true,
      combineOutput: true,
      marshalRequest: false,
      writeDebug: false,
      outboundPorts: [],
    })
  })

  it.each([
    ['exec_timeout', '1m30s', { execTimeoutMs: 90_000 }],
    ['exec_timeout', '10', { execTimeoutMs: 10_000 }],
    ['exec_timeout', '0', { execTimeoutMs: 0 }],
    ['http_upstream_url', 'http://127.0.0.1:5000', { upstreamUrl: 'http://127.0.0.1:5000' }],
    ['log_buffer_size', '-1', { logLineBytes: Number.POSITIVE_INFINITY }],
    ['outbound_ports', '7000,7001', { outboundPorts: [7000, 7001] }],
    ['healthcheck_interval', '5s', {}],
    ['port', '8080', {}],
  ])('%s=%s is read', (name, value, expected) => {
    expect(readSettings({ [name]: value })).toMatchObject(expected)
  })

  it.each([
    ['exec_timeout', 'soon', 'exec_timeout=soon must be a duration such as 30s'],
    ['write_timeout', '0s', 'write_timeout=0 is no time'],
    ['max_inflight', '-1', 'max_inflight=-1 must be a whole number of at least 0'],
    ['prefix_logs', 'maybe', 'prefix_logs=maybe must be true or false'],
    ['upstream_url', '127.0.0.1', 'upstream_url=127.0.0.1 must be an address'],
    ['outbound_ports', '1,x', 'outbound_ports=1,x must be port numbers'],
    ['jwt_auth', 'true', 'jwt_auth=true is not supported: protect the function'],
    ['mode', 'afterburn', 'mode=afterburn is not supported: use one of classic'],
    ['mode', 'inproc', 'mode=inproc is not supported'],
    ['mode', 'magic', 'mode=magic is unknown'],
  ])('%s=%s is refused with the reason', (name, value, reason) => {
    expect(() => readSettings({ [name]: value })).toThrow(reason)
  })

  it('are all told of at once when several are wrong', () => {
    expect(() => readSettings({ port: 'x', read_timeout: 'y' })).toThrow(/port=x.*read_timeout=y|read_timeout=y.*port=x/)
  })
})

describe('times', () => {
  it.each([
    ['250ms', 250],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    ['5', 5000],
    ['-5s', undefined],
    ['', undefined],
  ])('"%s" is %s', (text, expected) => {
    expect(parseDuration(text)).toBe(expected)
  })

  it('the smallest limit holds, and X-Timeout only shortens it', () => {
    expect([smallestLimit(0, undefined), smallestLimit(5, 0, 3)]).toEqual([0, 3])
    expect([callTimeoutMs(1000, '5s'), callTimeoutMs(1000, '10ms'), callTimeoutMs(0, '5s'), callTimeoutMs(7, 'x')]).toEqual([1000, 10, 5000, 7])
  })
})

describe('a command line', () => {
  it('is split at spaces, and quotes mean nothing', () => {
    expect(splitCommand(' sh  -c "echo hi" ')).toMatchObject({ program: 'sh', args: ['-c', '"echo', 'hi"'] })
  })
})

describe('a replica that cannot be served', () => {
  it.each([
    ['without a program', {}, 'mode=classic needs a program: name it with --fprocess'],
    ['with an unknown program', { command: 'no-such-program x' }, 'the program no-such-program was not found on PATH'],
    ['with a program of its own that is called without ./', { command: 'mine.sh', files: { 'mine.sh': '#!/bin/sh\n' } }, 'call it ./mine.sh'],
    ['with a program that is not executable', { command: './mine.sh', files: { 'mine.sh': 'echo\n' } }, 'is not executable: make it so (chmod +x)'],
    ['with a program that is not there', { command: './gone.sh' }, 'the program ./gone.sh is not there'],
    ['with a wrong variable', { command: 'cat', env: { exec_timeout: 'x', mode: 'afterburn' } }, 'mode=afterburn is not supported'],
  ])('%s says why before it ends', async (_name, options, reason) => {
    const replica = await spawnReplica(options)
    expect(await replica.exited).toBe(1)
    expect(replica.reports()).toMatchObject([{ type: 'failed', message: expect.stringContaining(reason) }])
    expect(replica.log()).toContain(`weft: the program cannot be served`)
  })
})
