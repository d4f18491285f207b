import { describe, expect, it } from '@jest/globals'
import { foreignKinds } from './field-support.ts'

describe('a kind of another project', () => {
  it.each(foreignKinds().map(({ kind, fields }) => [`${kind.group}/${kind.kind}`, fields] as const))(
    '%s has every field read, or refused by name',
    (_kind, fields) => {
      expect(fields.filter(({ support }) => support === 'unknown').map(({ path }) => path)).toEqual([])
      expect(fields.some(({ support }) => support === 'read')).toBe(true)
    },
  )
})
