import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openWorkshop, type Files, type Workshop } from '../test/harness.ts'
import { evaluate } from '../test/run-artifact.ts'

let shop: Workshop
beforeAll(async () => {
  shop = await openWorkshop()
})
afterAll(async () => {
  await shop[Symbol.asyncDispose]()
})

const HANDLER = { 'handler.js': 'module.exports = async (event) => event' }
const evaluated = async (manifest: Awaited<ReturnType<Workshop['build']>>, expression: string) => evaluate(await shop.open(manifest), manifest, expression)

describe('finding the handler', () => {
  it.each<[string, Files, string | undefined, object]>([
    ['handler.js', { 'handler.js': 'module.exports = 1', 'index.js': '' }, undefined, { entry: 'handler.cjs' }],
    ['handler.mjs', { 'handler.mjs': 'export default 1', 'x.txt': '' }, undefined, { entry: 'handler.mjs' }],
    ['handler.ts', { 'handler.ts': 'export default 1 as number', 'x.txt': '' }, undefined, { entry: 'handler.mjs' }],
    ['main of package.json', { 'package.json': '{"main":"./lib/fn"}', 'lib/fn.js': 'module.exports = 1', 'index.js': '' }, undefined, { entry: 'lib/fn.cjs' }],
    ['index.js', { 'index.js': 'module.exports = 1', 'other.js': '' }, undefined, { entry: 'index.cjs' }],
    ['the only code file', { 'thing.js': 'module.exports = 1', 'readme.md': '' }, undefined, { entry: 'thing.cjs' }],
    ['the named file and export', { 'a.js': 'exports.run = 1', 'b.js': '' }, 'a.run', { entry: 'a.cjs', export: 'run' }],
    ['the named file', { 'a.js': 'module.exports = 1', 'b.js': '' }, 'a.js', { entry: 'a.cjs' }],
    ['a file in a directory', { 'src/a.ts': 'export const run = 1', 'b.js': '' }, 'src/a.run', { entry: 'src/a.mjs', export: 'run' }],
    ['the single file, whatever --handler calls it', { 'tempv1.js': 'exports.sample = 1' }, 'temp.sample', { entry: 'tempv1.cjs', export: 'sample' }],
    ['a name that is taken', { 'handler.js': 'module.exports = 1', 'handler.cjs': '' }, 'handler.js', { entry: 'handler.bundle.cjs' }],
  ])('takes %s', async (_, files, handler, run) => {
    const manifest = await shop.build(handler === undefined ? {} : { handler }, files)
    expect(manifest.run).toEqual({ runtime: 'node22', contract: 'openfaas', ...run })
  })

  it.each<[string, Files, string | undefined, RegExp]>([
    ['there is none', { 'a.js': '', 'b.js': '' }, undefined, /no handler was found.*handler\.\*/],
    ['the file is not there', { 'a.js': '', 'b.js': '' }, 'c.run', /names the file c, which is not in the source \(it has a\.js, b\.js\)/],
    ['the file is outside', { 'a.js': '', 'b.js': '' }, '../../x.run', /outside the source/],
    ['an ES module has no such export', { 'a.mjs': 'export const run = 1, go = 2' }, 'a.walk', /no export "walk" \(it exports go, run\)/],
  ])('says that %s', async (_, files, handler, reason) => {
    const building = shop.build(handler === undefined ? {} : { handler }, files)
    await expect(building).rejects.toMatchObject({ code: 'BUILD_FAILED', message: expect.stringMatching(reason), help: expect.stringContaining('--handler') })
  })
})

