import { tmpdir } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { BasicAuth } from './auth/basic.ts'
import { registerBuildRoutes } from './builds/routes.ts'
import { Uploads } from './builds/uploads.ts'
import { functionAdmission } from './functions/admission.ts'
import { storeResolver } from './functions/images.ts'
import { registerFunctionRoutes } from './functions/routes.ts'
import { Functions } from './functions/service.ts'
import { canaryAdmission, SplitOwners } from './functions/split-owner.ts'
import { createServer } from './http/server.ts'
import { OpenStreams } from './http/stream.ts'
import { registerLogRoutes } from './logs/logs.ts'
import { createMetricsServer } from './metrics/server.ts'
import { InvocationTotals } from './metrics/invocations.ts'
import { TrafficTotals } from './metrics/traffic.ts'
import { ApiMetrics } from './metrics/metrics.ts'
import { registerAnalysisRoutes } from './mesh/analysis-routes.ts'
import { registerExplainRoutes } from './mesh/explain-routes.ts'
import { registerMeshRoutes } from './mesh/routes.ts'
import { registerSettledRoutes } from './mesh/settled-routes.ts'
import { registerSnapshotRoutes } from './mesh/snapshots-routes.ts'
import { registerTapRoutes } from './mesh/tap-routes.ts'
import { registerTrafficRoutes } from './mesh/traffic-routes.ts'
import { registerNamespaceRoutes } from './namespaces/namespaces.ts'
import { removeNamespace } from './namespaces/remove.ts'
import { registerOpenApiRoutes } from './openapi/routes.ts'
import type { GatewayOptions } from './options.ts'
import { registerDiscoveryRoutes } from './resources/discovery-routes.ts'
import { ResourceEditor } from './resources/editor.ts'
import { Kinds } from './resources/kinds.ts'
import { KubelessSources } from './resources/kubeless-sources.ts'
import { Resources } from './resources/resources.ts'
import { registerResourceRoutes } from './resources/routes.ts'
import { SERVED_KINDS } from './resources/served-kinds.ts'
import { secretAdmission } from './secrets/redaction.ts'
import { registerSecretRoutes } from './secrets/secrets.ts'
import { registerSystemRoutes } from './system/routes.ts'

/** The two servers of a gateway, without sockets. */
export interface Control {
  readonly app: FastifyInstance
  readonly metrics: FastifyInstance
  /** Readiness becomes 503 and open streams end. Idempotent. */
  drain(): void
}

const DEFAULT_BODY_BYTES = 4 * 2 ** 20
const DEFAULT_ARCHIVE_BYTES = 256 * 2 ** 20

/** Connects all parts of the gateway: the one file that knows every part. */
export function createControl(options: GatewayOptions): Control {
  const { store, provider, mesh, artifacts, builder, log, now = Date.now } = options
  const images = options.imageResolver ?? storeResolver(artifacts)
  const streams = new OpenStreams()
  const uploads = new Uploads(options.uploadDirectory ?? tmpdir(), options.limits?.archiveBytes ?? DEFAULT_ARCHIVE_BYTES)
  let draining = false
  const auth = new BasicAuth(options.auth, now, options.delay ?? ((ms) => wait(ms, undefined, { ref: false })))
  const app = createServer({ auth, log, bodyBytes: options.limits?.bodyBytes ?? DEFAULT_BODY_BYTES })
  const kinds = new Kinds(SERVED_KINDS)
  const owners = new SplitOwners(store)
  const admissions = new Map([
    ['weft.dev/Function', functionAdmission({ images, artifacts, owners })],
    ['weft.dev/Canary', canaryAdmission(owners)],
    ['/Secret', secretAdmission],
  ])
  const resources = new Resources({ store, admissions })
  const functions = new Functions({ resources, store, provider, images, builder, now })
  const invocations = new InvocationTotals(mesh)
  const traffic = new TrafficTotals(mesh)
  const apiMetrics = new ApiMetrics(app)

  registerSystemRoutes(app, { version: options.version, isDraining: () => draining })
  registerFunctionRoutes(app, { functions, invocations })
  registerSecretRoutes(app, resources)
  const removeAll = (name: string) => removeNamespace(resources, kinds, name)
  registerNamespaceRoutes(app, resources, removeAll)
  registerLogRoutes(app, { functions, provider, streams, log })
  registerBuildRoutes(app, {
    builder,
    streams,
    log,
    uploads,
  })
  registerMeshRoutes(app, mesh, invocations)
  registerExplainRoutes(app, mesh)
  registerSnapshotRoutes(app, mesh)
  registerSettledRoutes(app, { store, mesh })
  registerAnalysisRoutes(app, { store, mesh })
  registerTrafficRoutes(app, traffic, now)
  registerTapRoutes(app, { mesh, streams, log })
  registerOpenApiRoutes(app, options.version.release)
  registerDiscoveryRoutes(app, kinds, options.version)
  registerResourceRoutes(app, {
    kinds,
    resources,
    removeNamespace: removeAll,
    editor: new ResourceEditor(resources, new KubelessSources(builder, uploads)),
    store,
    streams,
    log,
    now,
  })
  return {
    app,
    metrics: createMetricsServer({ apiMetrics, invocations, traffic, store, mesh, log, isDraining: () => draining }),
    drain: () => {
      draining = true
      streams.endAll()
    },
  }
}
