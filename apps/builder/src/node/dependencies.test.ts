import { describe, expect, it } from '@jest/globals'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildRequest } from '@weft/artifacts/build'
import { openWorkshop, type Files, type Workshop } from '../../test/harness.ts'
import { openRegistry } from '../../test/registry.ts'
import { evaluate } from '../../test/run-artifact.ts'

const json = (value: object) => JSON.stringify(value)
const PLAIN: Files = { 'package.json': json({ version: '1.2.0', main: 'lib/index.js' }), 'lib/index.js': 'module.exports = (a, b) => a + b' }
const NATIVE: Files = { 'package.json': json({ version: '1.0.0' }), 'binding.gyp': '{}', 'index.js': 'module.exports = require("plain")(40, 2)' }
const PLACED: Files = {
  'package.json': json({ version: '1.0.0', dependencies: { plain: '1' } }),
  'index.js': 'module.exports = require("fs").readFileSync(__dirname + "/a.txt", "utf8") + require("plain")(1, 2)',
  'a.txt': 'A',
}
const DYNAMIC: Files = {
  'package.json': json({ version: '1.0.0' }),
  'index.js': 'module.exports = (n) => require("./parts/" + n)',
  'parts/b.js': 'module.exports = "B"',
}
const UNREADABLE: Files = {
  'package.json': json({ version: '1.0.0' }),
  'index.js': 'try { module.exports = require("./syntax") } catch { module.exports = "fallback" }',
  'syntax.js': 'const = 1',
}
const ESM: Files = {
  'package.json': json({ version: '2.0.0', type: 'module', exports: './index.js' }),
  'index.js': 'export const name = "esm"; export default 1',
}
const SCRIPTED: Files = {
  'package.json': json({ version: '1.0.0', scripts: { install: 'node made.js' } }),
  'made.js': 'require("fs").writeFileSync("made.txt", "made by " + process.version + Object.keys(process.env).filter((k) => /token|secret/i.test(k)))',
  'index.js': 'module.exports = require("fs").readFileSync(__dirname + "/made.txt", "utf8")',
}
const PACKAGES = { plain: PLAIN, native: NATIVE, placed: PLACED, dynamic: DYNAMIC, unreadable: UNREADABLE, esm: ESM, scripted: SCRIPTED, '@me/scoped': PLAIN }

/** Builds with a registry of its own, and evaluates an expression over the module. */
async function withRegistry(
  use: (shop: Workshop, url: string, built: (request: Partial<BuildRequest>, files: Files, expression: string) => Promise<unknown>) => Promise<void>,
) {
  await using registry = await openRegistry(PACKAGES)
  await using shop = await openWorkshop({ npmEnv: { npm_config_registry: registry.url } })
  await use(shop, registry.url, async (request, files, expression) => {
    const manifest = await shop.build(request, files)
    return evaluate(await shop.open(manifest), manifest, expression)
  })
}

const needs = (...names: string[]) => json({ dependencies: Object.fromEntries(names.map((name) => [name, '*'])) })

