import { describe, expect, it } from '@jest/globals'
import { jsonPatch, mergePatch } from './patch.ts'
import { strategicMerge } from './strategic.ts'

describe('a merge patch', () => {
  // The table of RFC 7386, appendix A.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('of %j with %j gives %j', (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected)
  })
})

describe('a JSON patch', () => {
  it.each([
    ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['adds into a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['adds at the end', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['replaces', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: 2 }], { a: { b: 2 } }],
    ['removes from a list', { a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }],
    ['moves', { a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    ['copies', { a: { x: 1 } }, [{ op: 'copy', from: '/a', path: '/b' }], { a: { x: 1 }, b: { x: 1 } }],
    ['tests', { a: { x: [1] } }, [{ op: 'test', path: '/a', value: { x: [1] } }], { a: { x: [1] } }],
    [
      'reads escapes',
      { 'a/b': 1, 'c~d': 2 },
      [
        { op: 'remove', path: '/a~1b' },
        { op: 'remove', path: '/c~0d' },
      ],
      {},
    ],
    ['replaces the whole', { a: 1 }, [{ op: 'replace', path: '', value: 3 }], 3],
  ])('%s', (_name, target, patch, expected) => {
    const before = JSON.stringify(target)
    expect(jsonPatch(target, patch)).toEqual(expected)
    expect(JSON.stringify(target)).toBe(before)
  })

  it.each([
    ['is no list', {}, { op: 'add' }],
    ['has an unknown operation', {}, [{ op: 'swap', path: '/a' }]],
    ['has no path', {}, [{ op: 'add', value: 1 }]],
    ['has no value', {}, [{ op: 'add', path: '/a' }]],
    ['replaces what is not there', {}, [{ op: 'replace', path: '/a', value: 1 }]],
    ['removes what is not there', {}, [{ op: 'remove', path: '/a' }]],
    ['adds below what is not there', {}, [{ op: 'add', path: '/a/b', value: 1 }]],
    ['adds below a text', { a: 'x' }, [{ op: 'add', path: '/a/b', value: 1 }]],
    ['is beyond the list', { a: [1] }, [{ op: 'add', path: '/a/2', value: 1 }]],
    ['has a place with a leading zero', { a: [1, 2] }, [{ op: 'remove', path: '/a/01' }]],
    ['fails its test', { a: 1 }, [{ op: 'test', path: '/a', value: 2 }]],
    ['has no pointer', { a: 1 }, [{ op: 'remove', path: 'a' }]],
    ['reaches for the prototype', {}, [{ op: 'add', path: '/__proto__/x', value: 1 }]],
    ['reaches for an inherited member', {}, [{ op: 'add', path: '/constructor/x', value: 1 }]],
  ])('is refused when it %s', (_name, target, patch) => {
    expect(() => jsonPatch(target, patch)).toThrow('body')
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
  })
})

describe('a strategic merge patch', () => {
  const service = {
    spec: {
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'b' },
      ],
    },
  }
  it.each([
    [
      'merges items by their key',
      { spec: { ports: [{ port: 81, name: 'c' }] } },
      [
        { port: 80, name: 'a' },
        { port: 81, name: 'c' },
      ],
    ],
    ['adds an item', { spec: { ports: [{ port: 82 }] } }, [{ port: 80, name: 'a' }, { port: 81, name: 'b' }, { port: 82 }]],
    ['removes an item', { spec: { '$setElementOrder/ports': [{ port: 80 }], ports: [{ port: 81, $patch: 'delete' }] } }, [{ port: 80, name: 'a' }]],
    ['replaces all items', { spec: { ports: [{ $patch: 'replace' }, { port: 1 }] } }, [{ port: 1 }]],
  ])('%s', (_name, patch, expected) => {
    expect(strategicMerge(service, patch)).toEqual({ spec: { ports: expected } })
  })
})
