import { Type, type Static } from 'typebox'
import { ResourceAmounts, WEFT_API_VERSION, type FunctionTemplate } from '../function.ts'
import { ObjectMetaSchema } from '../metadata.ts'
import { openFaasReadinessPath, openFaasScale, openFaasTimeout } from '../openfaas/meaning.ts'
import { closed, closedExcept } from '../pieces.ts'

const texts = Type.Optional(Type.Record(Type.String(), Type.String()))
const list = Type.Optional(Type.Array(Type.String()))

/** Function of `openfaas.com/v1`, as faas-cli generate writes it. `handler` says where its source was and means nothing here. */
export const OpenFaasFunction = Type.Object(
  {
    apiVersion: Type.Literal('openfaas.com/v1'),
    kind: Type.Literal('Function'),
    metadata: ObjectMetaSchema,
    spec: Type.Object(
      {
        name: Type.String(),
        image: Type.String({ minLength: 1 }),
        handler: Type.Optional(Type.String()),
        annotations: texts,
        labels: texts,
        environment: texts,
        constraints: list,
        secrets: list,
        limits: Type.Optional(ResourceAmounts),
        requests: Type.Optional(ResourceAmounts),
        readOnlyRootFilesystem: Type.Optional(Type.Boolean()),
      },
      closedExcept('registryAuth', 'network'),
    ),
    status: Type.Optional(Type.Unknown()),
  },
  closed,
)

/** Our Function for one of OpenFaaS. It is named by its spec, as OpenFaaS names it. */
export function fromOpenFaas({ metadata, spec }: Static<typeof OpenFaasFunction>): unknown {
  const { name, image, annotations, labels, environment, constraints, secrets, limits, requests, readOnlyRootFilesystem } = spec
  const scale = openFaasScale(labels)
  const timeout = openFaasTimeout(environment)
  const readinessPath = openFaasReadinessPath(annotations)
  const template: FunctionTemplate = {
    image,
    ...(annotations === undefined ? {} : { annotations }),
    ...(labels === undefined ? {} : { labels }),
    ...(environment === undefined ? {} : { env: environment }),
    ...(constraints === undefined ? {} : { constraints }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
    ...(readOnlyRootFilesystem === undefined ? {} : { readOnlyRootFilesystem }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(readinessPath === undefined ? {} : { readinessPath }),
  }
  return { apiVersion: WEFT_API_VERSION, kind: 'Function', metadata: { ...metadata, name }, spec: { template, ...(scale === undefined ? {} : { scale }) } }
}
