import { canonicalNamespace, DEFAULT_NAMESPACE, SYSTEM_NAMESPACE } from '@weft/core'
import { gatewayPlacement, PROTOCOL_ANNOTATION } from '@weft/api'
import { EGRESS_ACCOUNT, egressLabels, isEgressHost } from '../egress.ts'
import { hostKeyOf } from '../read/names.ts'
import { WORKLOAD_PORT } from '../read/workload-port.ts'
import { at, each, text, textMap, type Item } from './item.ts'

/** A version of a function, or a function whose versions are not known. */
export interface AnalysedWorkload {
  readonly namespace: string
  readonly function: string
  readonly labels: Readonly<Record<string, string>>
  /** Labels of which any value may be there: the function's versions are made when it is deployed. */
  readonly open: ReadonlySet<string>
  /** The port of what speaks raw TCP; `undefined` for what speaks HTTP. */
  readonly tcpPort: number | undefined
  /** Set: it is the egress gateway, which has these ports. */
  readonly gatewayPorts?: readonly number[]
}

const VERSION_LABELS: ReadonlySet<string> = new Set(['version', 'weft.dev/revision'])

/** What the documents say together, by what checks ask for. */
export class AnalysedWorld {
  readonly items: readonly Item[]
  readonly trustDomain: string
  readonly workloads: readonly AnalysedWorkload[]
  /** Of Gateways that select the egress gateway. */
  readonly egressPorts: readonly number[]
  readonly #byKind: ReadonlyMap<string, readonly Item[]>
  readonly #hosts: ReadonlySet<string>
  readonly #outside: readonly string[]

