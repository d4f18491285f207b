import { status } from '@grpc/grpc-js'
import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import { TYPE_URLS } from '../encode/names.ts'
import type { Connection, NodeState } from './node.ts'
import { grpcMethod, type GrpcService, type GrpcStream } from './server.ts'
import { DeltaStream, type DeltaRequest, type DeltaResponse } from './stream.ts'

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources'

/** What the service needs of its surroundings. */
export interface AdsOptions {
  /** @returns the state of a node, or `undefined` for one that has no business here */
  node(id: string): NodeState | undefined
  /**
   * A proxy asks for these names, or does not any more. Called before anything is sent in answer, so that what is asked for can be put there.
   */
  subscribed(node: NodeState, typeUrl: string, names: Iterable<string>): void
  readonly log: Log
  readonly now: () => number
}

interface RawRequest {
  readonly node?: {
    readonly id?: string
    readonly user_agent_build_version?: { readonly version?: { major_number?: number; minor_number?: number; patch?: number } }
  }
  readonly type_url: string
  readonly resource_names_subscribe: readonly string[]
  readonly resource_names_unsubscribe: readonly string[]
  readonly initial_resource_versions: Readonly<Record<string, string>>
  readonly response_nonce: string
  readonly error_detail?: { readonly message?: string } | null
}

function readRequest(raw: RawRequest): DeltaRequest {
  const { error_detail: error } = raw
  return {
    typeUrl: raw.type_url,
    subscribe: raw.resource_names_subscribe,
    unsubscribe: raw.resource_names_unsubscribe,
    initialVersions: raw.initial_resource_versions,
    nonce: raw.response_nonce,
    ...(error === undefined || error === null ? {} : { error: error.message ?? 'refused without a reason' }),
  }
}

/** A virtual host on demand is matched by its aliases, not by its name (envoy, vhds.cc). */
function writeResponse(response: DeltaResponse): object {
  return {
    system_version_info: response.nonce,
    type_url: response.typeUrl,
    nonce: response.nonce,
    removed_resources: [...response.removed],
    resources: response.resources.map(({ name, version, typeUrl, bytes }) => ({
      name,
      version,
      ...(typeUrl === TYPE_URLS.virtualHost ? { aliases: [name] } : {}),
      resource: { type_url: typeUrl, value: bytes },
    })),
  }
}

function versionOf(raw: RawRequest): string | undefined {
  const version = raw.node?.user_agent_build_version?.version
  return version === undefined || version === null ? undefined : `${version.major_number ?? 0}.${version.minor_number ?? 0}.${version.patch ?? 0}`
}

/** The aggregated discovery service, incremental variant (xds_protocol.rst). One bidirectional stream per proxy. */
export function adsService(options: AdsOptions): GrpcService {
  const methods = {
    DeltaAggregatedResources: grpcMethod(PATH, {
      stream: true,
      request: 'envoy.service.discovery.v3.DeltaDiscoveryRequest',
      response: 'envoy.service.discovery.v3.DeltaDiscoveryResponse',
    }),
  }
  return { methods, handlers: { DeltaAggregatedResources: (call: GrpcStream) => handleStream(call, options) } }
}

function handleStream(call: GrpcStream, options: AdsOptions): void {
  let open: { readonly node: NodeState; readonly connection: Connection } | undefined
  const end = () => {
    if (open === undefined) return
    const { node, connection } = open
    open = undefined
    node.connections.delete(connection)
    options.log.info({ proxy: node.id }, 'proxy disconnected')
    for (const typeUrl of Object.values(TYPE_URLS)) options.subscribed(node, typeUrl, connection.stream.namedSubscriptions(typeUrl))
    node.wake()
  }
  call.on('data', (message: RawRequest) => {
    try {
      open ??= connect(call, message, options)
      if (open === undefined) return
      const request = readRequest(message)
      const changed = open.node.request(open.connection, request, options.now())
      if (changed) options.subscribed(open.node, message.type_url, [...request.subscribe, ...request.unsubscribe])
      open.node.flush()
    } catch (error) {
      options.log.error({ reason: messageOf(error) }, 'an xds request could not be handled')
      call.destroy(Object.assign(new Error('internal error'), { code: status.INTERNAL, details: 'internal error' }))
    }
  })
  call.on('error', end)
  call.on('cancelled', end)
  call.on('close', end)
  call.on('end', () => {
    end()
    call.end()
  })
}

function connect(call: GrpcStream, first: RawRequest, options: AdsOptions): { node: NodeState; connection: Connection } | undefined {
  const node = options.node(first.node?.id ?? '')
  if (node === undefined) {
    const details = `node "${first.node?.id ?? ''}" is not known here`
    call.destroy(Object.assign(new Error(details), { code: status.PERMISSION_DENIED, details }))
    return undefined
  }
  const version = versionOf(first)
  const connection: Connection = {
    stream: new DeltaStream(node),
    connectedAt: options.now(),
    ...(version === undefined ? {} : { version }),
    send: (response) => void call.write(writeResponse(response)),
  }
  node.connections.add(connection)
  options.log.info({ proxy: node.id, version }, 'proxy connected')
  return { node, connection }
}
