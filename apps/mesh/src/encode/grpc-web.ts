import { extension } from './json.ts'
import { headerMatcher } from './matching.ts'
import type { Json } from './types.ts'

/** gRPC as browsers can send it, over any version of HTTP and with its trailers in the body (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md). */
export const GRPC_WEB_REQUEST: Json = headerMatcher('content-type', { kind: 'prefix', value: 'application/grpc-web' })

/** Makes gRPC of it for a function that speaks gRPC; other calls pass as they are. */
export function grpcWebFilter(): Json {
  return extension('envoy.filters.http.grpc_web', 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb')
}
