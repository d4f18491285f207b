import { isDnsLabel, type ObjectMeta } from '@weft/core'
import { child, shown, type Violation } from '../violation.ts'

/** All annotations of a resource together, as Kubernetes has it. */
const MAX_ANNOTATION_BYTES = 262_144
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/

const LABEL = 'must be a DNS-1123 label (1 to 63 lower-case letters, digits and dashes, starting and ending with a letter or digit)'

/** Names, labels and annotations, by the rules of Kubernetes. */
export function checkMetadata(metadata: ObjectMeta, namespaced: boolean): readonly Violation[] {
  const { name, namespace, labels = {}, annotations = {} } = metadata
  return [
    ...(isDnsLabel(name) ? [] : [{ field: 'metadata.name', reason: `${LABEL}, and is ${shown(name)}` }]),
    ...(namespaced || namespace === undefined ? [] : [{ field: 'metadata.namespace', reason: 'this kind is not in a namespace' }]),
    ...(namespace === undefined || isDnsLabel(namespace) ? [] : [{ field: 'metadata.namespace', reason: `${LABEL}, and is ${shown(namespace)}` }]),
    ...checkLabels(labels, 'metadata.labels'),
    ...checkAnnotations(annotations, 'metadata.annotations'),
  ]
}

/** Keys and values of labels. */
export function checkLabels(labels: Readonly<Record<string, string>>, path: string): readonly Violation[] {
  return Object.entries(labels).flatMap(([key, value]) => [...checkKey(key, path), ...checkLabelValue(value, child(path, key))])
}

function checkLabelValue(value: string, field: string): readonly Violation[] {
  if (value === '' || (value.length <= 63 && QUALIFIED.test(value))) return []
  return [{ field, reason: `must have at most 63 letters, digits, "-", "_" and ".", starting and ending with a letter or digit, and is ${shown(value)}` }]
}

/** Keys of annotations, and their size together. */
export function checkAnnotations(annotations: Readonly<Record<string, string>>, path: string): readonly Violation[] {
  const characters = Object.entries(annotations).reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  const size =
    characters > MAX_ANNOTATION_BYTES ? [{ field: path, reason: `all annotations together must have at most ${MAX_ANNOTATION_BYTES} characters` }] : []
  return [...size, ...Object.keys(annotations).flatMap((key) => checkKey(key, path))]
}

function checkKey(key: string, path: string): readonly Violation[] {
  const slash = key.indexOf('/')
  const prefix = slash < 0 ? undefined : key.slice(0, slash)
  const name = key.slice(slash + 1)
  const good = name.length <= 63 && QUALIFIED.test(name) && (prefix === undefined || (prefix.length <= 253 && SUBDOMAIN.test(prefix)))
  return good
    ? []
    : [{ field: child(path, key), reason: 'the key must be NAME or DNS-PREFIX/NAME, with a NAME of at most 63 letters, digits, "-", "_" and "."' }]
}

/** A host name as routes have it. */
export function checkHost(host: string, field: string): readonly Violation[] {
  if (host.includes('*')) return [{ field, reason: `${shown(host)} is a wildcard; here one name is meant` }]
  if (host.length <= 253 && SUBDOMAIN.test(host)) return []
  return [{ field, reason: `must be a DNS name in lower case, and is ${shown(host)}` }]
}

/** Whether a text is a host of a gateway: `*`, `*.` before a name, or a whole name (an address too). */
export function isHostPattern(text: string): boolean {
  return text === '*' || (text.length <= 253 && SUBDOMAIN.test(text.replace(/^\*\./, '')))
}

/** A host name, or `*.NAME` for all names below one, or `*` for all. */
export function checkHostPattern(host: string, field: string): readonly Violation[] {
  if (!host.includes('*')) return checkHost(host, field)
  if (isHostPattern(host)) return []
  return [{ field, reason: `${shown(host)}: a wildcard is "*" alone, or "*." before a DNS name in lower case` }]
}
