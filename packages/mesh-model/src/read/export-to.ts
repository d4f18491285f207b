import { canonicalNamespace } from '@weft/core'
import type { VisibleIn } from '../external.ts'

/** `exportTo` as the namespaces that see the resource; `undefined`: all. */
export function readExportTo(exportTo: readonly string[] | undefined, namespace: string): VisibleIn {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes('*')) return undefined
  return [...new Set(exportTo.flatMap((name) => (name === '~' ? [] : [name === '.' ? namespace : canonicalNamespace(name)])))].toSorted()
}
