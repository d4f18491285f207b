import type { Condition, ObjectMeta } from '@weft/core'
import { Type, type Static } from 'typebox'
import type { CanaryRouting } from './canary/status.ts'
import { closed, dnsLabel, duration, stringMap } from './pieces.ts'

/** Group and version of Weft's own kinds. */
export const WEFT_API_VERSION = 'weft.dev/v1alpha1'

/** Annotation of a Function: RFC 3339 time at which somebody last asked for a number of replicas; written by the scale API. */
export const SCALED_AT_ANNOTATION = 'weft.dev/scaled-at'

/** The handler contracts: how a request becomes a call of the user's code. See docs/guide/contracts.md. */
export const CONTRACTS = ['openfaas', 'kubeless', 'node-http', 'fetch', 'cloudevent', 'grpc', 'process'] as const
/** One of {@link CONTRACTS}; `process` is any program, run by the process runtime. */
export type Contract = (typeof CONTRACTS)[number]

/** What the replicas of a function speak on their socket. gRPC is HTTP/2 of which the proxies count statuses and messages. See docs/guide/protocols.md. */
export const PROTOCOLS = ['http', 'http2', 'grpc', 'tcp'] as const
/** One of {@link PROTOCOLS}. */
export type Protocol = (typeof PROTOCOLS)[number]
/** Annotation that says the {@link Protocol} where the template cannot: in deployments of OpenFaaS' clients. */
export const PROTOCOL_ANNOTATION = 'weft.dev/protocol'

/** Memory and CPU as Kubernetes writes them. */
export const ResourceAmounts = Type.Object(
  {
    memory: Type.Optional(Type.String({ pattern: '^\\d+(\\.\\d+)?([kMGTmg]|[KMGT]i)?$', description: 'for example "128Mi"' })),
    cpu: Type.Optional(Type.String({ pattern: '^\\d+(\\.\\d+)?m?$', description: 'for example "100m" or "0.5"' })),
  },
  { ...closed, description: 'amounts of memory and CPU' },
)

/** Everything whose change makes a new Revision. */
export const FunctionTemplate = Type.Object(
  {
    revision: Type.Optional(dnsLabel('name of the revision that this template makes, such as "v2"; a number when absent')),
    labels: Type.Optional(stringMap('labels of the revision; `app` and `version` are set unless given')),
    annotations: Type.Optional(stringMap('annotations, for example those of OpenFaaS (com.openfaas.*)')),
    image: Type.Optional(Type.String({ maxLength: 512, description: 'reference in the artifact store, as an OpenFaaS client gives it' })),
    artifact: Type.Optional(Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description: 'digest of the built artifact; wins over image' })),
    runtime: Type.Optional(Type.String({ maxLength: 63, description: 'runtime name that users know: node22, nodejs14, process' })),
    contract: Type.Optional(Type.Enum(CONTRACTS, { description: 'handler contract; chosen by the runtime when absent' })),
    handler: Type.Optional(Type.String({ maxLength: 512, description: '"file.export" as Kubeless has it, or a file inside the artifact' })),
    process: Type.Optional(Type.String({ maxLength: 4096, description: 'command line of a program (the fprocess of OpenFaaS)' })),
    env: Type.Optional(stringMap('environment variables')),
    secrets: Type.Optional(Type.Array(dnsLabel('name of a Secret of the same namespace'), { maxItems: 256 })),
    serviceAccount: Type.Optional(dnsLabel('identity of the replicas; the name of the function when absent')),
    limits: Type.Optional(ResourceAmounts),
    requests: Type.Optional(ResourceAmounts),
    readOnlyRootFilesystem: Type.Optional(Type.Boolean()),
    constraints: Type.Optional(Type.Array(Type.String({ maxLength: 512 }), { maxItems: 64 })),
    timeout: Type.Optional(duration('longest time of one call; default 60s')),
    concurrency: Type.Optional(Type.Integer({ minimum: 0, description: 'calls that one replica takes at a time, more get a 429; 0 is no limit' })),
    readinessPath: Type.Optional(
      Type.String({ pattern: '^/', maxLength: 1024, description: 'path that answers 200 when a replica is ready; default /_/ready' }),
    ),
    port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'port of the host that the function answers on beside 80 and 8080; with protocol tcp, the only one',
      }),
    ),
    protocol: Type.Optional(
      Type.Enum(PROTOCOLS, { description: 'what the program speaks; default http (HTTP/1.1), or what the annotation weft.dev/protocol says' }),
    ),
  },
  { ...closed, description: 'what a replica runs; immutable once it is a Revision' },
)
/** {@link FunctionTemplate} as a type. */
export type FunctionTemplate = Static<typeof FunctionTemplate>

/** What a template's replicas speak: as it says, else its annotation, else what its contract means. An annotation that is none of {@link PROTOCOLS} says nothing. */
export function protocolOf({ protocol, annotations, contract }: Pick<FunctionTemplate, 'protocol' | 'annotations' | 'contract'>): Protocol {
  const annotated = PROTOCOLS.find((known) => known === annotations?.[PROTOCOL_ANNOTATION])
  return protocol ?? annotated ?? (contract === 'grpc' ? 'grpc' : 'http')
}

/** One share of a function's traffic. */
export const TrafficTarget = Type.Object(
  {
    revision: Type.Optional(dnsLabel('short name of a revision ("v1", "00002"); absent: the latest that is ready')),
    weight: Type.Integer({ minimum: 0, maximum: 100, description: 'per cent' }),
  },
  closed,
)
/** {@link TrafficTarget} as a type. */
export type TrafficTarget = Static<typeof TrafficTarget>

