import { describe, expect, it } from '@jest/globals'
import { hazardsOf } from './hazards.ts'

describe('what ties a module to its place', () => {
  it.each([
    ['plain code', 'const a = require("a"); import("b"); import x from "y"', false, false],
    ['a template literal without anything computed', 'require(`a`)', false, false],
    ['a method of that name', 'loader.require(name); this.import(x)', false, false],
    ['import attributes', 'await import("./a.json", { with: { type: "json" } })', false, false],
    ['__dirname', 'fs.readFileSync(__dirname + "/a")', true, false],
    ['import.meta.url', 'new URL("./a", import.meta.url)', true, false],
    ['a computed require', 'require(name)', false, true],
    ['a joined require', 'require("./" + name)', false, true],
    ['a computed import', 'await import(name)', false, true],
    ['require.resolve', 'require.resolve("a")', false, true],
    ['createRequire', 'import { createRequire } from "module"', false, true],
    ['a comment', '// require(name) and __dirname\n/* require(name)\n __dirname */\nmodule.exports = 1', false, false],
  ])('judges %s', (_, code, location, dynamic) => {
    expect(hazardsOf(code)).toEqual({ location, dynamic })
  })
})
