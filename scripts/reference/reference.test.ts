import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { referencePages } from './pages.ts'

const directory = fileURLToPath(new URL('../../docs/reference/', import.meta.url))

describe('docs/reference', () => {
  const pages = Object.entries(referencePages())
  it.each(pages)('%s says what the code says (npm run reference)', (name, text) => {
    expect(readFileSync(`${directory}${name}`, 'utf8')).toBe(text)
  })

  it('holds no page that nothing generates', () => {
    expect(readdirSync(directory).toSorted()).toEqual(pages.map(([name]) => name).toSorted())
  })
})
