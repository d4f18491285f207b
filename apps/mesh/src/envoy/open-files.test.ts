import { describe, expect, it } from '@jest/globals'
import { connectionsFor, openFilesLimit } from './open-files.ts'

const limits = (files: string) => `Limit                     Soft Limit           Hard Limit           Units     
Max processes             95944                95944                processes 
Max open files            ${files} files     
Max locked memory         8388608              8388608              bytes     
`

describe('the limit of open files', () => {
  it.each([
    ['1024                 524288  ', 1024],
    ['unlimited            unlimited', undefined],
  ])('is the soft one: %s', (files, limit) => {
    expect(openFilesLimit(() => limits(files))).toBe(limit)
  })

  it('is of this process', () => {
    expect(openFilesLimit()).toBeGreaterThan(100)
  })

  it('is not known where nothing tells it', () => {
    const absent = () => {
      throw new Error('ENOENT')
    }
    expect([openFilesLimit(absent), openFilesLimit(() => '')]).toEqual([undefined, undefined])
  })

  it.each([
    [undefined, 50_000],
    [1_048_576, 50_000],
    [20_000, 4_750],
    [4_096, 774],
    [256, 100],
  ])('of %s leaves room for %s connections', (files, connections) => {
    expect(connectionsFor(files)).toEqual({ all: connections, ofReplica: connections / 2 })
  })
})
