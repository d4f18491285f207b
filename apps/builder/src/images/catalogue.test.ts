import { describe, expect, it } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { findInCatalogue, matches, parseCatalogue } from './catalogue.ts'

const shipped = async () => parseCatalogue(await readFile(fileURLToPath(new URL('../../catalogue.yaml', import.meta.url)), 'utf8'), 'catalogue.yaml')

describe('patterns of image references', () => {
  it.each([
    ['functions/alpine', 'functions/alpine', true],
    ['functions/alpine', 'functions/alpine:latest', true],
    ['functions/alpine', 'functions/alpine:0.18.1', true],
    ['functions/alpine', 'docker.io/functions/alpine:3', true],
    ['functions/alpine', `functions/alpine@sha256:${'0'.repeat(64)}`, true],
    ['functions/alpine', 'ghcr.io/functions/alpine', false],
    ['functions/alpine', 'functions/alpine2', false],
    ['functions/alpine:1', 'functions/alpine:1', true],
    ['functions/alpine:1', 'functions/alpine:2', false],
    ['localhost:5000/x', 'localhost:5000/x:1', true],
    ['ghcr.io/openfaas/*', 'ghcr.io/openfaas/figlet:latest', true],
    ['ghcr.io/openfaas/*', 'ghcr.io/openfaas/a/b', false],
    ['*/tools/*-fn:v*', 'r.io/tools/sum-fn:v12', true],
    ['*/tools/*-fn:v*', 'r.io/tools/sum-fn:w', false],
    ['*', 'busybox:1', true],
  ])('%s for %s: %s', (pattern, reference, expected) => {
    expect(matches(pattern, reference)).toBe(expected)
  })
})

describe('the catalogue file', () => {
  it.each([
    ['functions/alpine:latest', 'cat'],
    ['ghcr.io/openfaas/alpine:latest', 'cat'],
    ['functions/figlet:latest', 'figlet'],
    ['ghcr.io/openfaas/nodeinfo:latest', 'sh ./nodeinfo.sh'],
    ['ghcr.io/openfaas/curl:latest', 'xargs curl -sSL'],
    ['alexellis2/ascii-cows-openfaas:0.1', 'cowsay'],
  ])('that is shipped knows %s', async (reference, process) => {
    expect(findInCatalogue(await shipped(), reference)).toMatchObject({ process })
  })

  it('takes an empty file for none', () => {
    expect(parseCatalogue('', 'f')).toEqual([])
  })

  it.each([
    ['no version', 'images: []', /version: 1/],
    ['broken YAML', 'version: 1\nimages: [', /./],
    ['an unknown field', 'version: 1\nimages: [{ image: a, process: b, proces: c }]', /images\[0\]: the field proces is not known/],
    ['no image', 'version: 1\nimages: [{ process: b }]', /images\[0\]: image must be/],
    ['no process', 'version: 1\nimages: [{ image: a }]', /process must be/],
    ['an unknown mode', 'version: 1\nimages: [{ image: a, process: b, mode: fast }]', /mode must be one of/],
    ['env that is no mapping', 'version: 1\nimages: [{ image: a, process: b, env: [x] }]', /env must be a mapping/],
  ])('is refused: %s', (_, text, reason) => {
    expect(() => parseCatalogue(text, 'f')).toThrow(expect.objectContaining({ code: 'INVALID_CATALOGUE', message: expect.stringMatching(reason) }))
  })
})
