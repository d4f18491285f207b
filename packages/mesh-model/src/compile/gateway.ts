import { failure, warning } from '../read/finding.ts'
import type { CredentialModel, FrontModel, GatewayModel, ServerTlsModel } from '../read/models.ts'
import type { CredentialKey, GatewayCredential, GatewayServer, GatewayTls, MeshGateway, ResourceFinding } from '../snapshot.ts'
import { cacertOf } from '../world/gateways.ts'
import type { World } from '../world/world.ts'

/** A gateway with its Secrets looked up; `undefined` for one that is not ours. */
export function compileGateway(world: World, key: string): { readonly gateway: MeshGateway | undefined; readonly findings: readonly ResourceFinding[] } {
  const model = world.gateways.gateways.get(key)
  if (model?.placement === undefined) return { gateway: undefined, findings: [] }
  const { namespace, name, placement, ref } = model
  const gateway = { key, namespace, name, placement, servers: model.servers.map((server) => serverOf(world, server)), origin: ref }
  return { gateway, findings: credentialFindings(world, model) }
}

function serverOf(world: World, server: GatewayModel['servers'][number]): GatewayServer {
  const { tls, kinds: _kinds, ...rest } = server
  return tls === undefined ? rest : { ...rest, tls: tlsOf(world, tls) }
}

function tlsOf(world: World, { certificate, ...rest }: ServerTlsModel): GatewayTls {
  if (!('secrets' in certificate)) {
    const { roots } = certificate
    const files = { kind: 'files', certificate: certificate.certificate, key: certificate.key } as const
    return { ...rest, certificate: files, ...(rest.clients === 'simple' ? {} : { roots: { kind: 'file', path: roots ?? '' } }) }
  }
  const key = chosen(world, certificate.secrets)
  const others = certificate.secrets.filter((one) => one !== key)
  const source = { kind: 'secret', key, ...(others.length === 0 ? {} : { others }) } as const
  return { ...rest, certificate: source, ...(rest.clients === 'simple' ? {} : { roots: source }) }
}

/** The first of the Secrets that is there; the first one, to be waited for, when none is. */
function chosen(world: World, secrets: readonly CredentialKey[]): CredentialKey {
  return secrets.find((key) => world.credentials.has(key)) ?? secrets[0] ?? ''
}

function credentialFindings(world: World, { ref, servers }: GatewayModel): readonly ResourceFinding[] {
  return servers.flatMap(({ name, tls }): readonly ResourceFinding[] => {
    if (tls === undefined || !('secrets' in tls.certificate)) return []
    const { secrets } = tls.certificate
    if (secrets.length === 0) return [failure(ref, 'CredentialInvalid', `the certificate of ${name} may not be used; no TLS connection to it is accepted`)]
    const key = chosen(world, secrets)
    const credential = credentialOf(world, key)
    const outcome = `the server ${name} accepts no TLS connection until it is there, unless it goes on with what it had before`
    if (credential === undefined) return [failure(ref, 'CredentialNotFound', `there is no Secret ${secrets.join(' or ')} with a certificate; ${outcome}`)]
    if (credential.certificate === undefined)
      return [failure(ref, 'CredentialInvalid', `the Secret ${key} has no tls.crt and tls.key (or cert and key); ${outcome}`)]
    if (tls.clients !== 'simple' && credential.roots === undefined)
      return [failure(ref, 'CredentialInvalid', `neither the Secret ${key} nor ${cacertOf(key)} has a ca.crt to check client certificates by; ${outcome}`)]
    return []
  })
}

/** A Secret as gateways use it, with the roots of the Secret `NAME-cacert` where there is one. */
export function credentialOf(world: World, key: CredentialKey): GatewayCredential | undefined {
  const own: CredentialModel | undefined = world.credentials.get(key)
  const roots = world.credentials.get(cacertOf(key))?.roots ?? own?.roots
  if (own === undefined) return undefined
  return { key, ...(own.certificate === undefined ? {} : { certificate: own.certificate }), ...(roots === undefined ? {} : { roots }) }
}

/** What keeps routes from gateways that they name. */
export function frontFindings(world: World, front: FrontModel): readonly ResourceFinding[] {
  const keys = [...new Set(front.bindings.map(({ gateway }) => gateway))]
  return keys.flatMap((key) => {
    const gateway = world.gateways.gateways.get(key)
    if (gateway === undefined) return [warning(front.ref, 'GatewayNotFound', `there is no Gateway ${key}; the routes have no effect there`)]
    if (gateway.placement === undefined || front.names.length === 0 || world.gateways.namesOf(front, gateway).size > 0) return []
    return [
      warning(front.ref, 'HostNotServed', `no server of the Gateway ${key} has one of the hosts ${front.names.join(', ')}; the routes have no effect there`),
    ]
  })
}