describe('dependencies', () => {
  it('are installed and bundled, whatever ties them to their place is shipped as files with what it needs', () =>
    withRegistry(async (shop, _, built) => {
      const handler =
        'module.exports = { plain: require("plain")(1, 2), placed: require("placed"), dynamic: require("dynamic")("b"), unreadable: require("unreadable"), scoped: require("@me/scoped")(2, 2) }'
      const files = { 'package.json': needs('plain', 'placed', 'dynamic', 'unreadable', '@me/scoped'), 'handler.js': handler }
      expect(await built({}, files, 'exports.default')).toEqual({ plain: 3, placed: 'A3', dynamic: 'B', unreadable: 'fallback', scoped: 4 })
      expect(shop.lines).toContain('bundle: shipped as files: dynamic, placed, plain, unreadable')
    }))

  it('that are bundled leave no node_modules behind', () =>
    withRegistry(async (shop, _, built) => {
      expect(
        await built(
          {},
          {
            'package.json': needs('plain', 'esm'),
            'handler.ts': 'import plain from "plain"\nimport * as esm from "esm"\nexport default [plain(2, 3), esm.name]',
          },
          'exports.default',
        ),
      ).toEqual([5, 'esm'])
      const [reference] = await readdir(join(shop.directory, 'artifacts/objects'))
      expect(await readdir(join(shop.directory, 'artifacts/objects', reference ?? '', 'files'))).not.toContain('node_modules')
    }))

  it('with native code are shipped, also with what they do not declare', () =>
    withRegistry(async (shop, _, built) => {
      expect(await built({}, { 'package.json': needs('native', 'plain'), 'handler.mjs': 'import n from "native"; export default n' }, 'exports.default')).toBe(
        42,
      )
      expect(shop.lines).toContain('bundle: shipped as files: native, plain')
    }))

  it('are all shipped when the handler looks them up by computed names', () =>
    withRegistry(async (_, __, built) => {
      const files = { 'package.json': needs('plain', 'esm'), 'handler.js': 'module.exports = (n) => require(n)' }
      expect(await built({}, files, 'exports.default("plain")(1, 1)')).toBe(2)
    }))

  it('come from the text that Kubeless calls --dependencies', () =>
    withRegistry(async (_, __, built) => {
      const request = { runtime: 'nodejs14', handler: 'x.run', dependencies: needs('plain') }
      expect(await built(request, { 'fn.js': 'exports.run = () => require("plain")(20, 3)' }, 'exports.run()')).toBe(23)
    }))

  it('of a lock file are installed as it says, and a stale one is an error that says so', () =>
    withRegistry(async (shop, url, built) => {
      const integrity = await integrityOf(url, 'plain')
      const entry = { version: '1.2.0', resolved: `${url}/plain/-/plain-1.2.0.tgz`, integrity }
      const lock = (range: string) =>
        json({ name: 'x', lockfileVersion: 3, requires: true, packages: { '': { dependencies: { plain: range } }, 'node_modules/plain': entry } })
      const files = { 'package.json': needs('plain'), 'handler.js': 'module.exports = require("plain")(1, 1)' }
      expect(await built({}, { ...files, 'package-lock.json': lock('*') }, 'exports.default')).toBe(2)
      expect(shop.lines).toContain('dependencies: npm ci')
      const stale = { ...files, 'package.json': needs('plain', 'esm'), 'package-lock.json': lock('*') }
      await expect(shop.build({}, stale)).rejects.toMatchObject({ code: 'BUILD_FAILED', help: expect.stringContaining('npm install') })
    }))

  it('in directories of the source need no registry', async () => {
    await using shop = await openWorkshop({ npmEnv: { npm_config_registry: 'http://127.0.0.1:9' } })
    const files = {
      'package.json': json({ dependencies: { local: 'file:./lib' } }),
      'handler.js': 'module.exports = require("local")',
      'lib/package.json': json({ name: 'local', version: '1.0.0' }),
      'lib/index.js': 'module.exports = "local"',
    }
    const manifest = await shop.build({}, files)
    expect(await evaluate(await shop.open(manifest), manifest, 'exports.default')).toBe('local')
  })

  it('give the same artifact in another directory with another cache', async () => {
    await using registry = await openRegistry(PACKAGES)
    const files = {
      'package.json': needs('plain', 'placed', 'esm'),
      'handler.ts': 'import p from "plain"\nimport q from "placed"\nimport "esm"\nexport default [p, q]',
    }
    const digests = [1, 2].map(async () => {
      await using shop = await openWorkshop({ npmEnv: { npm_config_registry: registry.url } })
      return (await shop.build({ source: { kind: 'directory', path: await shop.tree(files) } })).digest
    })
    const [first, second] = await Promise.all(digests)
    expect(second).toBe(first)
  })

  it.each([
    ['a package that is not there', { 'package.json': needs('no-such-package') }, /npm install: E404\n/, /name of the package/],
    ['a version that is not there', { 'package.json': json({ dependencies: { plain: '99' } }) }, /No matching version found for plain@99/, /version/],
  ])('that cannot be installed are a short error: %s', (_, files, reason, help) =>
    withRegistry(async (shop) => {
      const failure = await shop.build({}, { ...files, 'handler.js': '1' }).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'BUILD_FAILED', message: expect.stringMatching(reason), help: expect.stringMatching(help) })
      expect((failure as Error).message).not.toContain(shop.directory)
    }),
  )

  it.each([
    ['a directory above', { dependencies: { x: 'file:../x' } }],
    ['an absolute path', { devDependencies: { x: 'file:/etc' } }],
    ['a link', { optionalDependencies: { x: 'link:../../x' } }],
    ['a home directory', { dependencies: { x: '~/x' } }],
  ])('outside of the source are refused: %s', async (_, manifest) => {
    await using shop = await openWorkshop()
    await expect(shop.build({}, { 'package.json': json(manifest), 'handler.js': '1' })).rejects.toMatchObject({
      code: 'SOURCE_REFUSED',
      message: expect.stringContaining('outside the source'),
    })
  })
})

