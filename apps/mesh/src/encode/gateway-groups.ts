import {
  listenerKey,
  listenerOfKey,
  type ChainKey,
  type GatewayHostKey,
  type GatewayTls,
  type ListenerChain,
  type ListenerKey,
  type MeshHost,
  type MeshSnapshot,
  type MeshTcpRoute,
  type MeshWorkload,
  type RouteTarget,
} from '@weft/mesh-model'
import { carriesConnections, connectionChains } from './gateway-connections.ts'
import { connectionFilters } from './connections.ts'
import { encodeChain, encodeGatewayHost, encodeGatewayListener, type ListenerParts } from './gateways.ts'
import { GATEWAY_CALLER, routeContext } from './legs.ts'
import { needOutside, type Making } from './outside.ts'
import { encodeCredentials, tlsProblem } from './server-tls.ts'
import type { EncodeInput, Json, NodeLayout } from './types.ts'
import { bundle } from './units.ts'

/** What a group of a gateway is made with. */
export interface GatewayTools extends Making {
  readonly input: EncodeInput
  targets(host: Pick<MeshHost, 'routes'>): readonly MeshWorkload[]
  /** Wants the clusters to where calls of the ingress to a host go. */
  reach(host: Pick<MeshHost, 'routes'>, targets: readonly MeshWorkload[]): void
}

/** Groups of everything that gateways have, and of the names on the platform's own ports. */
export function gatewayGroups({ ingress }: NodeLayout, { listeners, chainNames, gatewayHosts }: MeshSnapshot): readonly string[] {
  if (ingress === undefined) return []
  const own = [ingress.port, ...(ingress.tls === undefined ? [] : [ingress.tls.port])].map((port) => listenerKey('ingress', port))
  return [
    ...[...listeners.keys(), ...own].map((key) => `listener/${key}`),
    ...[...chainNames.keys(), ...own].map((key) => `chain/${key}`),
    ...[...gatewayHosts.keys()].map((key) => `gateway-host/${key}`),
  ]
}

/** Makes one group: `listener/KEY`, `chain/KEY` or `gateway-host/KEY`. Others are names that groups look at, and have nothing. */
export function runGatewayGroup(kind: string, key: string, tools: GatewayTools): void {
  if (kind === 'listener') gatewayListener(key, tools)
  else if (kind === 'chain') namesOfChain(key, tools)
  else if (kind === 'gateway-host') gatewayHost(key, tools)
}

/** The platform's own TLS: what Istio's gateways do where nobody says otherwise. */
const PLATFORM_TLS = { clients: 'simple', subjectAltNames: [], minVersion: '1.2', maxVersion: '1.3', cipherSuites: [] } as const

function gatewayListener(key: ListenerKey, tools: GatewayTools): void {
  const { ingress } = tools.layout
  const listener = tools.input.snapshot.listeners.get(key)
  if (ingress === undefined || key === listenerKey('ingress', ingress.port) || (listener !== undefined && listener.placement !== 'ingress')) return
  const platform = platformTls(key, tools.layout)
  if (listener === undefined && platform === undefined) return
  const chains = listener?.chains ?? []
  const usable = (tls: GatewayTls): boolean => {
    lookAtCredentials(tls, tools)
    const secrets = encodeCredentials(tls, tools.input)
    if (tlsProblem(tls, tools.input) !== undefined) return false
    for (const secret of secrets) tools.put(`secret/${secret.name}`, [JSON.stringify(secret.json)], () => bundle([secret]))
    return true
  }
  const good = new Set(chains.filter(({ tls }) => tls !== undefined && usable(tls)))
  const own = platform !== undefined && usable(platform.tls) ? platform : undefined
  const port = listener?.port ?? ingress.tls?.port ?? 0
  const connections = connectionsOf(chains, tools)
  tools.put(`listener/${key}`, [listener, chains.map((chain) => good.has(chain)).join(), own?.chain, JSON.stringify([...connections.values()])], () => {
    const parts = {
      layout: tools.layout,
      address: key === listenerKey('ingress', ingress.tls?.port ?? 0) ? (ingress.tls?.address ?? ingress.address) : ingress.address,
      direct: tools.input.snapshot.path === 'direct',
      usable: (chain: ListenerChain) => good.has(chain),
      connections: (chain: ListenerChain) => connections.get(chain.key) ?? [],
    }
    const encoded = encodeGatewayListener({ key, port, chains }, { ...parts, ...(own === undefined ? {} : { platform: own }) })
    return bundle(encoded === undefined ? [] : [encoded])
  })
}

