import { describe, expect, it } from '@jest/globals'
import { isDnsLabel, isWeftError } from '@weft/core'
import fc from 'fast-check'
import { invalidManifest, invalidName, invalidResource, validManifest, validName, validResource } from './arbitraries/index.ts'
import { parseManifest, parseResource } from './index.ts'

const REFUSALS = ['INVALID_RESOURCE', 'UNKNOWN_KIND', 'REMOVED_KIND', 'UNSUPPORTED_KIND']

describe('any valid input', () => {
  it('is accepted, has all that was written, and is accepted again in its canonical form', () =>
    fc.assert(
      fc.property(validResource(), (document) => {
        const resource = parseResource(document)
        expect(resource.kind).toBe(document.kind)
        expect(resource.metadata).toMatchObject(document.metadata)
        if (document['spec'] !== undefined) expect(resource.spec).toEqual(document['spec'])
        expect(parseResource(resource)).toEqual(resource)
      }),
      { numRuns: 2_000 },
    ))

  it('gives the same from YAML and JSON', () =>
    fc.assert(
      fc.property(validManifest(), ({ text, documents }) => {
        expect(parseManifest(text).map(({ resource }) => resource)).toEqual(documents.map((document) => parseResource(document)))
      }),
      { numRuns: 500 },
    ))

  it('has a valid name', () => fc.assert(fc.property(validName(), isDnsLabel), { numRuns: 2_000 }))
})

describe('any malformed input', () => {
  it('is refused with a reason that names a field, and pollutes nothing', () => {
    fc.assert(
      fc.property(invalidResource(), ({ document, because }) => {
        expect([because, refusal(() => parseResource(document))]).toEqual([because, expect.stringMatching(new RegExp(`^(${REFUSALS.join('|')}): .+`, 's'))])
      }),
      { numRuns: 2_000 },
    )
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it('is refused as a manifest with its place', () =>
    fc.assert(
      fc.property(invalidManifest(), ({ text, because }) => {
        expect([because, refusal(() => parseManifest(text))]).toEqual([because, expect.stringMatching(/^INVALID_MANIFEST: /)])
      }),
      { numRuns: 300 },
    ))

  it('never makes anything but a refusal of any JSON', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(refusal(() => parseResource(value))).toMatch(/^INVALID_RESOURCE/)
      }),
    ))

  it('never makes anything but a refusal of any text', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(refusal(() => parseManifest(text))).toMatch(/^INVALID_MANIFEST/)
      }),
      { numRuns: 500 },
    ))

  it('has an invalid name', () =>
    fc.assert(
      fc.property(invalidName(), (name) => !isDnsLabel(name)),
      { numRuns: 2_000 },
    ))
})

function refusal(work: () => unknown): string {
  try {
    work()
    return 'accepted'
  } catch (error) {
    if (isWeftError(error)) return `${error.code}: ${error.message}`
    throw error
  }
}
