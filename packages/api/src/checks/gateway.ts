import { isDnsLabel } from '@weft/core'
import type { GatewayServer, GatewaySpec, ServerTls } from '../istio/gateway.ts'
import { gatewayPlacement, placementProblem } from '../istio/gateway-placement.ts'
import { child, shown, type Violation } from '../violation.ts'
import { duplicates } from './function.ts'
import { checkLabels, isHostPattern } from './metadata.ts'

/** What the schema of a Gateway cannot say. */
export function checkGateway(spec: GatewaySpec): readonly Violation[] {
  const placement = gatewayPlacement(spec.selector ?? {})
  return [
    ...checkLabels(spec.selector ?? {}, 'spec.selector'),
    ...duplicates(
      spec.servers.map(({ port }) => port.name),
      'spec.servers',
    ),
    ...spec.servers.flatMap((server, index) => [
      ...checkServer(server, child('spec.servers', index)),
      ...placed(placementProblem(placement, server.tls?.mode), child('spec.servers', index)),
    ]),
  ]
}

function placed(reason: string | undefined, path: string): readonly Violation[] {
  return reason === undefined ? [] : [{ field: `${path}.tls.mode`, reason }]
}

function checkServer(server: GatewayServer, path: string): readonly Violation[] {
  const { hosts, port, tls } = server
  const protocol = port.protocol.toUpperCase()
  const secure = protocol === 'HTTPS' || protocol === 'TLS'
  return [
    ...hosts.flatMap((host, index) => checkServerHost(host, child(`${path}.hosts`, index))),
    ...duplicates(hosts, `${path}.hosts`),
    ...(secure && tls?.mode === undefined ? [{ field: `${path}.tls`, reason: `a server of protocol ${port.protocol} needs a tls.mode` }] : []),
    ...(!secure && tls?.mode !== undefined && protocol !== 'TCP'
      ? [{ field: `${path}.tls.mode`, reason: `has no effect with protocol ${port.protocol}; use HTTPS` }]
      : []),
    ...(secure && tls?.httpsRedirect === true ? [{ field: `${path}.tls.httpsRedirect`, reason: 'is for a server of protocol HTTP' }] : []),
    ...(tls === undefined ? [] : checkTls(tls, `${path}.tls`)),
  ]
}

/** `[NAMESPACE/]NAME`; the namespace may be `*` or `.`. */
function checkServerHost(text: string, field: string): readonly Violation[] {
  const slash = text.indexOf('/')
  const namespace = slash < 0 ? '*' : text.slice(0, slash)
  const good = (namespace === '*' || namespace === '.' || isDnsLabel(namespace)) && isHostPattern(text.slice(slash + 1))
  return good ? [] : [{ field, reason: `must be [NAMESPACE/]NAME with a NAME such as *, *.example.com or shop.example.com, and is ${shown(text)}` }]
}

const RANK = ['TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']

function checkTls(tls: ServerTls, path: string): readonly Violation[] {
  const { mode, credentialName, serverCertificate, privateKey, caCertificates, subjectAltNames } = tls
  const files = serverCertificate !== undefined || privateKey !== undefined || caCertificates !== undefined
  const mutual = mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL'
  const [min, max] = [tls.minProtocolVersion, tls.maxProtocolVersion].map((text) => RANK.indexOf(text ?? ''))
  const problem = (name: string, reason: string): Violation => ({ field: child(path, name), reason })
  return [
    ...(credentialName !== undefined && files ? [problem('credentialName', 'stands beside files; only one of both can hold')] : []),
    ...((mode === 'SIMPLE' || mutual) && credentialName === undefined && (serverCertificate === undefined || privateKey === undefined)
      ? [problem('mode', `${mode} needs credentialName, or serverCertificate and privateKey`)]
      : []),
    ...(mutual && credentialName === undefined && caCertificates === undefined ? [problem('caCertificates', `is needed for ${mode}`)] : []),
    ...(!mutual && subjectAltNames !== undefined ? [problem('subjectAltNames', 'are of clients; they need MUTUAL or OPTIONAL_MUTUAL')] : []),
    ...(min !== undefined && max !== undefined && min >= 0 && max >= 0 && min > max ? [problem('minProtocolVersion', 'is above maxProtocolVersion')] : []),
  ]
}
