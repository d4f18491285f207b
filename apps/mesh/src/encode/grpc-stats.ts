import { extension, wrap } from './json.ts'
import type { Json } from './types.ts'

/**
 * Counts messages of gRPC as they come by. It stands behind what chooses the route, and leaves other calls alone after a look at their content type. Methods are not
 * told apart: a caller could make up any number of them. Paths that are not `/SERVICE/METHOD` are left out, so those of the platform (`/function/NAME/…`) at the ingress.
 */
export function grpcStatsFilter(): Json {
  return extension('envoy.filters.http.grpc_stats', 'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig', { stats_for_all_methods: wrap(false) })
}
