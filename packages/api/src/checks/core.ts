import { MAX_SECRET_BYTES } from '../core/secret.ts'
import type { ServiceSpec } from '../core/service.ts'
import { child, shown, type Violation } from '../violation.ts'
import { duplicates } from './function.ts'
import { checkLabels } from './metadata.ts'

/** What the schema of a Service cannot say. */
export function checkService(spec: ServiceSpec): readonly Violation[] {
  const { ports, selector } = spec
  const unnamed =
    ports.length < 2
      ? []
      : ports.flatMap(({ name }, index) =>
          name === undefined ? [{ field: `spec.ports[${index}].name`, reason: 'is missing; every one of several ports needs a name' }] : [],
        )
  return [
    ...unnamed,
    ...duplicates(
      ports.map(({ name }, index) => name ?? `(${index})`),
      'spec.ports',
    ),
    ...duplicates(
      ports.map(({ port }) => String(port)),
      'spec.ports',
    ),
    ...checkLabels(selector, 'spec.selector'),
  ]
}

/** The files of a Secret, as they will be stored: at most 1 MiB together. */
export function checkSecretData(data: Readonly<Record<string, string>>): readonly Violation[] {
  const bytes = Object.values(data).reduce((sum, value) => sum + (value.length / 4) * 3 - (value.match(/=*$/)?.[0].length ?? 0), 0)
  return bytes > MAX_SECRET_BYTES ? [{ field: 'data', reason: `all files together must have at most ${MAX_SECRET_BYTES} bytes, and have ${bytes}` }] : []
}

/** Annotation of a Service: the namespaces whose calls may know it, separated by commas (Istio). */
export const EXPORT_ANNOTATION = 'networking.istio.io/exportTo'

/** The namespaces of {@link EXPORT_ANNOTATION}; `undefined`: all. */
export function exportedTo(annotations: Readonly<Record<string, string>> | undefined): readonly string[] | undefined {
  return annotations?.[EXPORT_ANNOTATION]?.split(',').map((name) => name.trim())
}

/** Whether {@link EXPORT_ANNOTATION} can be read. */
export function checkExportAnnotation(annotations: Readonly<Record<string, string>> | undefined): readonly Violation[] {
  const bad = (exportedTo(annotations) ?? []).find((name) => !/^([.*~]|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$/.test(name))
  return bad === undefined ? [] : [{ field: child('metadata.annotations', EXPORT_ANNOTATION), reason: `${shown(bad)} is no namespace, and none of . * ~` }]
}
