import { canonicalNamespace, groupOf, WeftError, type ObjectMeta, type Resource } from '@weft/core'
import { checkSecretData } from './checks/core.ts'
import { checkMetadata } from './checks/metadata.ts'
import { checkTree, MAX_RESOURCE_CHARACTERS, withoutNulls } from './checks/tree.ts'
import { fromKubeless, KubelessFunction, type SourceToBuild } from './legacy/kubeless.ts'
import { fromOpenFaas, OpenFaasFunction } from './legacy/openfaas.ts'
import { replacementOfRemoved } from './legacy/removed.ts'
import { KINDS, kindOf, storageVersion, type KindDefinition } from './registry.ts'
import { schemaCheck, type SchemaVerdict } from './schema-check.ts'
import { violationsText, type Violation } from './violation.ts'

type Fields = Readonly<Record<string, unknown>>

/** A resource in the form in which it is kept, and the source that must be built before it can run. */
export interface ParsedResource {
  readonly resource: Resource
  /** Only of a Function of Kubeless: build it and set `spec.template.artifact`. */
  readonly source?: SourceToBuild
}

/** What came of reading a resource: it, or everything that is wrong with it. */
export type ResourceVerdict =
  | (ParsedResource & { readonly violations?: undefined })
  | { readonly kind: string; readonly name: string; readonly violations: readonly Violation[] }

/** Kinds of the design that are not read yet: refused as such, not as unknown. */
const LATER: ReadonlySet<string> = new Set([
  'weft.dev/Trigger',
  'networking.istio.io/WorkloadGroup',
  'networking.istio.io/Sidecar',
  'networking.istio.io/EnvoyFilter',
  'networking.istio.io/ProxyConfig',
  'telemetry.istio.io/Telemetry',
  'extensions.istio.io/WasmPlugin',
  'gateway.networking.k8s.io/TLSRoute',
  'gateway.networking.k8s.io/TCPRoute',
  'gateway.networking.k8s.io/UDPRoute',
  'gateway.networking.k8s.io/BackendTLSPolicy',
  'openfaas.com/Profile',
  'kubeless.io/CronJobTrigger',
  'kubeless.io/NATSTrigger',
  'kubeless.io/KafkaTrigger',
  'kubeless.io/KinesisTrigger',
])

const checks = new Map<KindDefinition, (value: unknown) => SchemaVerdict>(
  KINDS.map((definition) => [definition, schemaCheck(definition.schema, definition.kind)]),
)
const checkOpenFaas = schemaCheck(OpenFaasFunction, 'Function')
const checkKubeless = schemaCheck(KubelessFunction, 'Function')

/**
 * Checks anything and gives back the resource in the one form in which it is kept: one version of its group, the namespace filled in (`openfaas-fn` is
 * `default`), `stringData` written into `data`, legacy Functions converted.
 * @throws WeftError `INVALID_RESOURCE` with all violations, `UNKNOWN_KIND`, `UNSUPPORTED_KIND`, `REMOVED_KIND`
 */
export function parseResource(input: unknown): Resource {
  const { resource, source } = readResource(input)
  if (source === undefined) return resource
  throw invalid(resource.kind, resource.metadata.name, [
    { field: 'spec.function', reason: 'is source, which must be built first: deploy it with weft apply -f FILE' },
  ])
}

/** Like {@link parseResource}; source that comes with a Function is given back beside it. */
export function readResource(input: unknown): ParsedResource {
  const verdict = checkResource(input)
  if (verdict.violations === undefined) return verdict
  throw invalid(verdict.kind, verdict.name, verdict.violations)
}

/**
 * Like {@link readResource}, with violations as a value.
 * @throws WeftError `UNKNOWN_KIND`, `UNSUPPORTED_KIND`, `REMOVED_KIND`
 */
export function checkResource(input: unknown): ResourceVerdict {
  const tree = checkTree(input)
  if (tree.length > 0) return refused(input, tree)
  const given = withoutNulls(input)
  if (!isFields(given)) return refused(given, [{ field: '', reason: 'a resource must be an object with apiVersion, kind and metadata' }])
  if ((JSON.stringify(given) ?? '').length > MAX_RESOURCE_CHARACTERS)
    return refused(given, [{ field: '', reason: `must have at most ${MAX_RESOURCE_CHARACTERS} characters of JSON` }])
  const { apiVersion, kind } = given
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    const missing = (['apiVersion', 'kind'] as const).filter((field) => typeof given[field] !== 'string')
    return refused(
      given,
      missing.map((field) => ({ field, reason: 'is missing, or is not text' })),
    )
  }
  if (kind === 'Function' && apiVersion === 'openfaas.com/v1') return checkLegacy(given, checkOpenFaas, (value) => ({ resource: fromOpenFaas(value as never) }))
  if (kind === 'Function' && apiVersion === 'kubeless.io/v1beta1') return checkLegacy(given, checkKubeless, (value) => fromKubeless(value as never))
  return checkKept(given, definitionOf(apiVersion, kind))
}

