import { describe, expect, it } from '@jest/globals'
import { readHandlerName } from './handler-name.ts'

describe('--handler', () => {
  it.each([
    ['temp.sample', { module: 'temp', exportName: 'sample' }, { exportName: 'sample' }],
    ['handler', { exportName: 'handler' }, { exportName: 'handler' }],
    ['src/fn.handle', { module: 'src/fn', exportName: 'handle' }, { exportName: 'handle' }],
    ['handler.js', { module: 'handler.js' }, {}],
    ['src/fn.ts', { module: 'src/fn.ts' }, {}],
    ['a.b.c', { module: 'a.b', exportName: 'c' }, { exportName: 'c' }],
    ['.handler', { exportName: 'handler' }, { exportName: 'handler' }],
    ['./fn', { module: './fn' }, { module: './fn' }],
    ['', {}, {}],
    [undefined, {}, {}],
  ])('reads %j in a directory and for a single file', (text, inDirectory, single) => {
    expect(readHandlerName(text, false)).toEqual(inDirectory)
    expect(readHandlerName(text, true)).toEqual(single)
  })
})
