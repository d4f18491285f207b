import type { ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import { closedExcept, dnsLabel, nonEmpty, port, UNSUPPORTED_VALUES } from '../pieces.ts'

// Fields after https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/

/** One port of a Service. */
export const ServicePort = Type.Object(
  {
    name: Type.Optional(dnsLabel('name; needed where there are several ports. A name such as "http" or "grpc-api" tells the protocol')),
    port: port('port that callers use'),
    targetPort: Type.Optional(
      Type.Union([
        port('port of the workload'),
        Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$', description: 'name of a port of the workload' }),
      ]),
    ),
    protocol: Type.Optional(Type.Enum(['TCP'], { [UNSUPPORTED_VALUES]: ['UDP', 'SCTP'], description: 'default TCP' })),
    appProtocol: Type.Optional(
      Type.String({ minLength: 1, maxLength: 253, description: 'protocol: http, http2, grpc, kubernetes.io/h2c, tcp; wins over the name' }),
    ),
  },
  closedExcept('nodePort'),
)
/** {@link ServicePort} as a type. */
export type ServicePort = Static<typeof ServicePort>

/** Spec of a Service. */
export const ServiceSpec = Type.Object(
  {
    selector: Type.Record(Type.String({ maxLength: 317 }), Type.String({ maxLength: 63 }), {
      minProperties: 1,
      description: 'labels that a workload must all have',
    }),
    ports: nonEmpty(ServicePort, { maxItems: 64, description: 'ports that callers use' }),
    type: Type.Optional(Type.Enum(['ClusterIP'], { [UNSUPPORTED_VALUES]: ['NodePort', 'LoadBalancer', 'ExternalName'], description: 'default ClusterIP' })),
  },
  {
    ...closedExcept(
      'clusterIP',
      'clusterIPs',
      'externalIPs',
      'externalName',
      'externalTrafficPolicy',
      'healthCheckNodePort',
      'internalTrafficPolicy',
      'ipFamilies',
      'ipFamilyPolicy',
      'loadBalancerClass',
      'loadBalancerIP',
      'loadBalancerSourceRanges',
      'allocateLoadBalancerNodePorts',
      'publishNotReadyAddresses',
      'sessionAffinity',
      'sessionAffinityConfig',
      'trafficDistribution',
    ),
    description: 'a host over the workloads that have the labels',
  },
)
/** {@link ServiceSpec} as a type. */
export type ServiceSpec = Static<typeof ServiceSpec>

/** A Service of Kubernetes' core group. */
export interface ServiceResource {
  readonly apiVersion: string
  readonly kind: 'Service'
  readonly metadata: ObjectMeta
  readonly spec: ServiceSpec
  readonly status?: unknown
}
