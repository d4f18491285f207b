import { describe, expect, it } from '@jest/globals'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openWorkshop } from '../../test/harness.ts'
import { createImageResolver } from './resolver.ts'

describe('resolving an image', () => {
  it('finds what was built under that name, whatever the catalogue says', async () => {
    await using shop = await openWorkshop()
    const built = await shop.build({ reference: 'functions/alpine:latest' }, { 'handler.js': 'module.exports = () => 1' })
    const resolver = createImageResolver({ artifacts: shop.artifacts, catalogueFiles: [] })
    expect(await resolver.resolveImage('functions/alpine', 'fn')).toEqual(built)
  })

  it('makes an artifact of a program of the catalogue, the same each time', async () => {
    await using shop = await openWorkshop()
    const resolver = createImageResolver({ artifacts: shop.artifacts, catalogueFiles: [join(shop.directory, 'none.yaml')] })
    const found = await resolver.resolveImage('functions/alpine:latest', 'fn')
    expect(found).toMatchObject({ run: { runtime: 'process', contract: 'process', command: 'cat' }, fileCount: 0, env: {} })
    expect(await resolver.resolveImage('ghcr.io/openfaas/alpine:latest', 'fn')).toEqual(found)
    const scripted = await resolver.resolveImage('functions/nodeinfo', 'fn')
    expect(await readFile(join(await shop.open(scripted), 'nodeinfo.sh'), 'utf8')).toContain('Hostname')
  })

  it("lets the user's catalogue win, as it is at that moment", async () => {
    await using shop = await openWorkshop()
    const file = join(shop.directory, 'catalogue.yaml')
    const resolver = createImageResolver({ artifacts: shop.artifacts, catalogueFiles: [file] })
    await writeFile(file, 'version: 1\nimages: [{ image: [functions/alpine, me/tool], process: wc -c, mode: streaming, env: { A: 1 } }]')
    for (const image of ['functions/alpine', 'me/tool:3']) {
      expect(await resolver.resolveImage(image, 'fn')).toMatchObject({ run: { command: 'wc -c', mode: 'streaming' }, env: { A: '1' } })
    }
  })

  it('says how to build what is not there', async () => {
    await using shop = await openWorkshop()
    const resolver = createImageResolver({ artifacts: shop.artifacts, catalogueFiles: [] })
    await expect(resolver.resolveImage('ghcr.io/me/x:1', 'hello')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      help: expect.stringContaining('weft build --name hello --lang LANG --handler DIR --image ghcr.io/me/x:1'),
    })
  })

  it('says that the program is missing', async () => {
    await using shop = await openWorkshop()
    const resolver = createImageResolver({ artifacts: shop.artifacts, catalogueFiles: [], searchPath: shop.directory })
    await expect(resolver.resolveImage('functions/figlet', 'fn')).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND', help: expect.stringContaining('figlet') })
  })

  it('names the catalogue that is not valid', async () => {
    await using shop = await openWorkshop()
    const file = join(shop.directory, 'catalogue.yaml')
    await writeFile(file, 'version: 7')
    const resolver = createImageResolver({ artifacts: shop.artifacts, catalogueFiles: [file] })
    await expect(resolver.resolveImage('x', 'fn')).rejects.toMatchObject({ code: 'INVALID_CATALOGUE', message: expect.stringContaining(file) })
  })
})
