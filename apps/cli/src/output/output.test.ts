import { WeftError } from '@weft/core'
import { describe, expect, it } from '@jest/globals'
import { describeFailure, exitCodeOf, wasInterrupted } from './failure.ts'
import { progressOn } from './progress.ts'
import { render, structured, type View } from './render.ts'
import { age, table } from './table.ts'

const missing = Object.assign(new Error("ENOENT: no such file or directory, open '/tmp/x'"), { code: 'ENOENT', path: '/tmp/x' })

describe('failures', () => {
  it.each<[string, unknown, number, string]>([
    [
      'the user’s input',
      new WeftError('INVALID_VALUE', { field: '--port', reason: '"x" is not a number' }),
      2,
      'Error: --port: "x" is not a number\n  correct the field and send it again\n',
    ],
    [
      'the platform',
      new WeftError('STORE_UNAVAILABLE', { reason: 'busy' }),
      1,
      'Error: the store did not answer: busy\n  try again; if it stays, see the log of the platform\n',
    ],
    ['a file that is not there', missing, 2, 'Error: /tmp/x does not exist\n  check the path and its permissions\n'],
    [
      'one problem of a manifest',
      new WeftError('INVALID_MANIFEST', { file: 'a.yaml', problems: '1:1: no' }),
      2,
      'Error: a.yaml cannot be applied: 1:1: no\n  correct the named places and apply it again\n',
    ],
    [
      'problems of a manifest',
      new WeftError('INVALID_MANIFEST', { file: 'a.yaml', problems: '1:1: no; 2:1: nor this' }),
      2,
      'Error: a.yaml cannot be applied:\n  1:1: no\n  2:1: nor this\n  correct the named places and apply it again\n',
    ],
    ['a fault of Weft', new TypeError('x is undefined'), 1, 'Error: x is undefined\n  this should not happen; WEFT_DEBUG=1 shows where it did\n'],
  ])('of %s have their exit code and say what to do', (_name, error, code, text) => {
    expect(exitCodeOf(error)).toBe(code)
    expect(describeFailure(error)).toBe(text)
  })

  it('of Weft itself show where they came from when asked', () => {
    expect(describeFailure(new TypeError('x is undefined'), true)).toContain('output.test.ts')
  })

  it('after Ctrl-C are not told, unless the platform failed', () => {
    const ended = AbortSignal.abort()
    expect(wasInterrupted(new Error('aborted'), ended)).toBe(true)
    expect(wasInterrupted(new WeftError('BUILD_CANCELLED'), ended)).toBe(true)
    expect(wasInterrupted(new WeftError('STORE_UNAVAILABLE', { reason: 'busy' }), ended)).toBe(false)
    expect(wasInterrupted(new Error('aborted'), new AbortController().signal)).toBe(false)
  })
})

describe('lists', () => {
  const view: View<{ a: string; b: string }> = { heading: ['A'], row: ({ a }) => [a], wideHeading: ['B'], wideRow: ({ b }) => [b], name: ({ a }) => a }
  const items = [
    { a: 'one', b: '1' },
    { a: 'three', b: '3' },
  ]
  it.each([
    [undefined, 'A\none\nthree\n'],
    ['wide', 'A      B\none    1\nthree  3\n'],
    ['name', 'one\nthree\n'],
    ['json', `${JSON.stringify(items, null, 2)}\n`],
    ['yaml', '- a: one\n  b: "1"\n- a: three\n  b: "3"\n'],
  ])('are shown as %s', (format, text) => {
    expect(render(items, view, format)).toBe(text)
  })

  it('refuse a format that is not there', () => {
    expect(() => structured({}, 'xml')).toThrow('"xml" is not one of json, yaml, wide, name')
  })

  it('align columns', () => {
    expect(
      table([
        ['A', 'LONG', 'C'],
        ['aaa', 'b', 'c'],
      ]),
    ).toBe('A    LONG  C\naaa  b     c\n')
  })

  it.each([
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [7200, '2h'],
    [172_800, '2d'],
  ])('show an age of %d seconds as %s', (seconds, text) => {
    expect(age('2030-01-01T00:00:00Z', Date.parse('2030-01-01T00:00:00Z') + seconds * 1000)).toBe(text)
  })
})

describe('progress', () => {
  const told = (isTTY: boolean) => {
    let text = ''
    const progress = progressOn({ stderr: { write: (more) => ((text += more), true), isTTY }, stdout: { write: () => true, columns: 11 } })
    progress.line('Building')
    progress.step('  install: npm ci')
    progress.step('  bundle')
    progress.end()
    progress.end()
    return text
  }

  it('has a line for each step where nobody looks', () => {
    expect(told(false)).toBe('Building\n  install: npm ci\n  bundle\n')
  })

  it('replaces each step by the next on a terminal, cut to its width, and leaves nothing behind', () => {
    expect(told(true)).toBe('Building\n\r\u001B[K  install:\r\u001B[K  bundle\r\u001B[K')
  })
})
