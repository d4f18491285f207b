import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import protobuf from 'protobufjs/light.js'
import { findEnvoy } from '../../envoy/binary.ts'
import { bootstrap } from '../../envoy/bootstrap.ts'
import { encodeAny } from '../../proto/codec.ts'
import { ads, any, extension } from '../json.ts'
import { TRUST_SECRET, TYPE_URLS } from '../names.ts'
import type { EnvoyResource, Json } from '../types.ts'
import { testAuthority } from './certificates.ts'
import type { EncodedNode, ResourceMap } from './whole.ts'

/** Resources of a node, as far as Envoy is to look at them. */
export type ValidatedNode = Partial<Omit<EncodedNode, 'secrets'>>

const NONE: ResourceMap = new Map()
/** Envoy writes what it does not like in one line that may be long. */
const MOST_WORDS = 4000

/** What Envoy says of the configurations that were added; all of them are looked at in one run of `envoy --mode validate`. */
export class Validation {
  readonly #listeners = new Versions(TYPE_URLS.listener)
  readonly #clusters = new Versions(TYPE_URLS.cluster)
  readonly #secrets = new Versions(TYPE_URLS.secret)
  readonly #referred = new Set<string>()
  readonly #addresses = new Set<string>()

  /** How many resources there are to look at. */
  get size(): number {
    return this.#listeners.size + this.#clusters.size + this.#secrets.size
  }

  /**
   * Adds a configuration. Envoy validates what is in its bootstrap: what is sent by itself is put where it is used. Endpoints go into their clusters; routes, virtual hosts,
   * scopes and filters into a listener for each, since those that use them go on referring to them by name.
   */
  add(node: ValidatedNode): void {
    for (const { name, json } of values(node.listeners)) this.#listeners.add(name, this.#withOwnAddress(this.#withSecrets(json)))
    for (const { name, json } of values(node.clusters)) this.#clusters.add(name, this.#withSecrets(withEndpoints(json, node.endpoints?.get(name))))
    for (const { name, json } of values(node.credentials)) this.#secrets.add(name, json)
    for (const { name, json } of values(node.routes)) this.#listeners.add(`route ${name}`, listenerOf(name, { route_config: inline(json) }))
    for (const { name, json } of values(node.virtualHosts))
      this.#listeners.add(`virtual host ${name}`, listenerOf(name, { route_config: inline({ name, virtual_hosts: [json] }) }))
    for (const { name, json } of values(node.scopedRoutes)) this.#listeners.add(`scope ${name}`, listenerOf(name, { scoped_routes: scopeOf(json) }))
    for (const { name, json } of values(node.extensions)) this.#listeners.add(`extension ${name}`, listenerOf(name, { route_config: { name } }, [json]))
  }

  /** Envoy fetches no secret while it validates, and falls over clusters that need one: they are in the bootstrap too. */
  #withSecrets(json: Json): Json {
    return withoutSds(json, (name) => this.#referred.add(name)) as Json
  }

