import { Type, type Static } from 'typebox'
import { ResourceAmounts, WEFT_API_VERSION, type FunctionTemplate } from '../function.ts'
import { ObjectMetaSchema } from '../metadata.ts'
import { closed, closedExcept, duration } from '../pieces.ts'

const CONTENT_TYPE = '^(text|base64|url)?(\\+(zip|compressedtar))?(\\+deps)?$'

const Container = Type.Object(
  {
    name: Type.Optional(Type.String()),
    env: Type.Optional(Type.Array(Type.Object({ name: Type.String(), value: Type.Optional(Type.String()) }, closedExcept('valueFrom')))),
    resources: Type.Optional(Type.Object({ limits: Type.Optional(ResourceAmounts), requests: Type.Optional(ResourceAmounts) }, closed)),
    volumeMounts: Type.Optional(Type.Array(Type.Object({ name: Type.String(), mountPath: Type.String() }, closedExcept('readOnly', 'subPath')))),
  },
  closedExcept('image', 'imagePullPolicy', 'command', 'args', 'ports', 'envFrom', 'livenessProbe', 'readinessProbe', 'securityContext', 'lifecycle'),
)

const PodSpec = Type.Object(
  {
    containers: Type.Optional(Type.Array(Container, { maxItems: 1 })),
    volumes: Type.Optional(Type.Array(Type.Object({ name: Type.String(), secret: Type.Object({ secretName: Type.String() }, closed) }, closed))),
    serviceAccountName: Type.Optional(Type.String()),
  },
  closedExcept('initContainers', 'nodeSelector', 'affinity', 'tolerations', 'imagePullSecrets', 'securityContext', 'hostNetwork', 'hostPID', 'serviceAccount'),
)

const Empty = Type.Optional(Type.Object({}, closed))
const Labelled = Type.Optional(
  Type.Object({ name: Type.Optional(Type.String()), labels: Type.Optional(Type.Record(Type.String(), Type.String())) }, closedExcept('annotations')),
)

const Deployment = Type.Object(
  {
    metadata: Labelled,
    spec: Type.Optional(
      Type.Object(
        {
          replicas: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
          strategy: Empty,
          template: Type.Optional(Type.Object({ metadata: Labelled, spec: Type.Optional(PodSpec) }, closed)),
        },
        closedExcept('selector', 'minReadySeconds', 'revisionHistoryLimit', 'paused', 'progressDeadlineSeconds'),
      ),
    ),
    status: Empty,
  },
  closed,
)

const Service = Type.Object(
  {
    ports: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.Optional(Type.String()),
            port: Type.Integer({ minimum: 1, maximum: 65_535 }),
            protocol: Type.Optional(Type.Literal('TCP')),
            targetPort: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
          },
          closedExcept('nodePort'),
        ),
        { maxItems: 1 },
      ),
    ),
    selector: Type.Optional(Type.Record(Type.String(), Type.String())),
    type: Type.Optional(Type.Literal('ClusterIP')),
  },
  closedExcept('clusterIP', 'externalIPs', 'loadBalancerIP', 'sessionAffinity'),
)

const Autoscaler = Type.Object(
  {
    metadata: Labelled,
    spec: Type.Optional(
      Type.Object(
        {
          minReplicas: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
          maxReplicas: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
          scaleTargetRef: Type.Optional(Type.Record(Type.String(), Type.String())),
        },
        closedExcept('metrics'),
      ),
    ),
    status: Type.Optional(Type.Unknown()),
  },
  closed,
)

/** Function of `kubeless.io/v1beta1`. */
export const KubelessFunction = Type.Object(
  {
    apiVersion: Type.Literal('kubeless.io/v1beta1'),
    kind: Type.Literal('Function'),
    metadata: ObjectMetaSchema,
    spec: Type.Object(
      {
        handler: Type.String({ pattern: '^[^\\s./][^\\s/]*\\.[^\\s./]+$', maxLength: 512, description: '"file.export"' }),
        function: Type.Optional(Type.String({ maxLength: 1_572_864 })),
        'function-content-type': Type.Optional(
          Type.String({ pattern: CONTENT_TYPE, description: '"text", "base64" or "url", with "+zip", "+compressedtar", "+deps"' }),
        ),
        checksum: Type.Optional(Type.String({ pattern: '^(sha256:[0-9a-f]{64})?$' })),
        runtime: Type.String({ minLength: 1, maxLength: 63 }),
        timeout: Type.Optional(Type.Union([duration('seconds'), Type.Literal('')])),
        deps: Type.Optional(Type.String({ maxLength: 1_572_864 })),
        deployment: Type.Optional(Deployment),
        service: Type.Optional(Service),
        horizontalPodAutoscaler: Type.Optional(Autoscaler),
      },
      closed,
    ),
    status: Type.Optional(Type.Unknown()),
  },
  closed,
)
type KubelessFunction = Static<typeof KubelessFunction>