/** What groups look at whose listeners carry anything but HTTP: which routes there are. */
export const CONNECTION_ROUTES = 'connection-routes'

function connectionsOf(chains: readonly ListenerChain[], tools: GatewayTools): ReadonlyMap<ChainKey, readonly Json[]> {
  const raw = chains.filter(carriesConnections)
  if (raw.length === 0) return new Map()
  tools.lookAt(CONNECTION_ROUTES)
  const taken = new Set(chains.filter((chain) => !raw.includes(chain)).flatMap(({ serverNames }) => serverNames))
  const leg = (target: Pick<RouteTarget, 'workload'>) => tools.connect(GATEWAY_CALLER, target)
  // Names with a star come after those that are whole: the more specific has the name.
  const hosts = [...tools.input.snapshot.gatewayHosts.values()].toSorted((a, b) => Number(a.domain.startsWith('*')) - Number(b.domain.startsWith('*')))
  return new Map(
    raw.map((chain) => [
      chain.key,
      connectionChains(
        chain,
        hosts.filter((host) => host.chain === chain.key),
        { leg, outside: (route, domain) => outsideFilters(tools, chain, route, domain), taken },
      ),
    ]),
  )
}

// oxlint-disable-next-line max-params -- which route of which name of which chain
function outsideFilters(tools: GatewayTools, chain: ListenerChain, { targets, origin }: MeshTcpRoute, domain: string): readonly Json[] {
  const place = { host: domain, port: listenerOfKey(chain.key)?.port ?? 0 }
  return connectionFilters(tools, GATEWAY_CALLER, { place, targets, namespace: origin.namespace ?? '' })
}

/** TLS of the platform itself, where this is its port. */
function platformTls(key: ListenerKey, layout: NodeLayout): ListenerParts['platform'] {
  const { tls } = layout.ingress ?? {}
  if (tls?.certificate === undefined || key !== listenerKey('ingress', tls.port)) return undefined
  return { chain: key, tls: { ...PLATFORM_TLS, certificate: { kind: 'files', ...tls.certificate } } }
}

function lookAtCredentials({ certificate, roots }: GatewayTls, tools: GatewayTools): void {
  for (const source of [certificate, roots]) {
    if (source?.kind === 'secret') tools.lookAt(`credential/${source.key}`)
    else if (source?.kind === 'file') tools.lookAt(`file/${source.path}`)
    else if (source?.kind === 'files') for (const path of [source.certificate, source.key]) tools.lookAt(`file/${path}`)
  }
}

function namesOfChain(key: ChainKey, tools: GatewayTools): void {
  const { ingress } = tools.layout
  if (ingress === undefined) return
  const [listener = ''] = key.split('/')
  const own = [ingress.port, ingress.tls?.port].map((port) => port !== undefined && listener === listenerKey('ingress', port))
  const names = tools.input.snapshot.chainNames.get(key) ?? (own.includes(true) ? { key, domains: [], elsewhere: [], claimed: [] } : undefined)
  if (names === undefined) return
  const place = {
    platform: own.includes(true) && (key === listener || names.domains.includes('*')),
    secure: key !== listener || own[1] === true,
    known: [ingress.address],
  }
  tools.put(`chain/${key}`, [names], () => bundle(encodeChain(names, place)))
}

function gatewayHost(key: GatewayHostKey, tools: GatewayTools): void {
  const host = tools.input.snapshot.gatewayHosts.get(key)
  // Where connections go is part of their listener, and names of the egress gateway are part of its workload.
  if (host === undefined || host.tcp !== undefined || tools.layout.ingress === undefined || listenerOfKey(host.chain)?.placement !== 'ingress') return
  const targets = tools.targets(host)
  const { port } = tools.layout.ingress
  const outside = needOutside(tools, GATEWAY_CALLER, host.routes, port)
  tools.put(`gateway-host/${key}`, [host, ...targets, ...outside], () =>
    bundle(encodeGatewayHost(host, routeContext(tools.input, tools.layout, GATEWAY_CALLER, port))),
  )
  tools.reach(host, targets)
}