function definitionOf(apiVersion: string, kind: string): KindDefinition {
  const definition = kindOf(apiVersion, kind)
  if (definition !== undefined) return definition
  const group = groupOf(apiVersion)
  const short = { apiVersion: apiVersion.slice(0, 100), kind: kind.slice(0, 100) }
  const help = replacementOfRemoved(group, kind)
  if (help !== undefined) throw new WeftError('REMOVED_KIND', { ...short, help })
  throw new WeftError(LATER.has(`${group}/${kind}`) ? 'UNSUPPORTED_KIND' : 'UNKNOWN_KIND', short)
}

function checkLegacy(
  given: Fields,
  check: (value: unknown) => SchemaVerdict,
  convert: (value: Fields) => { resource: unknown; source?: SourceToBuild },
): ResourceVerdict {
  const { violations } = check(given)
  if (violations.length > 0) return refused(given, violations)
  const { resource, source } = convert(given)
  // What is to be built has nothing to run yet; everything else holds already.
  const verdict = source === undefined ? checkResource(resource) : checkResource(withArtifact(resource as Resource<{ template: object }>))
  if (verdict.violations !== undefined || source === undefined) return verdict
  const spec = (resource as Resource).spec
  return { resource: { ...verdict.resource, spec }, source }
}

function withArtifact(resource: Resource<{ template: object }>): unknown {
  return { ...resource, spec: { ...resource.spec, template: { ...resource.spec?.template, artifact: `sha256:${'0'.repeat(64)}` } } }
}

function checkKept(given: Fields, definition: KindDefinition): ResourceVerdict {
  const verdict = checks.get(definition)?.(given) ?? { violations: [], structureHolds: true }
  const metadataHolds = isFields(given['metadata']) && verdict.violations.every(({ field }) => !field.startsWith('metadata'))
  const violations = [
    ...verdict.violations,
    ...(metadataHolds ? checkMetadata(given['metadata'] as never, definition.namespaced) : []),
    ...(verdict.structureHolds ? definition.check(given as unknown as Resource) : []),
  ]
  if (violations.length > 0) return refused(given, violations)
  const resource = canonical(given as unknown as Resource, definition)
  const tooMuch = definition.kind === 'Secret' ? checkSecretData((resource as Resource & { data: Record<string, string> }).data) : []
  return tooMuch.length > 0 ? refused(given, tooMuch) : { resource }
}

function canonical(given: Resource, definition: KindDefinition): Resource {
  const { apiVersion: _version, kind, metadata, ...content } = given
  const kept = { apiVersion: storageVersion(definition), kind, metadata: canonicalMetadata(metadata, definition.namespaced) }
  if (kind === 'Secret') return { ...kept, ...secretContent(content) }
  if (kind === 'Namespace') return kept
  const specless = kind === 'AuthorizationPolicy' || kind === 'PeerAuthentication'
  return { ...kept, ...(specless ? { spec: {} } : {}), ...content }
}

function canonicalMetadata(metadata: ObjectMeta & { managedFields?: unknown; selfLink?: unknown }, namespaced: boolean): ObjectMeta {
  const { managedFields: _fields, selfLink: _link, name, namespace, ...rest } = metadata
  return { name, ...(namespaced ? { namespace: canonicalNamespace(namespace) } : {}), ...rest }
}

function secretContent(content: object): { readonly type: string; readonly data: Readonly<Record<string, string>> } {
  const { type = 'Opaque', data = {}, stringData = {} } = content as { type?: string; data?: Record<string, string>; stringData?: Record<string, string> }
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const)
  return { type, data: { ...data, ...Object.fromEntries(encoded) } }
}

function refused(given: unknown, violations: readonly Violation[]): ResourceVerdict {
  const metadata = isFields(given) && isFields(given['metadata']) ? given['metadata'] : {}
  const text = (value: unknown, otherwise: string) => (typeof value === 'string' && value !== '' ? value.slice(0, 100) : otherwise)
  return { kind: text(isFields(given) ? given['kind'] : undefined, 'resource'), name: text(metadata['name'], '(without a name)'), violations }
}

function invalid(kind: string, name: string, violations: readonly Violation[]): WeftError {
  return new WeftError('INVALID_RESOURCE', { kind, name, reasons: violationsText(violations) })
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
