import { MESH_HEADERS } from '../encode/names.ts'
import { grpcMethod, type GrpcService, type GrpcStream } from '../xds/server.ts'
import { callOf, type ProcessingRequest } from './call.ts'
import type { StreamWatch } from './watch.ts'

const PATH = '/envoy.service.ext_proc.v3.ExternalProcessor/Process'

const FORBIDDEN = 403

/** The `ext_proc` service that inbound listeners tell of streams (envoy.service.ext_proc.v3); each has a gRPC stream that lasts as long as it does. */
export function streamService(watch: StreamWatch): GrpcService {
  const accept = (channel: GrpcStream) => {
    const [workload] = channel.metadata.get(MESH_HEADERS.workload)
    let ended = (): void => undefined
    // Before the answer has begun the caller sees the status; after that, a reset.
    const end = () => {
      channel.write({ immediate_response: { status: { code: FORBIDDEN }, details: 'policy_forbids_stream' } })
      channel.end()
    }
    channel.on('data', (request: ProcessingRequest) => {
      if (request.response_trailers) return void channel.write({ response_trailers: {} })
      const call = callOf(request, watch.portOf(String(workload)))
      if (call === undefined) return
      const begun = watch.begin(String(workload), { call, end })
      ended = begun.ended
      if (begun.allowed) channel.write({ request_headers: {} })
      else end()
    })
    const over = () => {
      ended()
      channel.end()
    }
    channel.on('end', over)
    channel.on('cancelled', over)
    channel.on('error', over)
  }
  const shape = { stream: true, request: 'envoy.service.ext_proc.v3.ProcessingRequest', response: 'envoy.service.ext_proc.v3.ProcessingResponse' }
  return { methods: { Process: grpcMethod(PATH, shape) }, handlers: { Process: accept } }
}
