import { describe, expect, it } from '@jest/globals'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openWorkshop, writeTree } from '../test/harness.ts'
import { evaluate } from '../test/run-artifact.ts'
import { findTemplate, instantiateTemplate, listTemplates, templateBuild } from './templates.ts'

const SHIPPED = ['bash', 'cloudevent', 'fetch-js', 'fetch-ts', 'kubeless-nodejs14', 'node-http', 'node22', 'node24', 'python']

/** The layout that faas-cli pulls; contents are made up. */
const PULLED = {
  'mine/template.yml': 'language: mine\nfprocess: sh ./index.sh\nhandler_folder: src\nwelcome_message: Hi\n',
  'mine/index.sh': 'cat ./src/handler.txt',
  'mine/src/handler.txt': 'from the template',
  'node20/template.yml': 'language: node20\nfprocess: node index.js\n',
  'node20/index.js': 'not wanted',
  'node20/function/handler.js': 'module.exports = async () => 1',
  'my-node/template.yml': 'language: node22\n',
  'my-node/function/handler.js': 'module.exports = 1',
  'no-template/readme.md': '',
}

describe('templates', () => {
  it('that are shipped are these, each with a welcome', async () => {
    const templates = await listTemplates()
    expect(templates.map((template) => template.name)).toEqual(SHIPPED)
    for (const template of templates) expect(template.file.welcomeMessage).toMatch(/weft up/)
  })

  it.each(SHIPPED)('make a function that builds at once: %s', async (lang) => {
    await using shop = await openWorkshop()
    const handler = join(shop.directory, 'hello')
    await instantiateTemplate(await findTemplate(lang), handler)
    const request = await templateBuild(lang, handler, {}, join(shop.directory, 'assembled'))
    const manifest = await shop.build(request)
    const isProgram = manifest.run.contract === 'process'
    const handlerIs = isProgram ? manifest.run.command : await evaluate(await shop.open(manifest), manifest, 'typeof exports.default')
    expect(handlerIs).toMatch(isProgram ? /handler/ : /^function$/)
  })

  it('that faas-cli pulled win over shipped ones, and others stay', async () => {
    await using shop = await openWorkshop()
    const pulled = await shop.tree({ ...PULLED, 'node22/template.yml': 'language: node22\nwelcome_message: mine\n', 'node22/function/handler.js': '' })
    const templates = await listTemplates({ pulled })
    expect(templates.map((template) => template.name)).toEqual([...SHIPPED, 'mine', 'my-node', 'node20'].toSorted())
    expect(templates.find((template) => template.name === 'node22')).toMatchObject({ origin: 'pulled', file: { welcomeMessage: 'mine' } })
  })

  it.each([
    ['node20', { runtime: 'node20' }],
    ['my-node', { runtime: 'node22' }],
    ['fetch-ts', { runtime: 'fetch-ts' }],
    ['python', { runtime: 'python', process: 'python3 handler.py' }],
    ['unknown-language', { runtime: 'unknown-language' }],
  ])('of a known contract need the handler alone: %s', async (lang, expected) => {
    await using shop = await openWorkshop()
    const pulled = await shop.tree(PULLED)
    expect(await templateBuild(lang, '/handler', { pulled }, shop.directory)).toEqual({ source: { kind: 'directory', path: '/handler' }, ...expected })
  })

  it('of any other language are assembled as faas-cli does, and run as a program', async () => {
    await using shop = await openWorkshop()
    const pulled = await shop.tree(PULLED)
    const handler = await shop.tree({ 'handler.txt': 'mine' })
    const assembled = join(shop.directory, 'assembled')
    await mkdir(assembled)
    const manifest = await shop.build(await templateBuild('mine', handler, { pulled }, assembled))
    expect(manifest.run).toEqual({ runtime: 'process', contract: 'process', command: 'sh ./index.sh' })
    const files = await shop.open(manifest)
    expect((await readdir(files)).toSorted()).toEqual(['index.sh', 'src', 'template.yml'])
    expect(await readFile(join(files, 'src/handler.txt'), 'utf8')).toBe('mine')
  })

  it('do not overwrite what is there', async () => {
    await using shop = await openWorkshop()
    const handler = await writeTree(join(shop.directory, 'hello'), { 'handler.js': 'mine' })
    await expect(instantiateTemplate(await findTemplate('node22'), handler)).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
    expect(await readFile(join(handler, 'handler.js'), 'utf8')).toBe('mine')
  })

  it('that are not there are an error that names those that are', async () => {
    await expect(findTemplate('nod22')).rejects.toMatchObject({ code: 'UNKNOWN_RUNTIME', help: expect.stringContaining('node22') })
  })
})