describe('bundling', () => {
  it.each<[string, Files, string, unknown]>([
    [
      'CommonJS stays CommonJS',
      { 'handler.js': 'module.exports = { a: typeof require, b: require("./b") }', 'b.js': 'exports.x = 1' },
      'exports.default',
      { a: 'function', b: { x: 1 } },
    ],
    ['package.json makes it an ES module', { 'handler.js': 'export default 5', 'package.json': '{"type":"module"}' }, 'exports.default', 5],
    [
      'syntax makes it an ES module',
      { 'handler.js': 'import os from "node:os"; export default typeof os.hostname()', 'x.txt': '' },
      'exports.default',
      'string',
    ],
    [
      'TypeScript with types',
      { 'handler.ts': 'interface A { x: number }\nenum E { One = 1 }\nexport default ((a: A) => a.x + E.One)({ x: 2 })', 'x.txt': '' },
      'exports.default',
      3,
    ],
    ['TypeScript with module.exports', { 'handler.ts': 'const a: number = 4\nmodule.exports = a', 'x.txt': '' }, 'exports.default', 4],
    [
      'an ES module that imports CommonJS that requires a builtin',
      { 'handler.mjs': 'import b from "./b.cjs"; export default b', 'b.cjs': 'module.exports = typeof require("fs").readFileSync' },
      'exports.default',
      'function',
    ],
    [
      'an ES module that makes its own require and __dirname',
      {
        'handler.mjs':
          'import { createRequire } from "node:module"; import { dirname } from "node:path"; import { fileURLToPath } from "node:url"; const require = createRequire(import.meta.url); const __dirname = dirname(fileURLToPath(import.meta.url)); export default [require("./b.json").x, __dirname.length > 1]',
        'b.json': '{"x":7}',
      },
      'exports.default',
      [7, true],
    ],
    ['JSON', { 'handler.js': 'module.exports = require("./a.json")', 'a.json': '{"a":[1]}' }, 'exports.default', { a: [1] }],
    ['top-level await', { 'handler.mjs': 'export default await Promise.resolve(9)', 'x.txt': '' }, 'exports.default', 9],
  ])('%s', async (_, files, expression, expected) => {
    expect(await evaluated(await shop.build({}, files), expression)).toEqual(expected)
  })

  it.each<[string, Files, unknown]>([
    [
      'a file beside the handler by __dirname',
      { 'handler.js': 'module.exports = require("fs").readFileSync(__dirname + "/a.txt", "utf8")', 'a.txt': 'A' },
      'A',
    ],
    [
      'a file beside a module in a directory',
      {
        'handler.js': 'module.exports = require("./lib/b")',
        'lib/b.js': 'module.exports = [require("fs").readFileSync(__dirname + "/c.txt", "utf8"), require("path").basename(__filename)]',
        'lib/c.txt': 'C',
      },
      ['C', 'b.js'],
    ],
    [
      'a file by import.meta.url',
      {
        'handler.mjs': 'export { default } from "./lib/b.mjs"',
        'lib/b.mjs':
          'import { readFileSync } from "node:fs"; export default [readFileSync(new URL("./c.txt", import.meta.url), "utf8"), readFileSync(import.meta.dirname + "/c.txt", "utf8")]',
        'lib/c.txt': 'C',
      },
      ['C', 'C'],
    ],
    ['a module by a computed name', { 'handler.js': 'const n = "b"; module.exports = require("./plugins/" + n)', 'plugins/b.js': 'module.exports = "B"' }, 'B'],
    [
      'modules that a directory lists',
      {
        'handler.js':
          'const fs = require("fs"), path = require("path"); const d = path.join(__dirname, "plugins"); module.exports = fs.readdirSync(d).map((f) => require(path.join(d, f)))',
        'plugins/a.js': 'module.exports = "A"',
        'plugins/b.js': 'module.exports = "B"',
      },
      ['A', 'B'],
    ],
    [
      'a computed name seen from a directory',
      {
        'handler.js': 'module.exports = require("./lib/load")("b")',
        'lib/load.js': 'module.exports = (n) => require("./" + n)',
        'lib/b.js': 'module.exports = "B"',
      },
      'B',
    ],
    [
      'a computed import seen from a directory',
      {
        'handler.mjs': 'import load from "./lib/load.mjs"; export default (await load("b")).default',
        'lib/load.mjs': 'export default (n) => import(`./${n}.mjs`)',
        'lib/b.mjs': 'export default "B"',
      },
      'B',
    ],
    ['require.resolve', { 'handler.js': 'module.exports = require("path").basename(require.resolve("./a.txt"))', 'a.txt': '' }, 'a.txt'],
    [
      'a handler in a directory',
      { 'src/handler.js': 'module.exports = require("fs").readFileSync(require("path").join(__dirname, "../a.txt"), "utf8")', 'a.txt': 'A' },
      'A',
    ],
  ])('keeps working: %s', async (_, files, expected) => {
    expect(await evaluated(await shop.build({}, files), 'exports.default')).toEqual(expected)
  })

  it('shows errors of a function where they are in the source', async () => {
    const manifest = await shop.build(
      {},
      { 'handler.ts': 'interface Long {\n  a: string\n}\n\nexport default () => {\n  throw new Error("here")\n}\n', 'x.txt': '' },
    )
    const stack = await evaluated(manifest, '(() => { try { exports.default() } catch (error) { return error.stack } })()')
    expect(stack).toMatch(/handler\.ts:6:9/)
  })

  it.each<[string, Files, string[]]>([
    ['a syntax error', { 'handler.js': 'const a = 1\n\tconst b = ;\n' }, ['handler.js:2:12: Unexpected ";"', '  2 | \tconst b = ;', '    | \t          ^']],
    [
      'a missing file',
      { 'handler.js': 'require("./gone")', 'x.txt': '' },
      ['handler.js:1:9: Could not resolve "./gone"', '  1 | require("./gone")', '    |         ^^^^^^^^'],
    ],
    [
      'an error in an imported file',
      { 'handler.ts': 'import "./lib/b.ts"', 'lib/b.ts': 'export const a: = 1' },
      ['lib/b.ts:1:17: Unexpected "="', '  1 | export const a: = 1'],
    ],
  ])('shows file, line, column and the code of %s', async (_, files, lines) => {
    const failure = await shop.build({}, files).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'BUILD_FAILED' })
    for (const line of lines) expect((failure as Error).message).toContain(line)
    expect((failure as Error).message).not.toContain(shop.directory)
  })

  it('says which package is missing and how to add it', async () => {
    await expect(shop.build({}, { 'handler.js': 'require("left-pad/x")' })).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      help: expect.stringContaining('npm install left-pad'),
    })
  })

  it('does not bundle files of the machine that builds', async () => {
    const secret = join(shop.directory, 'secret.json')
    await writeFile(secret, '{"key":"do not leak"}')
    for (const files of [
      { 'handler.js': `module.exports = require(${JSON.stringify(secret)})` },
      { 'handler.js': 'module.exports = require("../../../../secret.json")' },
    ]) {
      await expect(shop.build({}, files)).rejects.toMatchObject({
        code: 'BUILD_FAILED',
        message: expect.stringMatching(/outside the source|Could not resolve/),
      })
    }
  })

  it('keeps .npmrc and .git out of the artifact', async () => {
    const directory = await shop.tree({ ...HANDLER, '.npmrc': 'token', '.git/config': 'x', 'lib/.npmrc': 'token', 'lib/a.js': '', '.env.example': 'A' })
    const manifest = await shop.build({ source: { kind: 'directory', path: directory } })
    expect((await readdir(await shop.open(manifest))).toSorted()).toEqual(['.env.example', 'handler.cjs', 'handler.cjs.map', 'handler.js', 'lib'])
  })
})

