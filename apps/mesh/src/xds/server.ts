import { chmod, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Server, ServerCredentials, type MethodDefinition, type ServerDuplexStream, type ServiceDefinition, type UntypedHandleCall } from '@grpc/grpc-js'
import { protoRoot } from '../proto/codec.ts'

/** One gRPC method by its path, with the codecs of its messages. Requests are read with field names as in the .proto files, enums as names. */
export function grpcMethod(
  path: string,
  shape: { readonly stream: boolean; readonly request: string; readonly response: string },
): MethodDefinition<object, object> {
  const root = protoRoot()
  const request = root.lookupType(shape.request)
  const response = root.lookupType(shape.response)
  return {
    path,
    requestStream: shape.stream,
    responseStream: shape.stream,
    requestSerialize: (value) => Buffer.from(request.encode(value).finish()),
    requestDeserialize: (bytes) => request.toObject(request.decode(bytes), { enums: String, longs: Number, defaults: true, arrays: true, objects: true }),
    responseSerialize: (value) => Buffer.from(response.encode(value).finish()),
    responseDeserialize: (bytes) => response.toObject(response.decode(bytes), { enums: String, longs: Number }),
  }
}

/** A set of methods and what answers them. */
export interface GrpcService {
  readonly methods: ServiceDefinition
  readonly handlers: Record<string, UntypedHandleCall>
}

/** A bidirectional stream without types of its messages. */
export type GrpcStream = ServerDuplexStream<object, object>

const MAX_REQUEST_BYTES = 64 * 2 ** 20

/** A gRPC server on a Unix socket that only this user can dial. */
export interface GrpcServer {
  /** Ends streams and the socket. Idempotent. */
  close(): Promise<void>
}

/** Serves on `socket` (0600 in a directory 0700), in place of what may be left there. */
export async function serveGrpc(socket: string, services: readonly GrpcService[]): Promise<GrpcServer> {
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 })
  await rm(socket, { force: true })
  const server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.http2.min_ping_interval_without_data_ms': 1_000,
  })
  for (const { methods, handlers } of services) server.addService(methods, handlers)
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error)))
  })
  await chmod(socket, 0o600)
  return {
    async close() {
      server.forceShutdown()
      await rm(socket, { force: true })
    },
  }
}
