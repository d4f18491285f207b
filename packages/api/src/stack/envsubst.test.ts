import { describe, expect, it } from '@jest/globals'
import { envsubst } from './envsubst.ts'

const ENV: Readonly<Record<string, string>> = {
  NAME: 'Weft',
  EMPTY: '',
  PATHS: '/usr/local/lib/x.tar.gz',
  PREFIX: 'ghcr.io/me',
  WORD: 'hello',
  TWICE: 'abcabc',
}
const expand = (text: string) => envsubst(text, (name) => ENV[name], 'stack.yaml')

describe('substitution in stack.yaml', () => {
  it.each([
    ['a value', '${NAME}', 'Weft'],
    ['a variable that is not set', 'a${NONE}b', 'ab'],
    ['text around', 'image: ${PREFIX}/x:0.1', 'image: ghcr.io/me/x:0.1'],
    ['a dollar without a brace', 'cost $5 $NAME $', 'cost $5 $NAME $'],
    ['an escaped expansion', '$${NAME}', '${NAME}'],
    ['a default for empty', '${EMPTY:-x}', 'x'],
    ['a default for unset only', '${EMPTY-x}|${NONE-x}', '|x'],
    ['an assigned default', '${EMPTY:=x}|${NONE=y}', 'x|y'],
    ['an alternative', '${NAME:+x}|${EMPTY:+x}|${EMPTY+x}|${NONE+x}', 'x||x|'],
    ['a required value that is there', '${NAME:?must be set}', 'Weft'],
    ['a default in a default', '${NONE:-${ALSO_NONE:-deep}}', 'deep'],
    ['a default with text and a variable', '${NONE:-${PREFIX}/y:1}', 'ghcr.io/me/y:1'],
    ['an empty default', '[${NONE:-}]', '[]'],
    ['a length', '${#NAME}|${#NONE}', '4|0'],
    ['the first character in upper case', '${WORD^}', 'Hello'],
    ['upper case', '${WORD^^}', 'HELLO'],
    ['the first character in lower case', '${NAME,}', 'weft'],
    ['lower case', '${NAME,,}', 'weft'],
    ['an offset', '${WORD:1}', 'ello'],
    ['an offset and a length', '${WORD:1:3}', 'ell'],
    ['an offset from the end', '${WORD: -2}', 'lo'],
    ['the shortest prefix cut', '${PATHS#*/}', 'usr/local/lib/x.tar.gz'],
    ['the longest prefix cut', '${PATHS##*/}', 'x.tar.gz'],
    ['the shortest suffix cut', '${PATHS%.*}', '/usr/local/lib/x.tar'],
    ['the longest suffix cut', '${PATHS%%.*}', '/usr/local/lib/x'],
    ['one replacement', '${TWICE/b/X}', 'aXcabc'],
    ['all replacements', '${TWICE//b/X}', 'aXcaXc'],
    ['a replacement at the start', '${TWICE/#abc/X}|${TWICE/#b/X}', 'Xabc|abcabc'],
    ['a replacement at the end', '${TWICE/%abc/X}|${TWICE/%b/X}', 'abcX|abcabc'],
    ['a removal', '${TWICE//b}', 'acac'],
    ['a pattern with a class', '${WORD//[a-h]/_}', '__llo'],
  ])('expands %s', (_, text, expected) => {
    expect(expand(text)).toBe(expected)
  })

  it.each([
    ['an open brace', 'a: 1\nb: ${NAME', ':2:4', /not closed/],
    ['no name', '${-x}', ':1:1', /name of a variable/],
    ['an unknown operator', '${NAME!x}', ':1:1', /no substitution/],
    ['a wrong offset', '${NAME:x}', ':1:1', /whole numbers/],
    ['a required value that is missing', 'x\n\n  ${NONE:?give it}', ':3:3', /NONE is not set: give it/],
  ])('says where %s is', (_, text, position, reason) => {
    expect(() => expand(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_STACK', fields: expect.objectContaining({ position, reason: expect.stringMatching(reason) }) }),
    )
  })

  it('stays fast with patterns that are made to be slow', () => {
    const value = 'a'.repeat(2000)
    const started = performance.now()
    expect(envsubst(`\${A%%${'*a'.repeat(20)}b}`, () => value, 'f')).toBe(value)
    expect(performance.now() - started).toBeLessThan(5000)
  })
})
