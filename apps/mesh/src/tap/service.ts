import { grpcMethod, type GrpcService } from '../xds/server.ts'

const PATH = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'

interface ExportRequest {
  readonly resource_logs: readonly { readonly scope_logs: readonly { readonly log_records: readonly Uint8Array[] }[] }[]
}

/**
 * Takes the records of calls that are looked at (opentelemetry.proto.collector.logs.v1), unread. Each worker thread of each proxy sends its own; nobody else can, for the
 * socket is the control plane's.
 */
export function tapService(take: (records: readonly Uint8Array[]) => void): GrpcService {
  const shape = {
    stream: false,
    request: 'opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest',
    response: 'opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse',
  }
  const accept = ({ request }: { readonly request: ExportRequest }, done: (error: null, response: object) => void): void => {
    take(request.resource_logs.flatMap((resource) => resource.scope_logs.flatMap((scope) => scope.log_records)))
    done(null, {})
  }
  return { methods: { Export: grpcMethod(PATH, shape) }, handlers: { Export: accept } }
}
