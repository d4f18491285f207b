import { CONTRACTS, ResourceAmounts } from '@weft/api'
import { Type, type Static } from 'typebox'

const stringMap = (description: string) => Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()], { description })
const stringList = (description: string) => Type.Union([Type.Array(Type.String()), Type.Null()], { description })

/**
 * Body of `POST` and `PUT /system/functions`: OpenFaaS' FunctionDeployment (faas-provider `types.FunctionDeployment`), and below it what Weft takes
 * beside an image. Unknown fields are ignored, as old clients send fields that mean nothing any more.
 */
export const FunctionDeployment = Type.Object(
  {
    service: Type.String({ description: 'name of the function' }),
    image: Type.Optional(Type.String({ maxLength: 512, description: 'reference in the artifact store or the image catalogue' })),
    namespace: Type.Optional(Type.String()),
    envProcess: Type.Optional(Type.String({ description: 'command line of a program' })),
    envVars: Type.Optional(stringMap('environment variables')),
    constraints: Type.Optional(stringList('kept, without effect on one machine')),
    secrets: Type.Optional(stringList('names of secrets of the same namespace')),
    labels: Type.Optional(stringMap('labels; com.openfaas.scale.* set the scale')),
    annotations: Type.Optional(stringMap('annotations')),
    limits: Type.Optional(Type.Union([Type.Object({ ...ResourceAmounts.properties }), Type.Null()])),
    requests: Type.Optional(Type.Union([Type.Object({ ...ResourceAmounts.properties }), Type.Null()])),
    readOnlyRootFilesystem: Type.Optional(Type.Boolean()),
    artifact: Type.Optional(Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description: 'Weft: digest of a built artifact, in place of an image' })),
    runtime: Type.Optional(Type.String({ maxLength: 63, description: 'Weft: runtime of the source, such as node22' })),
    contract: Type.Optional(Type.Enum(CONTRACTS, { description: 'Weft: handler contract' })),
    handler: Type.Optional(Type.String({ maxLength: 512, description: 'Weft: "file.export" as Kubeless has it' })),
    dependencies: Type.Optional(Type.String({ description: 'Weft: text of a package.json for inline source' })),
    source: Type.Optional(
      Type.Object(
        { files: Type.Record(Type.String({ maxLength: 512 }), Type.String(), { minProperties: 1, description: 'file name → text' }) },
        { additionalProperties: false, description: 'Weft: inline source; needs a runtime' },
      ),
    ),
    revision: Type.Optional(Type.String({ description: 'Weft: name of the revision that this makes, such as "v2"' })),
    timeout: Type.Optional(Type.String({ maxLength: 32, description: 'Weft: longest time of one call' })),
  },
  { description: 'what to deploy: an image, an artifact, or source with its runtime' },
)
/** {@link FunctionDeployment} as a type. */
export type FunctionDeployment = Static<typeof FunctionDeployment>

/** An entry of `GET /system/functions` and the answer of `GET /system/function/NAME` (faas-provider `types.FunctionStatus`). */
export interface OpenFaasFunction {
  readonly name: string
  readonly namespace: string
  readonly image: string
  readonly envProcess?: string
  readonly envVars?: Readonly<Record<string, string>>
  readonly constraints?: readonly string[]
  readonly secrets?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly limits?: { readonly memory?: string; readonly cpu?: string }
  readonly requests?: { readonly memory?: string; readonly cpu?: string }
  readonly readOnlyRootFilesystem?: boolean
  readonly invocationCount?: number
  readonly replicas?: number
  readonly availableReplicas?: number
  readonly createdAt?: string
  readonly usage?: { readonly cpu: number; readonly totalMemoryBytes: number }
}

/** {@link OpenFaasFunction} for the OpenAPI document. */
export const OpenFaasFunctionSchema = Type.Object(
  {
    name: Type.String(),
    namespace: Type.String(),
    image: Type.String({ description: 'reference, or digest of the artifact when it was deployed by that' }),
    envProcess: Type.Optional(Type.String()),
    envVars: Type.Optional(Type.Record(Type.String(), Type.String())),
    constraints: Type.Optional(Type.Array(Type.String())),
    secrets: Type.Optional(Type.Array(Type.String())),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
    limits: Type.Optional(ResourceAmounts),
    requests: Type.Optional(ResourceAmounts),
    readOnlyRootFilesystem: Type.Optional(Type.Boolean()),
    invocationCount: Type.Optional(Type.Number({ description: 'calls through the ingress; in lists only' })),
    replicas: Type.Optional(Type.Integer()),
    availableReplicas: Type.Optional(Type.Integer()),
    createdAt: Type.Optional(Type.String({ format: 'date-time' })),
    usage: Type.Optional(
      Type.Object({ cpu: Type.Number({ description: 'millicores' }), totalMemoryBytes: Type.Number() }, { description: 'only with usage=1' }),
    ),
  },
  { description: 'a function as OpenFaaS clients read it' },
)
