import { describe, expect, it } from '@jest/globals'
import { re2Problem } from './re2.ts'

describe('a regular expression', () => {
  it.each([
    '',
    'abc',
    '^/api/(v1|v2)/.*$',
    '(?i)jason',
    '(?i:a)b',
    '(?P<name>x)(?<other>y)',
    '[[:alpha:]]+',
    '[^]a-]',
    '[a-z\\d-]',
    'a{2}b{2,}c{2,5}?',
    'a{,5}',
    'a{x}',
    '\\pL\\p{Greek}\\P{Lu}',
    '\\x41\\x{1F600}',
    '\\.\\*\\/\\[',
    'a*?b+?c??',
    '^$|\\bx\\B\\A\\z',
    '(a|)',
    '温{2}',
    '()',
  ])('%j is what RE2 takes', (pattern) => {
    expect(re2Problem(pattern)).toBeUndefined()
  })

  it.each([
    ['(?=x)', /looks ahead/],
    ['(?!x)', /looks ahead/],
    ['(?<=x)', /looks behind/],
    ['(?<!x)', /looks behind/],
    ['(a)\\1', /refers back/],
    ['(?P<n>a)\\k<n>', /refers back/],
    ['(?>a)', /does not know/],
    ['(?#c)', /does not know/],
    ['(a', /without its "\)"/],
    ['a)', /without its "\("/],
    ['[a', /without its "]"/],
    ['[z-a]', /backwards/],
    ['[\\d-z]', /backwards/],
    ['[[:gremlin:]]', /class/],
    ['*a', /nothing before/],
    ['{2}', /nothing before/],
    ['a**', /one repetition after another/],
    ['a+{2}', /one repetition after another/],
    ['a{1001}', /more than 1000/],
    ['a{5,2}', /more often/],
    ['((a{100}){100})', /more than 1000/],
    ['\\', /ends with/],
    ['\\y', /does not know/],
    ['\\p{Gremlin}', /not known/],
    ['\\xZZ', /character number/],
    ['(?P<a>x)(?P<a>y)', /two groups/],
    ['('.repeat(200) + ')'.repeat(200), /nested deeper/],
    ['x'.repeat(1025), /more than 1024/],
    ['\ud800', /Unicode/],
  ])('%j is refused with the reason', (pattern, reason) => {
    expect(re2Problem(pattern)).toMatch(reason)
  })
})