describe('the same input', () => {
  const FILES = { 'handler.ts': 'import { b } from "./lib/b.ts"\nexport default () => b', 'lib/b.ts': 'export const b = import.meta.url', 'data/x.txt': 'x' }

  it('gives the same digest in another directory, by another builder, on another path', async () => {
    await using other = await openWorkshop()
    const [one, two] = [await shop.tree(FILES), await other.tree(FILES)]
    const first = await shop.build({ source: { kind: 'directory', path: one } })
    const second = await other.build({ source: { kind: 'directory', path: two } })
    expect(second).toEqual(first)
  })

  it('leaves no path of the machine in the artifact', async () => {
    const directory = await shop.open(await shop.build({}, FILES))
    const [code, map] = await Promise.all(['handler.mjs', 'handler.mjs.map'].map((name) => readFile(join(directory, name), 'utf8')))
    expect(code).not.toContain(shop.directory)
    expect(JSON.parse(map ?? '')).toMatchObject({ sources: ['lib/b.ts', 'handler.ts'] })
    expect(map).not.toContain(shop.directory)
  })

  it('is not built again, and the new reference points to what is there', async () => {
    const first = await shop.build({ reference: 'one:1' }, { ...FILES, 'again.txt': '' })
    shop.lines.length = 0
    expect(await shop.build({ reference: 'two:1' }, { ...FILES, 'again.txt': '' })).toEqual(first)
    expect(shop.lines).toEqual([`cache: nothing has changed: ${first.digest}`])
    expect(await shop.artifacts.get('two:1')).toEqual(first)
  })

  it('is built once when it comes ten times at once', async () => {
    shop.lines.length = 0
    const manifests = await Promise.all(Array.from({ length: 10 }, () => shop.build({}, { ...FILES, 'once.txt': '' })))
    expect(new Set(manifests.map((manifest) => manifest.digest)).size).toBe(1)
    expect(shop.lines.filter((line) => line.startsWith('bundle: '))).toHaveLength(1)
  })

  it('is another one with another runtime, handler, environment or file', async () => {
    const builds = [{}, { runtime: 'fetch' }, { env: { A: '1' } }, { handler: 'handler.b' }]
    const results = await Promise.allSettled(builds.map((request) => shop.build(request, { 'handler.js': 'exports.b = 1', 'x.txt': '' })))
    const digests = results.map((result) => (result.status === 'fulfilled' ? result.value.digest : String(result.reason)))
    expect(new Set(digests).size).toBe(builds.length)
  })
})

