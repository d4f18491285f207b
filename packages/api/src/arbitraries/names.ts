import fc from 'fast-check'

const ALNUM = [...'abcdefghijklmnopqrstuvwxyz0123456789']

/** Names that are DNS-1123 labels, from one character to the longest. */
export function validName(): fc.Arbitrary<string> {
  const edge = fc.constantFrom(...ALNUM)
  const middle = fc.string({ unit: fc.constantFrom(...ALNUM, '-'), maxLength: 61 })
  return fc.oneof({ weight: 1, arbitrary: edge }, { weight: 5, arbitrary: fc.tuple(edge, middle, edge).map((parts) => parts.join('')) })
}

const HOSTILE = [
  '',
  ' ',
  '.',
  '..',
  '../system',
  '%2e%2e',
  'a.b@169.254.169.254',
  'a/b',
  'a b',
  'A',
  'Temp',
  '-a',
  'a-',
  'a_b',
  'a..b',
  '__proto__',
  'ü',
  'ａ',
  'a\u0000',
  'a\nb',
  'a\r\nx: y',
  '🧊',
  'x'.repeat(64),
  'x'.repeat(5_000),
  '[::1]',
  'a:8080',
  '$(id)',
  '"',
  "'; DROP TABLE resources; --",
  '<script>',
  'a?b',
  'a#b',
  '*',
]

/** Names that are no DNS-1123 labels: hostile ones, and any other text. */
export function invalidName(): fc.Arbitrary<string> {
  const any = fc.string({ unit: 'binary', maxLength: 80 }).filter((text) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text))
  return fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...HOSTILE) }, { weight: 1, arbitrary: any })
}