/** Source that comes with a Function and must be built before it can run. */
export interface SourceToBuild {
  /** What `content` is: the text of one file, base64 of a file or archive, or the address of one. */
  readonly form: 'text' | 'base64' | 'url'
  /** The content is an archive of this format; absent: one file. */
  readonly archive?: 'zip' | 'compressedtar'
  readonly content: string
  /** `sha256:` and hexadecimal digits, of the decoded content. */
  readonly checksum?: string
  readonly runtime: string
  /** `file.export`; with a single file only the export counts. */
  readonly handler: string
  /** Text of a package.json. */
  readonly dependencies?: string
}

/** Our Function for one of Kubeless, without its artifact, and the source to build that from. */
export function fromKubeless(given: KubelessFunction): { readonly resource: unknown; readonly source: SourceToBuild } {
  const { metadata, spec } = given
  const scale = scaleOf(spec)
  return {
    resource: { apiVersion: WEFT_API_VERSION, kind: 'Function', metadata, spec: { template: templateOf(given), ...(scale === undefined ? {} : { scale }) } },
    source: sourceOf(spec),
  }
}

function templateOf({ metadata, spec }: KubelessFunction): FunctionTemplate {
  const pod = spec.deployment?.spec?.template?.spec
  const container = pod?.containers?.[0]
  const secrets = (pod?.volumes ?? []).map(({ secret }) => secret.secretName)
  const servicePort = spec.service?.ports?.[0]?.port
  const labels = { ...metadata.labels, ...spec.deployment?.spec?.template?.metadata?.labels }
  return {
    runtime: spec.runtime,
    handler: spec.handler,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
    ...(spec.timeout === undefined || spec.timeout === '' ? {} : { timeout: spec.timeout }),
    ...(container?.env === undefined ? {} : { env: Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? ''])) }),
    ...(container?.resources?.limits === undefined ? {} : { limits: container.resources.limits }),
    ...(container?.resources?.requests === undefined ? {} : { requests: container.resources.requests }),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(pod?.serviceAccountName === undefined || pod.serviceAccountName === '' ? {} : { serviceAccount: pod.serviceAccountName }),
    ...(servicePort === undefined || servicePort === 8080 ? {} : { port: servicePort }),
  }
}

/** An autoscaler with a maximum of zero is how Kubeless' own client writes "none". */
function scaleOf(spec: KubelessFunction['spec']): object | undefined {
  const { minReplicas, maxReplicas = 0 } = spec.horizontalPodAutoscaler?.spec ?? {}
  const replicas = spec.deployment?.spec?.replicas
  const scale = {
    ...(replicas === undefined ? {} : { replicas }),
    ...(maxReplicas === 0 ? {} : { max: maxReplicas, ...(minReplicas === undefined ? {} : { min: minReplicas }) }),
  }
  return Object.keys(scale).length === 0 ? undefined : scale
}

function sourceOf(spec: KubelessFunction['spec']): SourceToBuild {
  const [form, ...more] = (spec['function-content-type'] ?? 'text').split('+')
  const archive = more.find((part) => part === 'zip' || part === 'compressedtar')
  return {
    form: form === 'base64' || form === 'url' ? form : 'text',
    ...(archive === undefined ? {} : { archive }),
    content: spec.function ?? '',
    ...(spec.checksum === undefined || spec.checksum === '' ? {} : { checksum: spec.checksum }),
    runtime: spec.runtime,
    handler: spec.handler,
    ...(spec.deps === undefined || spec.deps === '' ? {} : { dependencies: spec.deps }),
  }
}