describe('programs', () => {
  it.each<[string, object, Files, object]>([
    ['a command', { runtime: 'process', process: 'cat' }, { 'x.txt': '' }, { command: 'cat' }],
    ['a mode', { runtime: 'process', process: 'sh serve.sh', env: { mode: 'http' } }, { 'serve.sh': '' }, { command: 'sh serve.sh', mode: 'http' }],
    ['a program of the source', { runtime: 'process', process: './run.sh x' }, { 'run.sh': '' }, { command: './run.sh x' }],
    ['a single script', { runtime: 'process' }, { 'job.sh': 'echo 1' }, { command: 'sh job.sh' }],
    [
      'a Dockerfile',
      { runtime: 'dockerfile' },
      { Dockerfile: 'FROM x\nENV fprocess="sh ./h.sh" mode="streaming"', 'h.sh': '' },
      { command: 'sh ./h.sh', mode: 'streaming' },
    ],
  ])('are taken by %s', async (_, request, files, run) => {
    expect((await shop.build(request, files)).run).toEqual({ runtime: expect.any(String), contract: 'process', ...run })
  })

  it.each<[string, object, Files, RegExp, RegExp]>([
    ['there is no command', { runtime: 'process' }, { 'x.txt': '', 'y.txt': '' }, /no program is named/, /--fprocess/],
    ['a Dockerfile names none', { runtime: 'dockerfile' }, { Dockerfile: 'FROM x\nCMD ["x"]', y: '' }, /container engine/, /OCI images come/],
    ['the program is unknown', { runtime: 'process', process: 'no-such-program-here -x' }, { 'x.txt': '' }, /no-such-program-here is neither/, /install/],
  ])('are refused when %s', async (_, request, files, reason, help) => {
    await expect(shop.build(request, files)).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringMatching(reason),
      help: expect.stringMatching(help),
    })
  })
})

describe('limits and endings', () => {
  /** A build that cannot end by itself: reading a pipe waits for a writer. */
  const endless = { 'package.json': '{"scripts":{"test":"sleep 600"}}', ...HANDLER }

  it('ends a build that takes too long, and says where it was', async () => {
    await using slow = await openWorkshop({ limits: { buildTimeoutMs: 2500 } })
    await expect(slow.build({}, endless)).rejects.toMatchObject({ code: 'BUILD_TIMEOUT', message: expect.stringContaining('3 s (it was at test)') })
    expect(await readdir(join(slow.directory, 'cache/work'))).toEqual([])
  })

  it('ends a build that is cancelled, with everything that it started', async () => {
    await using other = await openWorkshop()
    const cancel = new AbortController()
    const building = other.builder.build(
      { name: 'fn', runtime: 'node22', source: { kind: 'inline', files: endless } },
      ({ step }) => step === 'test' && cancel.abort(),
      cancel.signal,
    )
    await expect(building).rejects.toMatchObject({ code: 'BUILD_CANCELLED' })
    expect(await readdir(join(other.directory, 'cache/work'))).toEqual([])
  })

  it('does not begin what is cancelled before, or while it waits for its turn', async () => {
    await using other = await openWorkshop({ limits: { concurrency: 1 } })
    await expect(other.build({}, HANDLER, AbortSignal.abort())).rejects.toMatchObject({ code: 'BUILD_CANCELLED' })
    const [first, waiting] = [new AbortController(), new AbortController()]
    const running = other.build({}, endless, first.signal)
    const queued = other.build({}, HANDLER, waiting.signal)
    waiting.abort()
    await expect(queued).rejects.toMatchObject({ code: 'BUILD_CANCELLED' })
    first.abort()
    await expect(running).rejects.toMatchObject({ code: 'BUILD_CANCELLED' })
    expect(await other.build({}, HANDLER)).toMatchObject({ run: { entry: 'handler.cjs' } })
  })

  it('ends what runs when it is closed', async () => {
    await using other = await openWorkshop()
    const [outcome] = await Promise.allSettled([other.build({}, endless), other.builder.close()])
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'BUILD_CANCELLED' } })
  })

  it('refuses an artifact that is too large and names the largest part', async () => {
    await using small = await openWorkshop({ limits: { artifactBytes: 1000 } })
    await expect(small.build({}, { ...HANDLER, 'data/big.txt': 'x'.repeat(5000) })).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringMatching(/largest part is data/),
    })
  })

  it('refuses an unknown runtime before anything else', async () => {
    await expect(shop.build({ runtime: 'cobol' }, HANDLER)).rejects.toMatchObject({ code: 'UNKNOWN_RUNTIME' })
  })

  it.each([
    ['not JSON', '{'],
    ['no object', '[1]'],
  ])('refuses a package.json that is %s', async (_, text) => {
    await expect(shop.build({}, { ...HANDLER, 'package.json': text })).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringContaining('package.json is not valid'),
    })
  })
})
