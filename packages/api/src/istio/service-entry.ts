import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closed, closedExcept, nonEmpty, port, stringMap, UNSUPPORTED_VALUES } from '../pieces.ts'
import { ExportTo } from './shared.ts'

// Fields after https://istio.io/latest/docs/reference/config/networking/service-entry/ and …/workload-entry/ (API v1).

const ENDPOINT = {
  address: Type.String({ minLength: 1, maxLength: 253, description: 'an address, or (resolution DNS) a name; no Unix socket' }),
  ports: Type.Optional(
    Type.Record(Type.String({ maxLength: 63 }), port('port of the endpoint'), {
      maxProperties: 64,
      description: 'port by the name of the port of the ServiceEntry',
    }),
  ),
  labels: Type.Optional(stringMap('labels that subsets select by')),
  weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'share among the endpoints' })),
  serviceAccount: Type.Optional(Type.String({ maxLength: 253, description: 'its identity, where it is part of the mesh' })),
}

/** One place that a host outside stands for (Istio `WorkloadEntry` within a ServiceEntry). */
export const ServiceEntryEndpoint = Type.Object(ENDPOINT, closedExcept('network', 'locality'))
/** {@link ServiceEntryEndpoint} as a type. */
export type ServiceEntryEndpoint = Static<typeof ServiceEntryEndpoint>

/** One port of a host outside. */
export const ServiceEntryPort = Type.Object(
  {
    number: port('port that callers use'),
    name: Type.String({ minLength: 1, maxLength: 63, description: 'name that endpoints refer to' }),
    protocol: Type.Optional(
      Type.Enum(['HTTP', 'HTTPS', 'HTTP2', 'GRPC', 'TLS', 'TCP', 'http', 'https', 'http2', 'grpc', 'tls', 'tcp'], {
        description: 'what is spoken there; default TCP. HTTPS and TLS are passed on by their server name',
        [UNSUPPORTED_VALUES]: ['MONGO', 'UDP', 'GRPC-WEB', 'mongo', 'udp', 'grpc-web'],
      }),
    ),
    targetPort: Type.Optional(port('port of the endpoints, where it is another one')),
  },
  closed,
)
/** {@link ServiceEntryPort} as a type. */
export type ServiceEntryPort = Static<typeof ServiceEntryPort>

/** Spec of a ServiceEntry. */
export const ServiceEntrySpec = Type.Object(
  {
    hosts: nonEmpty(Type.String({ minLength: 1, maxLength: 253 }), { maxItems: 256, description: 'names that are called; *.NAME for all names below one' }),
    addresses: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), { maxItems: 256, description: 'addresses (or blocks, as 192.0.2.0/24) that are called' }),
    ),
    ports: Type.Optional(Type.Array(ServiceEntryPort, { maxItems: 256, description: 'ports that are called' })),
    location: Type.Optional(
      Type.Enum(['MESH_EXTERNAL', 'MESH_INTERNAL'], {
        description: 'outside of the mesh (default), or part of it: reached with the mesh\u2019s certificates by ISTIO_MUTUAL',
      }),
    ),
    resolution: Type.Optional(
      Type.Enum(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN'], {
        description: 'where calls go: to the name or address that was called (NONE, default), to the endpoints (STATIC), to what the name stands for (DNS)',
        [UNSUPPORTED_VALUES]: ['DYNAMIC_DNS'],
      }),
    ),
    endpoints: Type.Optional(Type.Array(ServiceEntryEndpoint, { maxItems: 1000, description: 'the places that the hosts stand for' })),
    workloadSelector: Type.Optional(
      Type.Object(
        { labels: Type.Optional(stringMap('labels of the WorkloadEntries that are the endpoints')) },
        { ...closed, description: 'in place of endpoints' },
      ),
    ),
    exportTo: Type.Optional(ExportTo),
    subjectAltNames: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
        maxItems: 64,
        description: 'names, one of which the certificate must have where the mesh speaks TLS',
      }),
    ),
  },
  { ...closed, description: 'hosts outside of the mesh, and where they are' },
)
/** {@link ServiceEntrySpec} as a type. */
export type ServiceEntrySpec = Static<typeof ServiceEntrySpec>

/** Spec of a WorkloadEntry: a program or machine that a ServiceEntry selects. */
export const WorkloadEntrySpec = Type.Object(
  { ...ENDPOINT },
  { ...closedExcept('network', 'locality'), description: 'a program or machine outside that ServiceEntries select by its labels' },
)
/** {@link WorkloadEntrySpec} as a type. */
export type WorkloadEntrySpec = Static<typeof WorkloadEntrySpec>

/** A ServiceEntry of Istio. */
export interface ServiceEntryResource {
  readonly apiVersion: string
  readonly kind: 'ServiceEntry'
  readonly metadata: ObjectMeta
  readonly spec: ServiceEntrySpec
  readonly status?: unknown
}
