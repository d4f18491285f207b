import { dirname, relative } from 'node:path'
import { documentValue, kindOf, parseManifest, readResource, type SourceToBuild } from '@weft/api'
import type { Resource } from '@weft/core'
import { parseAllDocuments } from 'yaml'
import { isList, isStack, looksLikeResource, readResourceFile, resourceFiles } from '../files/resource-files.ts'

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
const ORDER = [
  'Namespace',
  'ServiceAccount',
  'Secret',
  'Function',
  'Service',
  'WorkloadEntry',
  'ServiceEntry',
  'DestinationRule',
  'ReferenceGrant',
  'GatewayClass',
  'Gateway',
]

/**
 * Reads and checks a file, or all `*.yaml`, `*.yml` and `*.json` of a directory and those below it, before anything is sent. In a directory, files that
 * hold no resource are left out.
 * @param namespace of resources that name none
 * @throws WeftError `INVALID_MANIFEST` with line and column of everything that is wrong in the first bad file
 */
export async function findManifests(path: string, namespace?: string): Promise<Found> {
  const { isDirectory, files } = await resourceFiles(path)
  const stacks: string[] = []
  const manifests: Manifest[] = []
  for (const file of files) {
    const text = await readResourceFile(file)
    const values = valuesOf(text)
    if (values.some(isStack)) stacks.push(file)
    else if (!isDirectory || values.some(looksLikeResource)) manifests.push(...readManifests(text, relative(dirname(path), file), namespace))
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

/** The values of all documents, lists taken apart; none when it is no YAML, which {@link parseManifest} tells better. */
function valuesOf(text: string): readonly unknown[] {
  const documents = parseAllDocuments(text, { uniqueKeys: true, merge: true })
  try {
    if (!Array.isArray(documents) || documents.some(({ errors }) => errors.length > 0)) return brokenValues(text)
    return documents.flatMap((document): readonly unknown[] => {
      const value = documentValue(document)
      if (value === null || value === undefined) return []
      return isList(value) ? value.items : [value]
    })
  } catch (error) {
    if (error instanceof RangeError) return brokenValues(text)
    throw error
  }
}

/** A file that is no YAML is a broken manifest, and told, when it begins like one. */
function brokenValues(text: string): readonly unknown[] {
  return /^\s*"?(apiVersion|kind)"?\s*:/m.test(text) ? [{ apiVersion: '', kind: '' }] : []
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
