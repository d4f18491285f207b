import { describe, expect, it } from '@jest/globals'
import { condenseNpmError } from './npm-errors.ts'

const output = (lines: readonly string[]) =>
  ['npm warn deprecated x@1', ...lines.map((line) => `npm error ${line}`), 'npm error A complete log of this run can be found in: /work/home/x.log'].join('\n')

describe('what npm said', () => {
  it.each([
    [
      'an unknown package',
      ['code E404', '404 Not Found - GET https://r/x - Not found', '404', "404  The requested resource 'x@1' could not be found"],
      /^E404\nNot Found - GET .*\nThe requested resource 'x@1'/,
      /name of the package/,
    ],
    ['an unknown version', ['code ETARGET', 'notarget No matching version found for x@99.'], /No matching version found for x@99/, /version/],
    ['no registry', ['code ENOTFOUND', 'network request to https://r/x failed'], /request to https:\/\/r\/x failed/, /network, the proxy/],
    [
      'a stale lock file',
      ['code EUSAGE', '`npm ci` can only install packages when your package.json and package-lock.json are in sync.'],
      /in sync/,
      /npm install/,
    ],
    ['wrong credentials', ['code E401', 'Unable to authenticate'], /Unable to authenticate/, /credentials/],
    ['a conflict', ['code ERESOLVE', 'ERESOLVE unable to resolve dependency tree'], /unable to resolve/, /legacy-peer-deps/],
    ['something else', ['code EWEIRD', 'at /work/source/package.json'], /EWEIRD/, /npm install/],
    ['nothing', [], /without a word/, /npm install/],
  ])('is condensed: %s', (_, lines, reason, help) => {
    const failure = condenseNpmError(output(lines), ['/work/source'])
    expect(failure.reason).toMatch(reason)
    expect(failure.reason).not.toMatch(/complete log|deprecated|\/work/)
    expect(failure.help).toMatch(help)
  })
})
