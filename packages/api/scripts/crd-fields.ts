/**
 * `node packages/api/scripts/crd-fields.ts FILE...`: writes the names of the fields of Istio's and the Gateway API's kinds from their CRD files (`crd-all.gen.yaml` of
 * Istio's base chart, `config/crd/standard` of the Gateway API) to `scripts/reference/crd-fields.json`, by which the
 * page of supported fields is made. Run `npm run format` after it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'

interface FieldTree {
  readonly [name: string]: FieldTree
}

interface CrdSchema {
  readonly properties?: Readonly<Record<string, CrdSchema>>
  readonly items?: CrdSchema
  readonly additionalProperties?: CrdSchema | boolean
}

interface Crd {
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: CrdSchema } }[]
  }
}

const target = fileURLToPath(new URL('../../../scripts/reference/crd-fields.json', import.meta.url))
const kinds: Record<string, FieldTree> = {}
for (const file of process.argv.slice(2)) {
  for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
    const crd = document.toJS() as Crd | null
    if (crd === null) continue
    const specs = crd.spec.versions.map(({ schema }) => schema.openAPIV3Schema.properties?.['spec'] ?? {})
    kinds[`${crd.spec.group}/${crd.spec.names.kind}`] = merged(specs.map(treeOf))
  }
}
const sorted = Object.fromEntries(Object.entries(kinds).toSorted(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(target, `${JSON.stringify(sorted, null, 1)}\n`)

/** Names below a schema: a list and a map are what is in them. */
function treeOf(schema: CrdSchema): FieldTree {
  if (schema.items !== undefined) return { '[]': treeOf(schema.items) }
  if (typeof schema.additionalProperties === 'object') return { '{}': treeOf(schema.additionalProperties) }
  return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, below]) => [name, treeOf(below)]))
}

/** The fields of all versions together. */
function merged(trees: readonly FieldTree[]): FieldTree {
  const names = new Set(trees.flatMap((tree) => Object.keys(tree)))
  return Object.fromEntries([...names].toSorted().map((name) => [name, merged(trees.flatMap((tree) => tree[name] ?? []))]))
}
