import { DEFAULT_NAMESPACE } from '@weft/core'
import type { NamespaceSelector } from '@weft/api'
import { equal } from '../equal.ts'
import { apiGatewayKey, type ApiGatewayModel, type CertificateReference, type GatewayClassModel, type ListenerModel } from '../read/gateway-api/gateways.ts'
import type { GatewayModel, ServerModel, ServerTlsModel } from '../read/models.ts'
import { GATEWAY_CONTROLLER } from '../resource-status.ts'
import type { GatewayBook, GatewayMarks } from './gateways.ts'
import type { World } from './world.ts'

/** Classes that are ours without a GatewayClass. */
const OWN_CLASSES: ReadonlySet<string> = new Set(['weft', 'istio'])

/** Gateways of the Gateway API, and the gateways of the mesh that they mean as things are now. */
export class ApiGateways {
  readonly models = new Map<string, ApiGatewayModel>()
  readonly classes = new Map<string, GatewayClassModel>()
  readonly #meant = new Map<string, GatewayModel>()

  isOurs({ className }: ApiGatewayModel): boolean {
    return OWN_CLASSES.has(className) || this.classes.get(className)?.controllerName === GATEWAY_CONTROLLER
  }

  /** What a Gateway means; `undefined` when it is not ours. */
  meantBy(key: string): GatewayModel | undefined {
    return this.#meant.get(key)
  }

  /** Works out again what they mean: namespaces, grants and classes have a say in it. Costs a look at each Gateway. */
  refresh(world: World, book: GatewayBook, marks: GatewayMarks): void {
    for (const key of new Set([...this.models.keys(), ...this.#meant.keys()])) {
      const model = this.models.get(key)
      const [before, after] = [this.#meant.get(key), model !== undefined && this.isOurs(model) ? meaning(world, model) : undefined]
      if (equal(before, after)) continue
      if (before !== undefined) this.#remove(before, book, marks)
      if (after !== undefined) this.#add(after, { key, book, marks })
      if (after === undefined) this.#meant.delete(key)
    }
  }

  #remove(gateway: GatewayModel, book: GatewayBook, marks: GatewayMarks): void {
    book.markGateway(gateway, marks)
    book.removeGateway(gateway)
  }

  #add(gateway: GatewayModel, { key, book, marks }: { readonly key: string; readonly book: GatewayBook; readonly marks: GatewayMarks }): void {
    this.#meant.set(key, gateway)
    book.addGateway(gateway)
    book.markGateway(gateway, marks)
  }
}

function meaning(world: World, model: ApiGatewayModel): GatewayModel {
  const { ref, namespace, name, created } = model
  return {
    ref,
    key: apiGatewayKey(model.key),
    namespace,
    name,
    created,
    findings: [],
    placement: 'ingress',
    servers: model.listeners.map((listener) => serverOf(world, model, listener)),
  }
}

function serverOf(world: World, gateway: ApiGatewayModel, listener: ListenerModel): ServerModel {
  const { name, hostname, port, protocol, kinds } = listener
  return {
    name,
    port,
    protocol,
    hosts: namespacesOf(world, gateway, listener).map((namespace) => ({ namespace, name: hostname })),
    kinds,
    ...(protocol === 'https' ? { tls: tlsOf(world, gateway, listener) } : {}),
    httpsRedirect: false,
  }
}

/** Where routes of a listener may be; `*`: everywhere. */
function namespacesOf(world: World, { namespace }: ApiGatewayModel, { from, selector }: ListenerModel): readonly string[] {
  if (from === 'All') return ['*']
  if (from === 'Same') return [namespace]
  const names = new Set([DEFAULT_NAMESPACE, ...world.namespaces.keys()])
  return [...names].filter((name) => selectsNamespace(selector, { ...world.namespaces.get(name)?.labels, 'kubernetes.io/metadata.name': name })).toSorted()
}

function selectsNamespace({ matchLabels = {}, matchExpressions = [] }: NamespaceSelector, labels: Readonly<Record<string, string>>): boolean {
  const has = (key: string) => Object.hasOwn(labels, key)
  const exact = Object.entries(matchLabels).every(([key, value]) => has(key) && labels[key] === value)
  return (
    exact &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const among = has(key) && values.includes(labels[key] ?? '')
      switch (operator) {
        case 'In':
          return among
        case 'NotIn':
          return !among
        case 'Exists':
          return has(key)
        case 'DoesNotExist':
          return !has(key)
        default:
          return operator satisfies never
      }
    })
  )
}

/** A certificate that may not be used is as one that is not there: no connection is accepted. */
function tlsOf(world: World, gateway: ApiGatewayModel, { certificate }: ListenerModel): ServerTlsModel {
  const secrets = certificate === undefined || certificateProblem(world, gateway, certificate) !== undefined ? [] : [secretKey(certificate)]
  return { clients: 'simple', certificate: { secrets }, subjectAltNames: [], minVersion: '1.2', maxVersion: '1.3', cipherSuites: [] }
}

/** Why a listener may not use a certificate. */
export function certificateProblem(
  world: World,
  { ref, namespace }: ApiGatewayModel,
  certificate: CertificateReference,
): { readonly reason: 'InvalidCertificateRef' | 'RefNotPermitted'; readonly message: string } | undefined {
  const { group, kind, name } = certificate
  if (group !== '' || kind !== 'Secret') return { reason: 'InvalidCertificateRef', message: `${group}/${kind} is no certificate; use a Secret` }
  if (certificate.namespace === namespace || isGranted(world, { group: ref.group, kind: ref.kind, namespace }, certificate)) return undefined
  return { reason: 'RefNotPermitted', message: `no ReferenceGrant in ${certificate.namespace} lets a Gateway of ${namespace} refer to the Secret ${name}` }
}

/** The key of the Secret that is referred to. */
export function secretKey({ namespace, name }: CertificateReference): string {
  return `${namespace}/${name}`
}

/** Whether a ReferenceGrant lets somebody refer to something of another namespace. */
export function isGranted(
  { grants }: Pick<World, 'grants'>,
  by: { readonly group: string; readonly kind: string; readonly namespace: string },
  to: { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string },
): boolean {
  return [...grants.get(to.namespace)].some(
    (grant) =>
      grant.from.some((who) => who.group === by.group && who.kind === by.kind && who.namespace === by.namespace) &&
      grant.to.some((what) => what.group === to.group && what.kind === to.kind && (what.name === undefined || what.name === to.name)),
  )
}