/** A rule that sends matching calls to one revision ahead of the weights. */
export const TrafficMatch = Type.Object(
  {
    headers: Type.Record(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), Type.String({ maxLength: 1024 }), { description: 'all of these, exactly' }),
    revision: dnsLabel('short name of the revision'),
  },
  closed,
)
/** {@link TrafficMatch} as a type. */
export type TrafficMatch = Static<typeof TrafficMatch>

/** How many replicas there are. */
export const Scale = Type.Object(
  {
    replicas: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, description: 'replicas of each serving revision; 0 is woken by a call. Default: min' })),
    min: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, description: 'default 1' })),
    max: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'default 20' })),
    zeroAfter: Type.Optional(duration('scale to zero after this long without a call; absent: never')),
  },
  closed,
)

/** Who may call a function from outside the mesh. */
export const VISIBILITIES = ['public', 'mesh'] as const

/** What is asked of calls that come from outside. */
export const FunctionIngress = Type.Object(
  {
    authentication: Type.Optional(
      Type.Enum(['optional', 'required'], {
        description: 'required: a call from outside needs a token that a RequestAuthentication of the function verifies; default optional',
      }),
    ),
  },
  { ...closed, description: 'what is asked of calls from outside' },
)

/** Spec of a Function. */
export const FunctionSpec = Type.Object(
  {
    template: FunctionTemplate,
    visibility: Type.Optional(
      Type.Enum(VISIBILITIES, { description: 'mesh: not reachable from outside, at no path and no domain, only by other functions; default public' }),
    ),
    ingress: Type.Optional(FunctionIngress),
    scale: Type.Optional(Scale),
    traffic: Type.Optional(Type.Array(TrafficTarget, { maxItems: 32, description: 'weights that add up to 100; absent: all to the latest ready revision' })),
    matches: Type.Optional(Type.Array(TrafficMatch, { maxItems: 64, description: 'tried in order before the weights' })),
  },
  closed,
)
/** {@link FunctionSpec} as a type. */
export type FunctionSpec = Static<typeof FunctionSpec>

/** Status of a Function, written by the controller alone. */
export interface FunctionStatus {
  readonly observedGeneration: number
  /** Where traffic really goes now, by revision short name; the mesh compiles this. Empty until a revision is proven ready. */
  readonly traffic: readonly { readonly revision: string; readonly weight: number }[]
  /** What its canary has the mesh do beside the split. */
  readonly canary?: CanaryRouting & { readonly candidate: string }
  /** Short name of the newest revision, ready or not. */
  readonly latestCreated: string
  /** Short name of the newest revision that was proven ready once. */
  readonly latestReady?: string
  /** Replicas over all revisions: wanted, and proven ready. */
  readonly replicas: number
  readonly availableReplicas: number
  /** `Ready`, `RevisionReady` (why the newest is not), `TrafficPinned`. */
  readonly conditions: readonly Condition[]
}

/** Spec of a Revision: the template it was cut from. Immutable. */
export interface RevisionSpec {
  /** Name of the function (same namespace). */
  readonly function: string
  /** Short name: "v2" or "00003". `metadata.name` is `FUNCTION-SHORT`. */
  readonly revision: string
  /** Grows with each revision of the function. */
  readonly number: number
  readonly template: FunctionTemplate
}

/** Status of a Revision, written by the controller alone. */
export interface RevisionStatus {
  /** `Pending` until proven ready once; `Active` while traffic, a match or a replica is there; `Retired` afterwards; `Failed` with a reason. */
  readonly phase: 'Pending' | 'Active' | 'Retired' | 'Failed'
  readonly replicas: number
  readonly readyReplicas: number
  readonly conditions: readonly Condition[]
  /** Milliseconds of each step of the last activation, in order: spawn, listening, ready, listeners, endpoints, probe. */
  readonly lastActivation?: { readonly at: string; readonly steps: readonly { readonly name: string; readonly ms: number }[] }
}

/** A Function resource. */
export interface FunctionResource {
  readonly apiVersion: string
  readonly kind: 'Function'
  readonly metadata: ObjectMeta
  readonly spec: FunctionSpec
  readonly status?: FunctionStatus
}
/** A Revision resource. */
export interface RevisionResource {
  readonly apiVersion: string
  readonly kind: 'Revision'
  readonly metadata: ObjectMeta
  readonly spec: RevisionSpec
  readonly status?: RevisionStatus
}

const MAX_LABEL = 63

/**
 * `metadata.name` of a revision: `FUNCTION-REVISION`. Where that is too long, or could be another pair's too (a revision with a dash: `a-b` of `c` is
 * not `b` of `c-a`), a hash of both follows; a DNS-1123 label in any case.
 */
export function revisionObjectName(functionName: string, revision: string): string {
  const plain = `${functionName}-${revision}`
  if (plain.length <= MAX_LABEL && !revision.includes('-')) return plain
  const hash = fnv1a(`${functionName}/${revision}`)
  return `${plain.slice(0, MAX_LABEL - hash.length - 1).replace(/-+$/, '')}-${hash}`
}

/** FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/), as 13 letters and digits. */
function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (const char of text) hash = BigInt.asUintN(64, (hash ^ BigInt(char.codePointAt(0) ?? 0)) * 0x100000001b3n)
  return hash.toString(36).padStart(13, '0')
}
