import { gatewayPlacement, GatewaySpec, placementProblem, type GatewayServer as WrittenServer, type ServerTls } from '@weft/api'
import { canonicalNamespace, SYSTEM_NAMESPACE, type Resource } from '@weft/core'
import type { ServerProtocol, TlsVersion } from '../snapshot.ts'
import { baseOf, field, refusals, versionProblem } from './base.ts'
import { checker } from './check.ts'
import type { Read } from './core-kinds.ts'
import { failure, warning } from './finding.ts'
import type { CredentialModel, GatewayModel, Model, ServerModel, ServerTlsModel } from './models.ts'

const checkGateway = checker(GatewaySpec)

/** Reads a Gateway. One that is not understood serves nothing. */
export function readGateway(resource: Resource): Read<GatewayModel> {
  const base = baseOf(resource)
  const version = versionProblem(resource)
  const checked = checkGateway(resource.spec)
  const problems = [...(version === undefined ? [] : [failure(base.ref, 'InvalidResource', version)]), ...(checked.ok ? [] : refusals(base.ref, checked))]
  if (!checked.ok || problems.length > 0) return { model: { ...base, findings: problems, placement: undefined, servers: [] } }
  const { selector = {}, servers } = checked.value
  const placement = gatewayPlacement(selector)
  const misplaced = servers.flatMap(({ port, tls }) => {
    const problem = placementProblem(placement, tls?.mode)
    return problem === undefined ? [] : [{ name: port.name, finding: failure(base.ref, 'InvalidResource', `the server ${port.name} is left out: ${problem}`) }]
  })
  const good = servers.filter(({ port }) => !misplaced.some(({ name }) => name === port.name))
  const findings = [...(placement === undefined ? [notOurs(base, selector)] : []), ...misplaced.map(({ finding }) => finding)]
  return { model: { ...base, findings, placement, servers: good.map((server) => readServer(server, base)) } }
}

function notOurs({ ref }: Model, selector: Readonly<Record<string, string>>) {
  const text = Object.entries(selector).map((pair) => pair.join(': '))
  return warning(ref, 'GatewayNotOurs', `no gateway of the platform has the labels ${text.join(', ')}; use istio: ingressgateway or istio: egressgateway`)
}

const PROTOCOLS: Readonly<Record<WrittenServer['port']['protocol'], ServerProtocol>> = {
  HTTP: 'http',
  HTTP2: 'http',
  GRPC: 'http',
  'GRPC-WEB': 'http',
  HTTPS: 'https',
  TLS: 'tls',
  TCP: 'tcp',
  http: 'http',
  http2: 'http',
  grpc: 'http',
  'grpc-web': 'http',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
}

function readServer({ port, hosts, tls }: WrittenServer, base: Model): ServerModel {
  // To the egress gateway every call comes by the mesh's own TLS: what is left is what it carries.
  const meshTls = tls?.mode === 'ISTIO_MUTUAL'
  const ends = tls?.mode !== undefined && tls.mode !== 'PASSTHROUGH' && !meshTls
  return {
    name: port.name,
    port: port.number,
    protocol: protocolOf(port.protocol, tls?.mode),
    hosts: hosts.map((host) => readHost(host, base.namespace)),
    ...(ends ? { tls: readTls(tls, base.namespace) } : {}),
    httpsRedirect: tls?.httpsRedirect ?? false,
  }
}

/** HTTP that is encrypted all the way is TLS here. */
function protocolOf(written: WrittenServer['port']['protocol'], mode: ServerTls['mode']): ServerProtocol {
  const protocol = PROTOCOLS[written]
  if (mode === 'ISTIO_MUTUAL') return protocol === 'https' ? 'http' : 'tcp'
  return protocol === 'https' && mode === 'PASSTHROUGH' ? 'tls' : protocol
}

function readHost(text: string, namespace: string): ServerModel['hosts'][number] {
  const slash = text.indexOf('/')
  const space = slash < 0 ? '*' : text.slice(0, slash)
  return { namespace: space === '*' ? '*' : space === '.' ? namespace : canonicalNamespace(space), name: text.slice(slash + 1).toLowerCase() }
}

const CLIENTS = { SIMPLE: 'simple', OPTIONAL_MUTUAL: 'optional', MUTUAL: 'mutual', PASSTHROUGH: 'simple', ISTIO_MUTUAL: 'mutual' } as const
const VERSIONS: Readonly<Record<string, TlsVersion>> = { TLSV1_0: '1.0', TLSV1_1: '1.1', TLSV1_2: '1.2', TLSV1_3: '1.3' }

function readTls(tls: ServerTls, namespace: string): ServerTlsModel {
  const { credentialName, serverCertificate = '', privateKey = '', caCertificates } = tls
  return {
    clients: CLIENTS[tls.mode ?? 'SIMPLE'],
    certificate:
      credentialName === undefined
        ? { certificate: serverCertificate, key: privateKey, ...(caCertificates === undefined ? {} : { roots: caCertificates }) }
        : { secrets: credentialKeys(namespace, credentialName) },
    subjectAltNames: tls.subjectAltNames ?? [],
    minVersion: VERSIONS[tls.minProtocolVersion ?? ''] ?? '1.2',
    maxVersion: VERSIONS[tls.maxProtocolVersion ?? ''] ?? '1.3',
    cipherSuites: [...new Set(tls.cipherSuites)],
  }
}

/** Where the Secret of a gateway is looked for: beside the Gateway, then where the platform's own gateways run (Istio's place for it). */
export function credentialKeys(namespace: string, name: string): readonly string[] {
  return [...new Set([`${namespace}/${name}`, `${SYSTEM_NAMESPACE}/${name}`])]
}

/** Reads what a Secret has for gateways: most have nothing, and are not kept. */
export function readCredential(resource: Resource): Read<CredentialModel> {
  const data = field(resource, 'data')
  const file = (name: string): string | undefined => {
    const value = field(data, name)
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const chain = file('tls.crt') ?? file('cert')
  const privateKey = file('tls.key') ?? file('key')
  const roots = file('ca.crt') ?? file('cacert')
  const revoked = file('ca.crl') ?? file('crl')
  if (chain === undefined && roots === undefined) return { findings: [] }
  return {
    model: {
      ...baseOf(resource),
      ...(chain === undefined || privateKey === undefined ? {} : { certificate: { chain, privateKey } }),
      ...(roots === undefined ? {} : { roots: { certificates: roots, ...(revoked === undefined ? {} : { revoked }) } }),
    },
  }
}
