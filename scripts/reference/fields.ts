import { apiVersionOf, type KindDefinition } from '@weft/api'
import { foreignKinds, type FieldSupport } from './field-support.ts'

/** `docs/reference/fields.md`: which fields of Istio's and the Gateway API's kinds are read. */
export function fieldsPage(): string {
  return `# Fields of other projects' kinds

Resources of Istio and of the Gateway API are read as they are written for those. What is read has the meaning that is documented there, but for what the
[guide](../guide/traffic.md) says. Every other field, and every other value of a field, is refused by its name when the resource is applied: nothing is ignored. The names
are those of the CRDs of Istio 1.31 and of the standard channel of the Gateway API 1.4.

${foreignKinds().map(section).join('\n')}`
}

function section({ kind, fields }: { readonly kind: KindDefinition; readonly fields: readonly FieldSupport[] }): string {
  const refused = fields.filter(({ support }) => support !== 'read').map(({ path }) => `\`${path}\``)
  const values = fields.filter(({ refusedValues }) => refusedValues.length > 0).map(({ path, refusedValues }) => `\`${path}\`: ${refusedValues.join(', ')}`)
  const read = fields.filter(({ support }) => support === 'read').map(({ path }) => `\`${path}\``)
  return `## ${kind.kind}

apiVersions: ${kind.versions.map((version) => `\`${apiVersionOf(kind.group, version)}\``).join(', ')}

Refused fields: ${refused.length === 0 ? 'none' : refused.join(', ')}

${values.length === 0 ? '' : `Refused values: ${values.join('; ')}\n\n`}Read fields: ${read.join(', ')}
`
}
