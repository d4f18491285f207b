import { afterAll, describe, expect, it } from '@jest/globals'
import { logged, type ReplicaOptions, spawnReplica, startReplica, stopAll } from '../../test/harness.ts'

afterAll(stopAll)

describe('a module may be', () => {
  it.each<[string, Omit<ReplicaOptions, 'contract'>]>([
    ['module.exports = function', { source: 'module.exports = (req, res) => res.end("ok")' }],
    ['module.exports = { name }', { source: 'module.exports = { other() {}, app: (req, res) => res.end("ok") }', export: 'app' }],
    ['module.exports = { handler }', { source: 'module.exports = { other() {}, handler: (req, res) => res.end("ok") }' }],
    ['module.exports with one function', { source: 'module.exports = { anything: (req, res) => res.end("ok") }' }],
    [
      'exports.default of a transpiled module',
      { source: 'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = (req, res) => res.end("ok")' },
    ],
    ['an ES module with a default', { source: 'export default (req, res) => res.end("ok")', entry: 'h.mjs' }],
    ['an ES module with a named export', { source: 'export const other = 1; export function app(req, res) { res.end("ok") }', entry: 'h.mjs', export: 'app' }],
    ['an ES module told by its syntax', { source: 'export default (req, res) => res.end("ok")', entry: 'h.js' }],
    ['a default object with the named function', { source: 'export default { app: (req, res) => res.end("ok") }', entry: 'h.mjs', export: 'app' }],
    ['an ES module with top-level await', { source: 'await 1; export default (req, res) => res.end("ok")', entry: 'h.mjs' }],
    [
      'TypeScript as an ES module',
      { source: 'interface A { b: string }\nexport default (req: unknown, res: { end(a: string): void }) => res.end("ok" satisfies string)', entry: 'h.ts' },
    ],
    ['TypeScript as CommonJS', { source: 'const word: string = "ok"; module.exports = (req: any, res: any) => res.end(word)', entry: 'h.cts' }],
    [
      'TypeScript of several files',
      {
        source: {
          'h.ts': 'import { word } from "./lib/word.ts"; export default (req: any, res: any) => res.end(word)',
          'lib/word.ts': 'export const word: string = "ok"',
        },
        entry: 'h.ts',
      },
    ],
    [
      'a file of a directory that requires another',
      {
        source: { 'src/h.js': 'const word = require("./word"); exports.app = (req, res) => res.end(word)', 'src/word.js': 'module.exports = "ok"' },
        entry: 'src/h.js',
        export: 'app',
      },
    ],
    ['module.exports = function, under any name', { source: 'module.exports = (req, res) => res.end("ok")', export: 'whatever' }],
    ['a function with a name that every object has', { source: 'exports.toString = (req, res) => res.end("ok")', export: 'toString' }],
  ])('%s', async (_name, options) => {
    const replica = await startReplica({ contract: 'node-http', ...options })
    expect((await replica.ask()).body).toBe('ok')
    expect(replica.log()).toBe('')
  })
})

describe('a module that cannot be loaded is reported with its reason, and exit code 1', () => {
  it.each<[string, Omit<ReplicaOptions, 'contract'>, RegExp]>([
    ['it throws', { source: 'throw new Error("no database")' }, /no database/],
    ['its syntax is wrong', { source: 'module.exports = (' }, /SyntaxError/],
    ['it needs a module that is not there', { source: 'require("left-pad")' }, /left-pad[\s\S]*name it in package\.json/],
    ['its TypeScript needs a build', { source: 'enum A { B }\nexport default () => A.B', entry: 'h.ts' }, /needs a build/],
    ['the file is missing', { source: {}, entry: 'h.js' }, /h\.js/],
    ['the export is missing', { source: 'exports.a = () => 1; exports.b = 2', export: 'c' }, /no function named "c" \(it exports: a, b\)/],
    ['the export is inherited', { source: 'exports.a = () => 1', export: 'constructor' }, /no function named "constructor"/],
    ['it exports nothing', { source: '' }, /exports no handler.*exports nothing/],
    ['it ends the process', { source: 'process.exit(0)' }, /ended the process while it was loaded/],
    ['top-level await throws', { source: 'await Promise.reject(new Error("no database")); export default 1', entry: 'h.mjs' }, /no database/],
    ['the contract is unknown', { source: '', config: { contract: 'soap' } }, /contract must be one of openfaas, kubeless, node-http, fetch, cloudevent/],
  ])('%s', async (_name, options, reason) => {
    const replica = await spawnReplica({ contract: 'node-http', ...options })
    expect(await replica.exited).toBe(1)
    const [report] = replica.reports()
    expect(report).toMatchObject({ type: 'failed' })
    expect(`${String(report?.['message'])}\n${String(report?.['stack'])}`).toMatch(reason)
    expect(replica.log()).toMatch(reason)
  })

  it('with the file and line of its source map', async () => {
    const map = Buffer.from(JSON.stringify({ version: 3, sources: ['original.ts'], names: [], mappings: 'AAUA', sourcesContent: [''] })).toString('base64')
    const source = `throw new Error("mapped")\n//# sourceMappingURL=data:application/json;base64,${map}`
    const replica = await spawnReplica({ contract: 'node-http', source })
    await replica.exited
    await expect(logged(replica, 'original.ts:11')).resolves.toBeUndefined()
  })
})
