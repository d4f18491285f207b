import { OPENFAAS_NAMESPACE_ALIAS, SYSTEM_NAMESPACE } from '@weft/core'
import { declaredKind } from '../read/port-protocol.ts'
import { at, each, text, textMap, texts, type Item, type Report } from './item.ts'
import type { AnalysedWorkload, AnalysedWorld } from './world.ts'

/** Checks Functions, Services, ServiceAccounts, Namespaces, and annotations everywhere. */
export function checkHosts(world: AnalysedWorld, report: Report): void {
  for (const item of world.all('Function')) checkFunction(item, world, report)
  for (const item of world.all('Service')) checkService(item, world, report)
  for (const item of world.all('ServiceAccount')) checkGrants(item, world, report)
  for (const item of world.all('Namespace')) if (item.name === OPENFAAS_NAMESPACE_ALIAS) report('WEFT0309', item, 'metadata.name', `${item.name} means default`)
  checkSharedPorts(world, report)
  for (const item of world.items) {
    checkAnnotations(item, report)
    checkNamespace(item, world, report)
  }
}

const GRANT = 'weft.dev/granted-to'
const grantsOf = (item: Item | undefined) =>
  (item?.resource.metadata.annotations?.[GRANT] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

function checkFunction(item: Item, world: AnalysedWorld, report: Report): void {
  const template = at(item.spec, 'template')
  const account = text(at(template, 'serviceAccount'))
  if (account !== undefined && account !== item.name && !grantsOf(world.find('ServiceAccount', item.namespace, account)).includes(item.name))
    report('WEFT0303', item, 'spec.template.serviceAccount', `${account} is not granted to ${item.name}`)
  for (const [secret, path] of texts(at(template, 'secrets'), 'spec.template.secrets')) {
    if (world.find('Secret', item.namespace, secret) === undefined) report('WEFT0305', item, path, `there is no Secret ${secret} in ${item.namespace}`)
  }
  const known = new Set([...world.revisionsOf(item).map((revision) => at(revision.spec, 'revision')), at(template, 'revision')])
  if (world.revisionsOf(item).length === 0) return
  for (const list of ['traffic', 'matches'] as const) {
    for (const [share, path] of each(at(item.spec, list), `spec.${list}`)) {
      const revision = text(at(share, 'revision'))
      if (revision !== undefined && !known.has(revision)) report('WEFT0306', item, `${path}.revision`, `there is no revision ${revision}`)
    }
  }
}

/** https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/ */
const HTTP = /^(http|http2|grpc|grpc-web)(-|$)/
const OTHER = /^(https|tls|tcp|udp|mongo|mysql|redis)(-|$)/

function checkService(item: Item, world: AnalysedWorld, report: Report): void {
  const selected = world.selected(item.namespace, textMap(at(item.spec, 'selector')))
  const fn = world.find('Function', item.namespace, item.name)
  if (selected.length === 0) report('WEFT0301', item, 'spec.selector', 'no function has these labels')
  else if (fn !== undefined && selected.some((workload) => workload.function !== fn.name))
    report('WEFT0302', item, 'metadata.name', `the function ${fn.name} has this name too`)
  for (const [port, path] of each(at(item.spec, 'ports'), 'spec.ports')) checkPort(item, port, { path, selected, report })
}

interface PortPlace {
  readonly path: string
  readonly selected: readonly AnalysedWorkload[]
  readonly report: Report
}

function checkPort(item: Item, port: unknown, { path, selected, report }: PortPlace): void {
  const name = text(at(port, 'name'))
  const protocol = text(at(port, 'appProtocol'))
  const kind = declaredKind({ ...(name === undefined ? {} : { name }), ...(protocol === undefined ? {} : { appProtocol: protocol }) })
  const isTcp = selected.length > 0 && selected.every(({ tcpPort }) => tcpPort !== undefined)
  const said = protocol ?? name ?? 'it'
  if (kind === 'udp' || (kind === 'tls' && !isTcp)) report('WEFT0308', item, path, `${said} does not carry HTTP`)
  else if (isTcp ? kind === 'http' : kind === 'tcp' && selected.length > 0)
    report('WEFT0310', item, path, `${said}: its functions speak ${isTcp ? 'raw TCP' : 'HTTP'}`)
  else if (protocol === undefined && name !== undefined && kind === undefined && item.namespace !== SYSTEM_NAMESPACE)
    report('IST0118', item, `${path}.name`, `${name} tells no protocol`)
}

/** The protocol that a port means. */
function protocolOf(port: unknown): string {
  const name = text(at(port, 'appProtocol')) ?? text(at(port, 'name'))?.split('-')[0] ?? 'http'
  return HTTP.test(name) || OTHER.test(name) ? name : 'http'
}

function checkSharedPorts(world: AnalysedWorld, report: Report): void {
  const services = world.all('Service').map((item) => ({ item, selected: new Set(world.selected(item.namespace, textMap(at(item.spec, 'selector')))) }))
  services.forEach(({ item, selected }, index) => {
    for (const { item: other, selected: theirs } of services.slice(0, index)) {
      if (selected.isDisjointFrom(theirs)) continue
      for (const [port, path] of each(at(item.spec, 'ports'), 'spec.ports')) {
        const clash = each(at(other.spec, 'ports'), '').some(([one]) => at(one, 'port') === at(port, 'port') && protocolOf(one) !== protocolOf(port))
        if (clash) report('IST0116', item, path, `the Service ${other.name} has this port with another protocol`)
      }
    }
  })
}

function checkGrants(item: Item, world: AnalysedWorld, report: Report): void {
  for (const name of grantsOf(item)) {
    if (world.find('Function', item.namespace, name) === undefined) report('WEFT0304', item, `metadata.annotations["${GRANT}"]`, `there is no function ${name}`)
  }
}

const whole = (value: string) => (/^\d{1,4}$/.test(value) ? undefined : 'it is not a whole number')
const yesOrNo = (value: string) => (/^(true|false)$/.test(value) ? undefined : 'it is neither "true" nor "false"')
const anything = () => undefined

/** Annotations that mean something: where, and which values. */
const ANNOTATIONS: Readonly<Record<string, { readonly kinds: readonly string[]; readonly problem: (value: string) => string | undefined }>> = {
  [GRANT]: { kinds: ['ServiceAccount'], problem: (value) => (/^[a-z0-9, -]*$/.test(value) ? undefined : 'it is no list of names') },
  'weft.dev/applied-fields': { kinds: [], problem: anything },
  'weft.dev/scaled-at': { kinds: [], problem: anything },
  // Their values are checked at the door.
  'weft.dev/visibility': { kinds: ['Function'], problem: anything },
  'weft.dev/ingress-authentication': { kinds: ['Function'], problem: anything },
  'weft.dev/rate-limit': { kinds: ['Function'], problem: anything },
  'weft.dev/rate-limit-per-caller': { kinds: ['Function'], problem: anything },
  'weft.dev/rate-limit-per-header': { kinds: ['Function'], problem: anything },
  'weft.dev/streams': { kinds: ['Function'], problem: anything },
  'istio.io/dry-run': { kinds: ['AuthorizationPolicy'], problem: yesOrNo },
  'com.openfaas.scale.min': { kinds: ['Function', 'Revision'], problem: whole },
  'com.openfaas.scale.max': { kinds: ['Function', 'Revision'], problem: whole },
  'com.openfaas.scale.zero': { kinds: ['Function', 'Revision'], problem: yesOrNo },
}

function checkAnnotations(item: Item, report: Report): void {
  for (const [name, value] of Object.entries(textMap(item.resource.metadata.annotations))) {
    const place = `metadata.annotations["${name}"]`
    const known = Object.hasOwn(ANNOTATIONS, name) ? ANNOTATIONS[name] : undefined
    if (known === undefined) {
      if (/^([a-z]+\.)*(weft\.dev|istio\.io)\//.test(name)) report('IST0108', item, place, `nothing reads ${name}`)
      continue
    }
    const problem = known.problem(value)
    if (known.kinds.length > 0 && !known.kinds.includes(item.ref.kind)) report('IST0107', item, place, `${name} is for ${known.kinds.join(' and ')}`)
    else if (problem !== undefined) report('IST0125', item, place, `${name}: ${problem}`)
  }
}

function checkNamespace(item: Item, world: AnalysedWorld, report: Report): void {
  if (item.ref.kind === 'Namespace' || item.namespace === SYSTEM_NAMESPACE) return
  const declared = world.all('Namespace')
  if (item.namespace !== 'default' && declared.length > 0 && !declared.some(({ name }) => name === item.namespace))
    report('WEFT0307', item, 'metadata.namespace', `there is no namespace ${item.namespace}`)
}
