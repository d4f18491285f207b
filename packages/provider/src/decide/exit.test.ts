import { describe, expect, it } from '@jest/globals'
import { explainExit, signalOf, type ExitFacts } from './exit.ts'

const facts = (change: Partial<ExitFacts>): ExitFacts => ({ code: null, signal: null, oomKills: 0, lastStderr: [], ...change })
const MIB = 1_048_576

describe('why a replica ended', () => {
  it.each<[string, ExitFacts, string, RegExp]>([
    ['exit code 3', facts({ code: 3 }), 'ExitedNonZero', /^exit code 3$/],
    ['an exit code and last words', facts({ code: 1, lastStderr: ['a', 'b', ' '] }), 'ExitedNonZero', /exit code 1; last line of stderr: b/],
    ['exit code 0 unasked', facts({ code: 0 }), 'Exited', /by itself, exit code 0/],
    ['a signal', facts({ signal: 'SIGSEGV' }), 'ExitedNonZero', /ended by SIGSEGV/],
    ['a signal as a sandbox tells it', facts({ code: 139 }), 'ExitedNonZero', /ended by SIGSEGV/],
    ['the kernel, out of memory', facts({ signal: 'SIGKILL', oomKills: 1, memoryLimitBytes: 64 * MIB }), 'OOMKilled', /limit 64 MiB.*kernel/],
    ['the kernel, out of memory, in a sandbox', facts({ code: 137, oomKills: 1 }), 'OOMKilled', /no limit of its own/],
    ['a crash after a child was killed for want of memory', facts({ code: 1, oomKills: 1 }), 'ExitedNonZero', /exit code 1/],
    [
      'a full heap',
      facts({ code: 134, lastStderr: ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', '---'] }),
      'OOMKilled',
      /heap/,
    ],
    ['an abort of another kind', facts({ signal: 'SIGABRT', lastStderr: ['assertion failed'] }), 'ExitedNonZero', /SIGABRT.*assertion failed/],
    [
      'what the platform did, before all else',
      facts({ signal: 'SIGKILL', oomKills: 2, killed: { reason: 'Unresponsive', message: 'hung' } }),
      'Unresponsive',
      /hung/,
    ],
    ['a SIGKILL from elsewhere', facts({ signal: 'SIGKILL' }), 'ExitedNonZero', /SIGKILL/],
    [
      'a handler that does not load',
      facts({ code: 1, failed: { message: 'no x', stack: 'Error: no x\n at a\n at b\n at c\n at d' } }),
      'ExitedNonZero',
      /could not be loaded: Error: no x\n at a\n at b\n at c$/,
    ],
    ['a handler that does not load, without a stack', facts({ code: 1, failed: { message: 'no x' } }), 'ExitedNonZero', /could not be loaded: no x$/],
  ])('%s', (_what, given, reason, message) => {
    const why = explainExit(given)
    expect(why.reason).toBe(reason)
    expect(why.message).toMatch(message)
  })
})

describe('the signal of an end', () => {
  it.each([
    [null, 'SIGTERM', 'SIGTERM'],
    [143, null, 'SIGTERM'],
    [128, null, undefined],
    [255, null, undefined],
    [0, null, undefined],
    [null, null, undefined],
  ])('of code %p and signal %p is %p', (code, signal, expected) => {
    expect(signalOf(code, signal)).toBe(expected)
  })
})