describe('a private registry', () => {
  it("is reached with the source's .npmrc, which never gets into the artifact", async () => {
    await using registry = await openRegistry(PACKAGES, 'token-of-the-source')
    await using shop = await openWorkshop()
    const npmrc = `registry=${registry.url}/\n//${registry.url.slice('http://'.length)}/:_authToken=token-of-the-source\n`
    const manifest = await shop.build({}, { 'package.json': needs('plain'), '.npmrc': npmrc, 'handler.js': 'module.exports = require("plain")(1, 2)' })
    expect(await evaluate(await shop.open(manifest), manifest, 'exports.default')).toBe(3)
    expect(await readdir(await shop.open(manifest))).not.toContain('.npmrc')
  })

  it("is reached with the user's own npm configuration, or a token among the build arguments", async () => {
    await using registry = await openRegistry(PACKAGES, 'own-token')
    await using shop = await openWorkshop()
    const host = registry.url.slice('http://'.length)
    const userConfig = join(shop.directory, 'npmrc')
    await writeFile(userConfig, `registry=${registry.url}/\n//${host}/:_authToken=own-token\n`)
    const files = { 'package.json': needs('plain'), 'handler.js': 'module.exports = require("plain")(1, 2)' }
    await using own = await openWorkshop({ npmUserConfig: userConfig })
    await expect(own.build({}, files)).resolves.toMatchObject({ fileCount: 4 })
    const withArgument = { ...files, '.npmrc': `registry=${registry.url}/\n//${host}/:_authToken=\${NPM_TOKEN}\n` }
    await expect(shop.build({ buildArgs: { NPM_TOKEN: 'own-token' } }, withArgument)).resolves.toMatchObject({ fileCount: 4 })
    await expect(shop.build({ buildArgs: { NPM_TOKEN: 'wrong' } }, withArgument)).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      help: expect.stringContaining('credentials'),
    })
  })
})

describe('code of others during a build', () => {
  const files = { 'package.json': needs('scripted'), 'handler.js': 'module.exports = require("scripted")' }

  it('does not run unless it is allowed, and then sees no secrets', () =>
    withRegistry(async (shop, _, built) => {
      const without = await shop.build({}, files)
      await expect(readFile(join(await shop.open(without), 'node_modules/scripted/made.txt'))).rejects.toMatchObject({ code: 'ENOENT' })
      process.env['WEFT_TEST_TOKEN'] = 'secret'
      expect(await built({ allowScripts: true }, files, 'exports.default')).toBe(`made by ${process.version}`)
      delete process.env['WEFT_TEST_TOKEN']
    }))

  it.each([
    ['git=./evil.sh', 'git'],
    ['script-shell=./evil.sh', 'shell'],
    ['ignore-scripts=false', 'scripts'],
  ])('does not run because of .npmrc: %s', async (line) => {
    await using registry = await openRegistry(PACKAGES)
    await using shop = await openWorkshop({ npmEnv: { npm_config_registry: registry.url } })
    const evil = { ...files, '.npmrc': line, 'evil.sh': '#!/bin/sh\ntouch made-by-evil\n' }
    const manifest = await shop.build({}, evil)
    expect(await readdir(join(await shop.open(manifest), 'node_modules/scripted'))).not.toContain('made.txt')
  })

  it.each([
    ['a test that passes', { scripts: { test: 'node -e "require(\'./handler.js\')"' } }, 'built'],
    ['the placeholder of npm init', { scripts: { test: 'echo "Error: no test specified" && exit 1' } }, 'built'],
    ['a test that fails', { scripts: { test: 'echo 1 of 2 tests failed; exit 1' } }, expect.stringMatching(/npm test failed:\n(.*\n)*.*1 of 2 tests failed/)],
  ])('npm test decides for the runtimes of OpenFaaS: %s', async (_, manifest, expected) => {
    await using shop = await openWorkshop()
    const source = { 'package.json': json(manifest), 'handler.js': 'module.exports = 1' }
    const outcome = await shop.build({ runtime: 'node22' }, source).then(
      () => 'built',
      (error: Error) => error.message,
    )
    expect(outcome).toEqual(expected)
    await expect(shop.build({ runtime: 'nodejs14' }, source)).resolves.toMatchObject({ run: { contract: 'kubeless' } })
  })
})

async function integrityOf(url: string, name: string): Promise<string> {
  const packument = (await (await fetch(`${url}/${name}`)).json()) as { versions: Record<string, { dist: { integrity: string } }> }
  return Object.values(packument.versions)[0]?.dist.integrity ?? ''
}
