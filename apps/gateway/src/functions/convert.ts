import { openFaasReadinessPath, openFaasScale, openFaasTimeout, WEFT_API_VERSION, type FunctionResource, type FunctionTemplate } from '@weft/api'
import { OPENFAAS_NAMESPACE_ALIAS, DEFAULT_NAMESPACE, type NamespacedName } from '@weft/core'
import type { FunctionDeployment, OpenFaasFunction } from './deployment.ts'

/** The template of a deployment. `artifact` is the digest that its image or source was resolved to. */
export function templateOf(deployment: FunctionDeployment, artifact: string): FunctionTemplate {
  const { envVars, secrets, labels, annotations, limits, requests, constraints } = deployment
  const timeout = deployment.timeout ?? openFaasTimeout(envVars)
  const readinessPath = openFaasReadinessPath(annotations)
  return {
    artifact,
    ...pick(deployment, 'image'),
    ...pick(deployment, 'runtime'),
    ...pick(deployment, 'contract'),
    ...pick(deployment, 'handler'),
    ...pick(deployment, 'revision'),
    ...(timeout === undefined ? {} : { timeout }),
    ...(readinessPath === undefined ? {} : { readinessPath }),
    ...pick(deployment, 'readOnlyRootFilesystem'),
    ...(deployment.envProcess === undefined || deployment.envProcess === '' ? {} : { process: deployment.envProcess }),
    ...(filled(envVars) ? { env: envVars } : {}),
    ...(filled(secrets) ? { secrets } : {}),
    ...(filled(labels) ? { labels } : {}),
    ...(filled(annotations) ? { annotations } : {}),
    ...(limits === undefined || limits === null ? {} : { limits }),
    ...(requests === undefined || requests === null ? {} : { requests }),
    ...(filled(constraints) ? { constraints } : {}),
  }
}

function pick<K extends keyof FunctionDeployment>(deployment: FunctionDeployment, key: K): Pick<FunctionDeployment, K> | Record<string, never> {
  const value = deployment[key]
  return value === undefined || value === '' ? {} : ({ [key]: value } as Pick<FunctionDeployment, K>)
}

function filled<T extends object>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null && Object.keys(value).length > 0
}

/** The Function that a deployment makes, or turns `current` into: scale, split and matches that somebody set stay as they are. */
export function functionOf(ref: NamespacedName, deployment: FunctionDeployment, template: FunctionTemplate, current?: FunctionResource): FunctionResource {
  const scale = { ...current?.spec.scale, ...openFaasScale(deployment.labels) }
  const { labels, annotations } = deployment
  const kept = current?.metadata
  return {
    apiVersion: WEFT_API_VERSION,
    kind: 'Function',
    metadata: {
      ...kept,
      name: ref.name,
      namespace: ref.namespace,
      ...(filled(labels) ? { labels } : {}),
      ...(filled(annotations) ? { annotations: { ...kept?.annotations, ...annotations } } : {}),
    },
    spec: { ...current?.spec, template, ...(filled(scale) ? { scale } : {}) },
  }
}

/** What a status of OpenFaaS has beside the resource. */
export interface StatusExtras {
  /** Namespace as the client named it: who asks for `openfaas-fn` is answered with it. */
  readonly namespace: string
  readonly invocationCount?: number
  readonly usage?: { readonly cpu: number; readonly totalMemoryBytes: number }
}

/** A Function as OpenFaaS clients read it; counts of zero are left out, as Go's `omitempty` does. */
export function openFaasFunction(fn: FunctionResource, extras: StatusExtras): OpenFaasFunction {
  const { template } = fn.spec
  const { replicas = 0, availableReplicas = 0 } = fn.status ?? {}
  return {
    name: fn.metadata.name,
    namespace: extras.namespace,
    image: template.image ?? template.artifact ?? '',
    ...(template.process === undefined ? {} : { envProcess: template.process }),
    ...(template.env === undefined ? {} : { envVars: template.env }),
    ...(template.constraints === undefined ? {} : { constraints: template.constraints }),
    ...(template.secrets === undefined ? {} : { secrets: template.secrets }),
    labels: template.labels ?? {},
    annotations: template.annotations ?? {},
    ...(template.limits === undefined ? {} : { limits: template.limits }),
    ...(template.requests === undefined ? {} : { requests: template.requests }),
    ...(template.readOnlyRootFilesystem === undefined ? {} : { readOnlyRootFilesystem: template.readOnlyRootFilesystem }),
    ...(extras.invocationCount === undefined ? {} : { invocationCount: extras.invocationCount }),
    ...(replicas === 0 ? {} : { replicas }),
    ...(availableReplicas === 0 ? {} : { availableReplicas }),
    ...(fn.metadata.creationTimestamp === undefined ? {} : { createdAt: fn.metadata.creationTimestamp }),
    ...(extras.usage === undefined ? {} : { usage: extras.usage }),
  }
}

/** The namespace to write in an answer: as asked for, when that was the alias. */
export function shownNamespace(namespace: string, asked: string | undefined): string {
  return asked === OPENFAAS_NAMESPACE_ALIAS && namespace === DEFAULT_NAMESPACE ? OPENFAAS_NAMESPACE_ALIAS : namespace
}
