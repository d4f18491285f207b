import { groupOf } from '@weft/core'
import { replacementOfRemoved } from '../legacy/removed.ts'
import { fieldsOf, Outcome, textOf, type Conversion, type OldResource } from './conversion.ts'
import { convertEgressRule } from './egress-rules.ts'
import { convertMixer } from './mixer.ts'
import { convertRouteRules } from './route-rules.ts'
import { convertAuthentication, convertRoles } from './security.ts'

export type { Conversion, ConversionProblem } from './conversion.ts'

const ROUTING: ReadonlySet<string> = new Set(['RouteRule', 'DestinationPolicy'])
const MIXER: ReadonlySet<string> = new Set(['rule', 'denier', 'checknothing'])
const ROLES: ReadonlySet<string> = new Set(['ServiceRole', 'ServiceRoleBinding', 'RbacConfig', 'ClusterRbacConfig'])

/**
 * Writes resources of kinds that Istio has removed as the ones of today: `config.istio.io` (RouteRule, DestinationPolicy, EgressRule, and Mixer's rule with a
 * denier), `authentication.istio.io` and `rbac.istio.io`. Documents of other kinds come back as they are, first. Nothing is guessed: what has no equivalent
 * is a problem.
 */
export function convertRemoved(documents: readonly unknown[]): Conversion {
  const outcome = new Outcome()
  const old = documents.flatMap((document): readonly OldResource[] => {
    const resource = oldResource(document)
    if (resource === undefined) outcome.documents.push(document)
    return resource === undefined ? [] : [resource]
  })
  const of = (kinds: ReadonlySet<string>): readonly OldResource[] => old.filter(({ kind }) => kinds.has(kind))
  convertRouteRules(of(ROUTING), outcome)
  convertMixer(of(MIXER), outcome)
  convertRoles(of(ROLES), outcome)
  for (const resource of old) convertOne(resource, outcome)
  return { documents: outcome.documents, problems: outcome.problems }
}

function convertOne(resource: OldResource, outcome: Outcome): void {
  const { group, kind } = resource
  if (kind === 'EgressRule') convertEgressRule(resource, outcome)
  else if (kind === 'Policy' || kind === 'MeshPolicy') convertAuthentication(resource, outcome)
  else if (!ROUTING.has(kind) && !MIXER.has(kind) && !ROLES.has(kind)) outcome.fail(resource, replacementOfRemoved(group, kind) ?? 'it has no equivalent')
}

/** A document of a kind that was removed. */
function oldResource(document: unknown): OldResource | undefined {
  const { apiVersion, kind, metadata, spec } = fieldsOf(document)
  const [group, name] = [groupOf(String(apiVersion)), textOf(kind)]
  if (name === undefined || replacementOfRemoved(group, name) === undefined) return undefined
  const meta = fieldsOf(metadata)
  return { group, kind: name, name: textOf(meta['name']) ?? 'unnamed', namespace: textOf(meta['namespace']) ?? 'default', spec: fieldsOf(spec) }
}
