import fc from 'fast-check'
import { stringify } from 'yaml'
import { invalidResource } from './invalid.ts'
import { validResource, type Document, type World } from './valid.ts'

/** Manifests that are accepted: YAML of one or several documents, JSON, or a List. */
export function validManifest(world: World = {}): fc.Arbitrary<{ readonly text: string; readonly documents: readonly Document[] }> {
  return fc
    .tuple(
      fc.array(validResource(world), { minLength: 1, maxLength: 3 }),
      fc.constantFrom('yaml', 'json', 'list'),
      fc.constantFrom('', '# a comment\n', '---\n', '\ufeff'),
    )
    .map(([documents, form, before]) => ({
      documents,
      text: form === 'yaml' ? before + documents.map((one) => stringify(one)).join('---\n') : jsonText(documents, form),
    }))
}

function jsonText(documents: readonly Document[], form: string): string {
  const [first] = documents
  return JSON.stringify(form === 'json' && documents.length === 1 ? first : { apiVersion: 'v1', kind: 'List', items: documents }, undefined, 2)
}

const BOMB = `a: &a [${'x,'.repeat(9)}x]\n${[...'bcdefgh'].map((name, index) => `${name}: &${name} [${Array(10).fill(`*${'abcdefg'[index]}`).join(',')}]\n`).join('')}`

const NOT_YAML: readonly (readonly [string, string])[] = [
  ['a bomb of aliases', BOMB],
  ['an alias of nothing', 'a: *nothing\n'],
  ['a key twice', 'apiVersion: v1\napiVersion: v1\nkind: Namespace\nmetadata: { name: a }\n'],
  ['a tab as indentation', 'a:\n\tb: c\n'],
  ['a list that does not end', 'a: [1, 2\n'],
  ['text that does not end', 'a: "b\n'],
  ['a tag of a program', 'a: !!js/function "x"\n'],
  ['a tag that nobody knows', 'a: !gremlin x\n'],
  ['brackets without end', '['.repeat(50_000)],
  ['braces without end', '{"a":'.repeat(20_000)],
  ['nothing', ''],
  ['only comments', '# nothing\n---\n# here\n'],
  ['a number', '42\n'],
  ['text', 'hello\n'],
  ['JSON that is cut', '{"apiVersion": "v1", "kind": "Name'],
  ['a list without items', 'apiVersion: v1\nkind: List\n'],
  ['a list whose items are no list', 'apiVersion: v1\nkind: List\nitems: { a: b }\n'],
  ['NUL characters', 'a: \u0000\u0000\n'],
  ['too much', `a: ${'x'.repeat(3_145_728)}\n`],
]

/** Manifests that are refused: not YAML, or with a resource that is not valid among good ones. */
export function invalidManifest(world: World = {}): fc.Arbitrary<{ readonly text: string; readonly because: string }> {
  const spoiled = fc
    .tuple(fc.array(validResource(world), { maxLength: 2 }), invalidResource(world))
    .map(([good, { document, because }]) => ({ because, text: [...good, document ?? 0].map((one) => JSON.stringify(one)).join('\n---\n') }))
  return fc.oneof({ weight: 3, arbitrary: spoiled }, { weight: 1, arbitrary: fc.constantFrom(...NOT_YAML).map(([because, text]) => ({ because, text })) })
}
