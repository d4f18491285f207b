import { describe, expect, it } from '@jest/globals'
import { PathRegister, safeSegments } from './safe-path.ts'

describe('paths from outside', () => {
  it.each([
    ['a.js', ['a.js']],
    ['./lib//a.js', ['lib', 'a.js']],
    ['lib/', ['lib']],
    ['..a/b..', ['..a', 'b..']],
    ['./', []],
  ])('takes %s', (path, segments) => {
    expect(safeSegments(path)).toEqual(segments)
  })

  it.each(['/etc/passwd', '../x', 'a/../../x', 'a/..', '..', 'C:\\x', 'c:x', 'a\\..\\b', 'a\0b', 'a\nb', 'x'.repeat(2000), `${'y'.repeat(256)}/a`])(
    'refuses %j',
    (path) => {
      expect(() => safeSegments(path)).toThrow(expect.objectContaining({ code: 'SOURCE_REFUSED' }))
    },
  )

  it.each([
    ['the same file twice', ['a.js', 'a.js'], /there twice/],
    ['names that differ in case', ['a.js', 'A.JS'], /differ only in case/],
    ['directories that differ in case', ['lib/a', 'LIB/b'], /differ only in case/],
    ['names that differ in Unicode form', ['caf\u00e9', 'cafe\u0301'], /differ only in case or Unicode/],
    ['a file where a directory is', ['a/b', 'a'], /file and a directory/],
    ['a directory where a file is', ['a', 'a/b'], /file and a directory/],
  ])('refuses %s', (_, paths, reason) => {
    const register = new PathRegister()
    expect(() => paths.forEach((path) => register.add(path.split('/'), 'file'))).toThrow(reason)
  })

  it('takes several files of a directory', () => {
    const register = new PathRegister()
    register.add(['lib'], 'directory')
    register.add(['lib'], 'directory')
    register.add(['lib', 'a'], 'file')
    expect(() => register.add(['lib', 'b'], 'file')).not.toThrow()
  })
})
