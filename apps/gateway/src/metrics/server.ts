import { fastify, type FastifyInstance } from 'fastify'
import type { FunctionResource } from '@weft/api'
import { keyOf, messageOf, SYSTEM_NAMESPACE } from '@weft/core'
import type { Log } from '@weft/kit'
import { EGRESS_ACCOUNT, type MeshPlane, type TrafficEnd } from '@weft/mesh-model'
import type { Store } from '@weft/store'
import { renderCertificateMetrics } from './certificates.ts'
import { renderFindingMetrics } from './findings.ts'
import type { InvocationTotals } from './invocations.ts'
import { renderIstioMetrics } from './render-istio.ts'
import type { TrafficTotals } from './traffic.ts'
import type { ApiMetrics } from './metrics.ts'
import { renderFunctionMetrics, type ServiceCount } from './render.ts'

/** Collaborators of the metrics server. */
export interface MetricsServerOptions {
  readonly apiMetrics: ApiMetrics
  readonly invocations: InvocationTotals
  readonly traffic: TrafficTotals
  readonly store: Store
  readonly mesh: Pick<MeshPlane, 'certificates' | 'status'>
  readonly log: Log
  readonly isDraining: () => boolean
}

/** `GET /metrics` and `GET /healthz`, for a listener of their own and without credentials, as the OpenFaaS gateway has it on port 8082. */
export function createMetricsServer(options: MetricsServerOptions): FastifyInstance {
  const app = fastify({ logger: false, exposeHeadRoutes: false })
  app.get('/metrics', async (_request, reply) => reply.type(options.apiMetrics.contentType).send(await scrape(options)))
  app.get('/healthz', (_request, reply) =>
    reply
      .code(options.isDraining() ? 503 : 200)
      .type('text/plain')
      .send(options.isDraining() ? 'draining' : 'OK'),
  )
  app.route({ method: ['POST', 'PUT', 'PATCH', 'DELETE'], url: '/healthz', handler: (_request, reply) => reply.code(405).send() })
  app.setErrorHandler((error, _request, reply) => {
    options.log.error({ err: error }, 'the metrics could not be collected')
    return reply.code(500).type('text/plain').send('the metrics could not be collected; see the log of the platform\n')
  })
  return app
}

async function scrape({ apiMetrics, invocations, traffic, store, mesh, log }: MetricsServerOptions): Promise<string> {
  const own = await apiMetrics.render()
  try {
    const { items } = await store.list({ group: 'weft.dev', kind: 'Function' })
    const keys = new Set(items.map((item) => keyOf({ namespace: item.metadata.namespace ?? 'default', name: item.metadata.name })))
    invocations.retain((key) => keys.has(key))
    const totals = [...(await invocations.read())].filter(([key]) => keys.has(key)).map(([, total]) => total)
    // No function, but a workload: what leaves the mesh through it has no other end in the mesh.
    const egress = keyOf({ namespace: SYSTEM_NAMESPACE, name: EGRESS_ACCOUNT })
    const ends = new Set([...keys, egress])
    const isThere = ({ namespace, service }: TrafficEnd) => ends.has(keyOf({ namespace, name: service }))
    const istio = renderIstioMetrics((await traffic.read()).filter(({ source, destination }) => isThere(source) || isThere(destination)))
    traffic.retain(isThere)
    const certificates = await renderCertificateMetrics(mesh, Date.now())
    const findings = await renderFindingMetrics(mesh)
    return `${own}\n${certificates}\n${findings}\n${istio}\n${renderFunctionMetrics(totals, (items as readonly FunctionResource[]).map(serviceCount))}`
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'the metrics of functions could not be collected')
    return own
  }
}

function serviceCount(fn: FunctionResource): ServiceCount {
  return { functionName: `${fn.metadata.name}.${fn.metadata.namespace ?? 'default'}`, replicas: fn.status?.replicas ?? 0 }
}
