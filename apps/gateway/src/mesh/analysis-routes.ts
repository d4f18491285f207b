import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { KINDS } from '@weft/api'
import { canonicalNamespace, type Resource } from '@weft/core'
import type { MeshPlane } from '@weft/mesh-model'
import { analyze, type AnalysisFinding } from '@weft/mesh-model/analyze'
import type { Store } from '@weft/store'
import { routeOptions, type RouteSpec } from '../http/route.ts'

const BASE = '/apis/mesh.weft.dev/v1alpha1'
const MOST_DOCUMENTS = 5_000
const Documents = Type.Object(
  { documents: Type.Array(Type.Unknown(), { maxItems: MOST_DOCUMENTS, description: 'resources as they are written' }) },
  { additionalProperties: false },
)

/** The analyzer over what is in the store; for `weft mesh analyze`. */
export const ANALYSIS_ROUTES = {
  analyze: {
    method: 'GET',
    url: `${BASE}/analysis`,
    summary: 'What is wrong, or surely not meant, in the resources that are there',
    tag: 'mesh',
    responses: { 200: { description: 'findings, errors first' } },
  },
  analyzeWith: {
    method: 'POST',
    url: `${BASE}/analysis`,
    summary: 'What would be wrong after applying these resources; nothing is applied',
    description: 'Findings about the resources given; their `document` is the index in the list given.',
    tag: 'mesh',
    body: Documents,
    responses: { 200: { description: 'findings, errors first' } },
  },
} as const satisfies Record<string, RouteSpec>

/** Attaches the handlers. */
export function registerAnalysisRoutes(app: FastifyInstance, { store, mesh }: { readonly store: Store; readonly mesh: Pick<MeshPlane, 'status'> }): void {
  app.route({
    ...routeOptions(ANALYSIS_ROUTES.analyze),
    handler: async (): Promise<readonly AnalysisFinding[]> => analyze(await everything(store), (await mesh.status()).trustDomain),
  })
  app.route<{ Body: Static<typeof Documents> }>({
    ...routeOptions(ANALYSIS_ROUTES.analyzeWith),
    handler: async ({ body: { documents } }): Promise<readonly AnalysisFinding[]> => {
      const replaced = new Set(documents.map(keyIn))
      const others = (await everything(store)).filter((resource) => !replaced.has(keyIn(resource)))
      const findings = analyze([...documents, ...others], (await mesh.status()).trustDomain)
      return findings.filter(({ document }) => document < documents.length)
    },
  })
}

async function everything(store: Store): Promise<readonly Resource[]> {
  const lists = await Promise.all(KINDS.map(({ group, kind }) => store.list({ group, kind })))
  return lists.flatMap(({ items }) => items)
}

/** What is the same resource in another version; all that is none is the same, and replaces nothing. */
function keyIn(document: unknown): string {
  const { apiVersion, kind, metadata } = (typeof document === 'object' && document !== null ? document : {}) as Partial<Resource>
  const group = typeof apiVersion === 'string' && apiVersion.includes('/') ? apiVersion.split('/')[0] : ''
  const namespace = typeof metadata?.namespace === 'string' ? metadata.namespace : ''
  return `${String(group)}/${String(kind)}/${kind === 'Namespace' ? '' : canonicalNamespace(namespace)}/${String(metadata?.name)}`
}