  /** Worlds are of different machines and may use the same places. */
  #withOwnAddress(listener: Json): Json {
    const { address } = listener
    const text = JSON.stringify(address)
    if (address === undefined || !this.#addresses.has(text)) {
      this.#addresses.add(text)
      return listener
    }
    this.#addresses.add(`another ${this.#addresses.size}`)
    return { ...listener, address: { pipe: { path: `/another/${this.#addresses.size}` } } }
  }

  #addReferred(directory: string): void {
    const missing = [...this.#referred].filter((name) => !this.#secrets.has(name))
    if (missing.length === 0) return
    const authority = testAuthority(join(directory, 'ca'))
    const { certificate, key } = authority.issue('spiffe://cluster.local/ns/default/sa/any')
    const own = { tls_certificate: { certificate_chain: { inline_string: certificate }, private_key: { inline_string: key } } }
    const roots = { validation_context: { trusted_ca: { inline_string: authority.root } } }
    for (const name of missing) this.#secrets.add(name, { name, ...(name === TRUST_SECRET || name.startsWith('roots/') ? roots : own) })
  }

  /** @returns why Envoy does not take it, in its words; `undefined` when it does */
  async run(): Promise<string | undefined> {
    const directory = await mkdtemp(join(tmpdir(), 'weft-validate-'))
    try {
      this.#addReferred(directory)
      const file = join(directory, 'static.pb')
      await writeFile(file, field(2, Buffer.concat([this.#listeners.as(1), this.#clusters.as(2), this.#secrets.as(3)])))
      const sockets = { xdsSocket: join(directory, 'x'), activatorSocket: join(directory, 'a'), adminSocket: join(directory, 'm') }
      const base = JSON.stringify(bootstrap({ node: 'node-1', maxConnections: 1000, ...sockets }))
      const { path } = await findEnvoy({ env: process.env, progress: () => undefined })
      return await wordsOf(path, ['--mode', 'validate', '-c', file, '--config-yaml', base, '-l', 'error', '--log-format', '%v'])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
}

function wordsOf(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, (error, stdout, stderr) => resolve(error === null ? undefined : `${stderr}${stdout}`.trim().slice(-MOST_WORDS) || error.message))
  })
}

const values = (map: ResourceMap = NONE): Iterable<EnvoyResource> => map.values()

/** A length-delimited field of a protobuf message. */
function field(id: number, bytes: Uint8Array): Uint8Array {
  return protobuf.Writer.create()
    .uint32(id * 8 + 2)
    .bytes(bytes)
    .finish()
}

/** Resources of one type. Those that say the same are one; others of the same name get another, which nobody refers to. */
class Versions {
  readonly #typeUrl: string
  readonly #byContent = new Map<string, Uint8Array>()
  readonly #named = new Map<string, number>()

  constructor(typeUrl: string) {
    this.#typeUrl = typeUrl
  }

  get size(): number {
    return this.#byContent.size
  }

  has(name: string): boolean {
    return this.#named.has(name)
  }

  add(name: string, json: Json): void {
    const content = `${name} ${JSON.stringify(json)}`
    if (this.#byContent.has(content)) return
    const count = (this.#named.get(name) ?? 0) + 1
    this.#named.set(name, count)
    this.#byContent.set(content, encodeAny(this.#typeUrl, { ...json, name: count === 1 ? name : `${name} (${count})` }, name))
  }

  /** As elements of a repeated field. */
  as(id: number): Uint8Array {
    return Buffer.concat([...this.#byContent.values()].map((bytes) => field(id, bytes)))
  }
}

/** A copy in which secrets are named and not fetched. */
function withoutSds(value: unknown, named: (name: string) => void): unknown {
  if (Array.isArray(value)) return value.map((each) => withoutSds(each, named))
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const { sds_config: fetched, ...rest } = value as Json
  if (fetched !== undefined) named(String(rest['name']))
  return Object.fromEntries(Object.entries(rest).map(([name, each]) => [name, withoutSds(each, named)]))
}

function withEndpoints(cluster: Json, endpoints: EnvoyResource | undefined): Json {
  if (cluster['type'] !== 'EDS') return cluster
  const { eds_cluster_config: _eds, ...rest } = cluster
  return { ...rest, type: 'STATIC', load_assignment: endpoints?.json ?? { cluster_name: cluster['name'] } }
}

/** Clusters may come on demand, and virtual hosts: nobody can say in advance that they are missing. */
function inline(routes: Json): Json {
  const { vhds: _vhds, ...rest } = routes
  return { ...rest, validate_clusters: { value: false } }
}

/** Scopes that Envoy is told in its bootstrap have their routes with them. */
function scopeOf({ route_configuration_name: name, ...scope }: Json): Json {
  return {
    name: 'scopes',
    scope_key_builder: { fragments: [{ header_value_extractor: { name: 'x-scope', element_separator: '/', index: 0 } }] },
    rds_config_source: ads(),
    scoped_route_configurations_list: { scoped_route_configurations: [{ ...scope, route_configuration: { name } }] },
  }
}

function listenerOf(name: string, routes: Json, filters: readonly Json[] = []): Json {
  const router = extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router')
  const manager = any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'validated',
    ...routes,
    http_filters: [...filters, router],
  })
  return {
    name,
    internal_listener: {},
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  }
}
