import { canonicalNamespace } from '@weft/core'
import { GATEWAY_API } from '@weft/api'
import { commonName } from '../world/gateway-names.ts'
import { at, each, text, textMap, texts, type Item, type Report } from './item.ts'
import type { AnalysedWorld } from './world.ts'

/** Checks routes and Gateways of the Gateway API. */
export function checkGatewayApi(world: AnalysedWorld, report: Report): void {
  for (const kind of ['HTTPRoute', 'GRPCRoute']) {
    for (const item of world.all(kind)) {
      for (const [parent, path] of each(at(item.spec, 'parentRefs'), 'spec.parentRefs')) checkParent(item, { parent, path }, world, report)
      for (const [backend, path] of backendsOf(item)) checkBackend(item, { backend, path }, world, report)
    }
  }
  for (const gateway of world.all('Gateway', GATEWAY_API)) checkGateway(gateway, world, report)
}

const numberOf = (value: unknown) => (typeof value === 'number' ? value : undefined)

/** What a reference names, with the namespace that it means. */
function target(reference: unknown, item: Item, otherwise: { readonly group: string; readonly kind: string }) {
  const name = text(at(reference, 'name')) ?? ''
  const namespace = canonicalNamespace(text(at(reference, 'namespace')) ?? item.namespace)
  return { group: text(at(reference, 'group')) ?? otherwise.group, kind: text(at(reference, 'kind')) ?? otherwise.kind, namespace, name }
}

// -- parents ----------------------------------------------------------------------------------------------------------------

interface Parent {
  readonly parent: unknown
  readonly path: string
}

function checkParent(item: Item, { parent, path }: Parent, world: AnalysedWorld, report: Report): void {
  const { group, kind, namespace, name } = target(parent, item, { group: GATEWAY_API, kind: 'Gateway' })
  const place = `${path}.name`
  if (group === GATEWAY_API && kind === 'Gateway') {
    const gateway = world.find('Gateway', namespace, name, GATEWAY_API)
    if (gateway === undefined) return report('WEFT0701', item, place, `there is no Gateway ${namespace}/${name} of the Gateway API`)
    return checkListeners(item, { parent, path }, gateway, report)
  }
  const isFunction = group === 'weft.dev' && kind === 'Function'
  if (!isFunction && (group !== '' || kind !== 'Service')) return
  const exists = isFunction ? world.find('Function', namespace, name) !== undefined : world.hasHost(`${name}.${namespace}`, namespace)
  if (!exists) return report('WEFT0701', item, place, `there is no ${kind} ${namespace}/${name}`)
  const port = numberOf(at(parent, 'port'))
  if (port !== undefined && !portsOf(world, namespace, name).includes(port))
    report('WEFT0701', item, `${path}.port`, `${namespace}/${name} does not answer on port ${port}`)
  const owner = ownerOf(item, `${namespace}/${name}`, world)
  if (owner !== undefined) report('WEFT0704', item, place, `the VirtualService ${owner.name} has the routes of ${name}`)
}

/** The VirtualService of the route's own namespace that has the host. */
function ownerOf(item: Item, host: string, world: AnalysedWorld): Item | undefined {
  return world.all('VirtualService').find((one) => {
    const gateways = texts(at(one.spec, 'gateways'), '').map(([name]) => name)
    const inMesh = gateways.length === 0 || gateways.includes('mesh')
    return inMesh && one.namespace === item.namespace && texts(at(one.spec, 'hosts'), '').some(([name]) => world.hostOf(name, one.namespace) === host)
  })
}

function checkListeners(item: Item, { parent, path }: Parent, gateway: Item, report: Report): void {
  const section = text(at(parent, 'sectionName'))
  const port = numberOf(at(parent, 'port'))
  const listeners = each(at(gateway.spec, 'listeners'), '').map(([listener]) => listener)
  const asked = listeners.filter((one) => (section === undefined || at(one, 'name') === section) && (port === undefined || at(one, 'port') === port))
  if (asked.length === 0)
    return report('WEFT0701', item, path, `the Gateway ${gateway.name} has no listener ${section ?? ''}${port === undefined ? '' : ` on port ${port}`}`)
  const written = texts(at(item.spec, 'hostnames'), '').map(([name]) => name)
  const names = written.length === 0 ? ['*'] : written
  const served = asked.some((one) => names.some((name) => commonName(text(at(one, 'hostname')) ?? '*', name) !== undefined))
  if (!served) report('WEFT0705', item, 'spec.hostnames', `no listener of the Gateway ${gateway.name} has one of ${names.join(', ')}`)
}

// -- backends ---------------------------------------------------------------------------------------------------------------

function backendsOf(item: Item): readonly (readonly [backend: unknown, path: string])[] {
  return each(at(item.spec, 'rules'), 'spec.rules').flatMap(([rule, path]) => [
    ...each(at(rule, 'backendRefs'), `${path}.backendRefs`),
    ...each(at(rule, 'filters'), `${path}.filters`).flatMap(([filter, place]) => {
      const backend = at(filter, 'requestMirror', 'backendRef')
      return backend === undefined ? [] : [[backend, `${place}.requestMirror.backendRef`] as const]
    }),
  ])
}

