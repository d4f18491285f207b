/**
 * The analyzer: resources in, findings out. Pure; it looks at documents as they are written, applied or not, valid or not.
 *
 *     const findings = analyze([vs, dr, fn])
 *
 * A check is a function in `routing`, `policies`, `tokens`, `hosts`, `gateways`, `gateway-api` or `canaries`; what it can say is in `codes`.
 */
import { checkResource } from '@weft/api'
import { DEFAULT_TRUST_DOMAIN, isWeftError, type Resource, type ResourceRef } from '@weft/core'
import { checkCanaries } from './canaries.ts'
import { ANALYSIS_CODES, type AnalysisCodeName } from './codes.ts'
import { checkGatewayApi } from './gateway-api.ts'
import { checkFronts } from './fronts.ts'
import { checkGateways } from './gateways.ts'
import { checkHosts } from './hosts.ts'
import { at, findingOf, itemOf, text, textMap, type AnalysisFinding, type Item } from './item.ts'
import { checkPolicies } from './policies.ts'
import { checkRouting } from './routing.ts'
import { checkServiceEntries } from './service-entries.ts'
import { checkTokens } from './tokens.ts'
import { AnalysedWorld } from './world.ts'

export { ANALYSIS_CODES, type AnalysisCode, type AnalysisCodeName, type AnalysisSeverity } from './codes.ts'
export type { AnalysisFinding } from './item.ts'

const RANK = { error: 0, warning: 1, info: 2 } as const

/** Analyses documents together. Never throws for what stands in one. @returns errors first, then in the order of the documents */
export function analyze(documents: readonly unknown[], trustDomain: string = DEFAULT_TRUST_DOMAIN): readonly AnalysisFinding[] {
  const findings: AnalysisFinding[] = []
  const items = documents.flatMap((document, index) => read(document, index, findings))
  const world = new AnalysedWorld(items, trustDomain)
  const report = (code: AnalysisCodeName, item: Item, field: string, message: string) => void findings.push(findingOf(code, item, field, message))
  for (const check of [checkRouting, checkPolicies, checkTokens, checkHosts, checkGateways, checkServiceEntries, checkFronts, checkGatewayApi, checkCanaries])
    check(world, report)
  return findings.toSorted((a, b) => RANK[ANALYSIS_CODES[a.code].severity] - RANK[ANALYSIS_CODES[b.code].severity] || a.document - b.document)
}

/** A document as the door takes it. What it refuses is said; what has a kind and a name takes part nevertheless. */
function read(document: unknown, index: number, findings: AnalysisFinding[]): readonly Item[] {
  const ref = refIn(document)
  const refuse = (field: string, message: string) => findings.push(findingOf('IST0106', { ref, document: index }, field, message))
  try {
    const verdict = checkResource(document)
    if (verdict.violations === undefined) return [itemOf(verdict.resource, index)]
    for (const { field, reason } of verdict.violations) refuse(field, reason)
  } catch (error) {
    if (!isWeftError(error)) throw error
    refuse('kind', error.message)
  }
  return ref.name === '' || ref.kind === '' ? [] : [itemOf(tidied(document), index)]
}

/** A refused document with metadata that can be read. */
function tidied(document: unknown): Resource {
  const { namespace, name } = refIn(document)
  const annotations = textMap(at(document, 'metadata', 'annotations'))
  return {
    ...(document as Resource),
    apiVersion: text(at(document, 'apiVersion')) ?? '',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), annotations },
  }
}

function refIn(document: unknown): ResourceRef {
  const group = text(at(document, 'apiVersion'))?.split('/')
  const namespace = text(at(document, 'metadata', 'namespace'))
  const name = text(at(document, 'metadata', 'name')) ?? ''
  return {
    group: group?.[1] === undefined ? '' : (group[0] ?? ''),
    kind: text(at(document, 'kind')) ?? '',
    name,
    ...(namespace === undefined ? {} : { namespace }),
  }
}