  constructor(items: readonly Item[], trustDomain: string) {
    this.items = items
    this.trustDomain = trustDomain
    this.#byKind = Map.groupBy(items, (item) => item.resource.kind)
    this.egressPorts = this.all('Gateway', 'networking.istio.io').flatMap(egressPortsOf)
    this.workloads = [...this.all('Function').flatMap((fn) => this.#workloadsOf(fn)), ...egressGateways(this.egressPorts)]
    this.#hosts = new Set([...this.all('Function'), ...this.all('Service')].map(({ namespace, name }) => `${namespace}/${name}`))
    this.#outside = this.all('ServiceEntry').flatMap((entry) => each(at(entry.spec, 'hosts'), '').flatMap(([host]) => text(host) ?? []))
  }

  /** Those of a kind; where two groups have one of that name, `group` says which. */
  all(kind: string, group?: string): readonly Item[] {
    const all = this.#byKind.get(kind) ?? []
    return group === undefined ? all : all.filter(({ ref }) => ref.group === group)
  }

  // oxlint-disable-next-line max-params -- a reference in its parts
  find(kind: string, namespace: string, name: string, group?: string): Item | undefined {
    return this.all(kind, group).find((item) => item.namespace === namespace && item.name === name)
  }

  revisionsOf(fn: Item): readonly Item[] {
    return this.all('Revision').filter((one) => one.namespace === fn.namespace && at(one.spec, 'function') === fn.name)
  }

  #workloadsOf(fn: Item): readonly AnalysedWorkload[] {
    const base = { namespace: fn.namespace, function: fn.name }
    const own = { app: fn.name, ...textMap(at(fn.spec, 'template', 'labels')), 'weft.dev/function': fn.name }
    const revisions = this.revisionsOf(fn).map((revision): AnalysedWorkload => {
      const short = text(at(revision.spec, 'revision')) ?? ''
      const labels = {
        app: fn.name,
        version: short,
        ...textMap(at(revision.spec, 'template', 'labels')),
        'weft.dev/function': fn.name,
        'weft.dev/revision': short,
      }
      return { ...base, labels, open: new Set(), tcpPort: tcpPortOf(at(revision.spec, 'template')) }
    })
    // What is not deployed yet gets a version that nobody knows; one that its author names has that version.
    const open = new Set([...VERSION_LABELS].filter((label) => !Object.hasOwn(own, label)))
    return revisions.length > 0 ? revisions : [{ ...base, labels: own, open, tcpPort: tcpPortOf(at(fn.spec, 'template')) }]
  }

  /** Workloads of a namespace (of all for `undefined`) that have all of these labels. */
  selected(namespace: string | undefined, selector: Readonly<Record<string, string>>): readonly AnalysedWorkload[] {
    return this.workloads.filter((one) => (namespace === undefined || one.namespace === namespace) && matches(one, selector))
  }

  /** Where a policy holds: its own namespace, or the whole mesh. */
  scopeOf(policy: Item): string | undefined {
    return policy.namespace === SYSTEM_NAMESPACE ? undefined : policy.namespace
  }

  /** What a policy selects. */
  covered(policy: Item): readonly AnalysedWorkload[] {
    return this.selected(this.scopeOf(policy), selectorOf(policy))
  }

  /** The workloads behind a host. */
  behind(host: string): readonly AnalysedWorkload[] {
    const [namespace = '', name = ''] = host.split('/')
    const service = this.find('Service', namespace, name)
    const selected = service === undefined ? [] : this.selected(namespace, textMap(at(service.spec, 'selector')))
    return selected.length > 0 ? selected : this.workloads.filter((one) => one.namespace === namespace && one.function === name)
  }

  /** `namespace/name` of a host as a resource of that namespace writes it; `undefined` for what is no name of the mesh. */
  hostOf(name: string, namespace: string): string | undefined {
    return hostKeyOf(name, namespace)
  }

  /** Whether calls to that name can go somewhere. */
  hasHost(name: string, namespace: string): boolean {
    const key = hostKeyOf(name, namespace)
    if (key !== undefined && isEgressHost(key)) return this.egressPorts.length > 0
    return (key !== undefined && this.#hosts.has(key)) || this.#outside.some((host) => hostFits(host, name))
  }

  /** Whether the namespace is there: what nobody declares is unknown only where somebody declares some. */
  hasNamespace(written: string): boolean {
    const name = canonicalNamespace(written)
    const declared = this.all('Namespace').map((item) => item.name)
    return name === DEFAULT_NAMESPACE || name === SYSTEM_NAMESPACE || declared.includes(name) || this.workloads.some((one) => one.namespace === name)
  }
}

function egressPortsOf(gateway: Item): readonly number[] {
  if (gatewayPlacement(textMap(at(gateway.spec, 'selector'))) !== 'egress') return []
  return each(at(gateway.spec, 'servers'), '').flatMap(([server]) => {
    const port = at(server, 'port', 'number')
    return typeof port === 'number' ? [port] : []
  })
}

/** As policies select it; nothing where no Gateway wants it. */
function egressGateways(gatewayPorts: readonly number[]): readonly AnalysedWorkload[] {
  if (gatewayPorts.length === 0) return []
  const base = { namespace: SYSTEM_NAMESPACE, function: EGRESS_ACCOUNT, open: new Set<string>(), tcpPort: undefined, gatewayPorts }
  return egressLabels().map((labels) => ({ ...base, labels }))
}

function tcpPortOf(template: unknown): number | undefined {
  const protocol = text(at(template, 'protocol')) ?? textMap(at(template, 'annotations'))[PROTOCOL_ANNOTATION]
  const port = at(template, 'port')
  return protocol === 'tcp' ? (typeof port === 'number' ? port : WORKLOAD_PORT) : undefined
}

/** The labels that a policy selects by. */
export function selectorOf(policy: Item): Readonly<Record<string, string>> {
  return textMap(at(policy.spec, 'selector', 'matchLabels'))
}

/** Whether a workload has, or may have, all of these labels. */
export function matches({ labels, open }: AnalysedWorkload, selector: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => open.has(key) || labels[key] === value)
}

/** Whether a host, which may begin with `*`, stands for a name. */
export function hostFits(host: string, name: string): boolean {
  const [bare = ''] = host.split('/').slice(-1)
  return bare === '*' || bare === name || (bare.startsWith('*.') && name.endsWith(bare.slice(1)))
}