function checkBackend(item: Item, { backend, path }: { readonly backend: unknown; readonly path: string }, world: AnalysedWorld, report: Report): void {
  const to = target(backend, item, { group: '', kind: 'Service' })
  const isFunction = to.group === 'weft.dev' && to.kind === 'Function'
  if (!isFunction && (to.group !== '' || to.kind !== 'Service'))
    return report('WEFT0702', item, `${path}.kind`, `${to.group === '' ? 'core' : to.group}/${to.kind} is no backend`)
  const exists = isFunction ? world.find('Function', to.namespace, to.name) !== undefined : world.hasHost(`${to.name}.${to.namespace}`, to.namespace)
  if (!exists) return report('WEFT0702', item, `${path}.name`, `there is no ${to.kind} ${to.namespace}/${to.name}`)
  const port = numberOf(at(backend, 'port'))
  if (port !== undefined && !portsOf(world, to.namespace, to.name).includes(port))
    report('WEFT0702', item, `${path}.port`, `${to.namespace}/${to.name} does not answer on port ${port}`)
  if (!isPermitted(item, to, world)) report('WEFT0703', item, `${path}.namespace`, `no ReferenceGrant in ${to.namespace} allows it`)
}

/** Ports of a host: those of its Service, and those that every function has. */
function portsOf(world: AnalysedWorld, namespace: string, name: string): readonly number[] {
  const service = world.find('Service', namespace, name)
  const fn = world.find('Function', namespace, name)
  const own = numberOf(at(fn?.spec, 'template', 'port'))
  const ofFunction = fn === undefined ? [] : [80, 8080, ...(own === undefined ? [] : [own])]
  return [...each(at(service?.spec, 'ports'), '').flatMap(([port]) => numberOf(at(port, 'port')) ?? []), ...ofFunction]
}

type Target = ReturnType<typeof target>

/** As the mesh decides it: consumers may send calls to the namespace of their parent. */
function isPermitted(item: Item, to: Target, world: AnalysedWorld): boolean {
  const parents = each(at(item.spec, 'parentRefs'), '').map(([parent]) => target(parent, item, { group: GATEWAY_API, kind: 'Gateway' }))
  const consumer = parents.length > 0 && parents.every(({ kind, namespace }) => kind !== 'Gateway' && namespace === to.namespace)
  return to.namespace === item.namespace || consumer || isGranted(item, to, world)
}

function isGranted(item: Item, to: Target, world: AnalysedWorld): boolean {
  return world
    .all('ReferenceGrant')
    .some(
      (grant) =>
        grant.namespace === to.namespace &&
        each(at(grant.spec, 'from'), '').some(
          ([who]) =>
            at(who, 'group') === item.ref.group && at(who, 'kind') === item.ref.kind && canonicalNamespace(text(at(who, 'namespace'))) === item.namespace,
        ) &&
        each(at(grant.spec, 'to'), '').some(
          ([what]) => (text(at(what, 'group')) ?? '') === to.group && at(what, 'kind') === to.kind && [undefined, to.name].includes(text(at(what, 'name'))),
        ),
    )
}

// -- Gateways ---------------------------------------------------------------------------------------------------------------

/** Classes that the platform has of itself. */
const OWN_CLASSES = ['weft', 'istio']

function checkGateway(item: Item, world: AnalysedWorld, report: Report): void {
  const name = text(at(item.spec, 'gatewayClassName')) ?? ''
  if (!OWN_CLASSES.includes(name) && !world.all('GatewayClass').some((one) => one.name === name))
    report('WEFT0706', item, 'spec.gatewayClassName', `there is no GatewayClass ${name}`)
  for (const [listener, path] of each(at(item.spec, 'listeners'), 'spec.listeners')) {
    for (const [certificate, place] of each(at(listener, 'tls', 'certificateRefs'), `${path}.tls.certificateRefs`))
      checkCertificate(item, { certificate, path: place }, world, report)
  }
}

function checkCertificate(
  item: Item,
  { certificate, path }: { readonly certificate: unknown; readonly path: string },
  world: AnalysedWorld,
  report: Report,
): void {
  const to = target(certificate, item, { group: '', kind: 'Secret' })
  const secret = world.find('Secret', to.namespace, to.name)
  if (secret === undefined || to.kind !== 'Secret') return report('IST0101', item, `${path}.name`, `there is no Secret ${to.namespace}/${to.name}`)
  const { data, stringData } = secret.resource as typeof secret.resource & { readonly data?: unknown; readonly stringData?: unknown }
  const files = { ...textMap(data), ...textMap(stringData) }
  if (!['tls.crt', 'tls.key'].every((file) => Object.hasOwn(files, file)))
    report('IST0161', item, `${path}.name`, `the Secret ${to.name} has no tls.crt and tls.key`)
  if (to.namespace !== item.namespace && !isGranted(item, to, world))
    report('WEFT0703', item, `${path}.namespace`, `no ReferenceGrant in ${to.namespace} allows it`)
}
