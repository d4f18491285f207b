import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { kindOf, MAX_MANIFEST_BYTES, parseManifest, readResource, type SourceToBuild } from '@weft/api'
import { WeftError, type Resource } from '@weft/core'
import { parseAllDocuments } from 'yaml'

/** A resource as it is to be applied. */
export interface Manifest {
  readonly resource: Resource
  /** Source that must be built into `spec.template.artifact` first (Function of Kubeless). */
  readonly source?: SourceToBuild
  /** File it is from. */
  readonly from: string
}

/** What a path holds: stack files, and resources in the order in which they are to be applied. */
export interface Found {
  readonly stacks: readonly string[]
  readonly manifests: readonly Manifest[]
}

/** What others refer to comes first. */
const ORDER = ['Namespace', 'ServiceAccount', 'Secret', 'Function', 'Service', 'DestinationRule']
const EXTENSIONS = /\.(ya?ml|json)$/i
const NO_MANIFESTS = new Set(['package.json', 'package-lock.json', 'tsconfig.json', 'weft.yaml', 'weft.yml', 'template.yml'])
const MAX_ALIASES = 100

/**
 * Reads and checks a file, or all `*.yaml`, `*.yml` and `*.json` of a directory and those below it, before anything is sent. In a directory, files that
 * hold no resource are left out.
 * @param namespace of resources that name none
 * @throws WeftError `INVALID_MANIFEST` with line and column of everything that is wrong in the first bad file
 */
export async function findManifests(path: string, namespace?: string): Promise<Found> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new WeftError('INVALID_VALUE', { field: path, reason: 'it does not exist' })
  const files = found.isDirectory() ? await filesBelow(path) : [path]
  const stacks: string[] = []
  const manifests: Manifest[] = []
  for (const file of files) {
    const text = await readText(file)
    const values = valuesOf(text)
    if (values.some(isStack)) stacks.push(file)
    else if (!found.isDirectory() || values.some(looksLikeResource)) manifests.push(...readManifests(text, relative(dirname(path), file), namespace))
  }
  return { stacks, manifests: inOrder(manifests) }
}

/** Reads and checks the resources of a text. @throws WeftError `INVALID_MANIFEST` with line and column */
export function readManifests(text: string, name: string, namespace?: string): readonly Manifest[] {
  const checked = parseManifest(text, name)
  if (namespace === undefined) return inOrder(checked.map(({ resource, source }) => manifestOf(resource, source, name)))
  const values = valuesOf(text)
  return inOrder(
    values.map((value) => {
      const { resource, source } = readResource(withNamespace(value, namespace))
      return manifestOf(resource, source, name)
    }),
  )
}

function manifestOf(resource: Resource, source: SourceToBuild | undefined, from: string): Manifest {
  return { resource, from, ...(source === undefined ? {} : { source }) }
}

function inOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  return manifests.toSorted((a, b) => rank(a.resource) - rank(b.resource))
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile() && EXTENSIONS.test(entry.name) && !NO_MANIFESTS.has(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(directory, file).split(sep).includes('node_modules'))
    .toSorted()
}

async function readText(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > MAX_MANIFEST_BYTES) throw new WeftError('INVALID_VALUE', { field: file, reason: `it has ${size} bytes, the most is ${MAX_MANIFEST_BYTES}` })
  return readFile(file, 'utf8')
}

/** The values of all documents, lists taken apart; none when it is no YAML, which {@link parseManifest} tells better. */
function valuesOf(text: string): readonly unknown[] {
  const documents = parseAllDocuments(text, { uniqueKeys: true, merge: true })
  if (!Array.isArray(documents) || documents.some(({ errors }) => errors.length > 0)) return looksLikeResourceText(text) ? [{ apiVersion: '', kind: '' }] : []
  return documents.flatMap((document): unknown[] => {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    if (value === null || value === undefined) return []
    return isList(value) ? value.items : [value]
  })
}

/** A file that is no YAML is a broken manifest, and told, when it begins like one. */
function looksLikeResourceText(text: string): boolean {
  return /^\s*"?(apiVersion|kind)"?\s*:/m.test(text)
}

function isList(value: unknown): value is { readonly kind: string; readonly items: unknown[] } {
  return typeof value === 'object' && value !== null && 'kind' in value && String(value.kind).endsWith('List') && 'items' in value && Array.isArray(value.items)
}

function isStack(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'functions' in value && !('apiVersion' in value)
}

function looksLikeResource(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('apiVersion' in value || 'kind' in value)
}

function withNamespace(value: unknown, namespace: string): unknown {
  const resource = value as Resource
  const isNamespaced = kindOf(resource.apiVersion, resource.kind)?.namespaced ?? true
  return isNamespaced ? { ...resource, metadata: { ...resource.metadata, namespace: resource.metadata.namespace ?? namespace } } : value
}

function rank({ kind }: Resource): number {
  const index = ORDER.indexOf(kind)
  return index < 0 ? ORDER.length : index
}
