import { FunctionIngressSpec, HttpTriggerSpec, IngressSpec } from '@weft/api'
import { canonicalNamespace, DEFAULT_NAMESPACE, type Resource } from '@weft/core'
import type { Cors } from '../route-actions.ts'
import type { ResourceFinding, RouteMatch } from '../snapshot.ts'
import { baseOf, refusals } from './base.ts'
import { checker } from './check.ts'
import type { Read } from './core-kinds.ts'
import { warning } from './finding.ts'
import type { FrontModel, FrontsModel, Model, RouteModel, ServerModel } from './models.ts'

const checkIngress = checker(IngressSpec)
const checkTrigger = checker(HttpTriggerSpec)
const checkFunctionIngress = checker(FunctionIngressSpec)

/** One path of a name, and where its calls go. */
interface Place {
  readonly path: string
  /** The path alone, and not what is below it. */
  readonly exact?: boolean
  /** Functions see what stands behind the path. */
  readonly strip?: boolean
  readonly service: string
  readonly port?: number
}

/** What a front says of one name. */
interface Name {
  /** `*`, `*.example.com` or a whole name. */
  readonly host: string
  readonly places: readonly Place[]
  /** Secret of its certificate; with one, it is served on port 443 too. */
  readonly secret?: string
  /** Calls without TLS are sent to https. */
  readonly redirect?: boolean
  readonly cors?: Cors
}

/** Reads a Kubernetes Ingress. */
export function readIngress(resource: Resource): Read<FrontsModel> {
  const base = baseOf(resource)
  const checked = checkIngress(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const { ingressClassName = 'weft', rules = [], tls = [], defaultBackend } = checked.value
  if (!CLASSES.has(ingressClassName)) return { findings: [notOurs(base, ingressClassName)] }
  const rest = defaultBackend === undefined ? [] : [{ path: '/', ...backendOf(defaultBackend) }]
  const secretOf = (host: string) => tls.find(({ hosts = [] }) => hosts.length === 0 || hosts.some((one) => one.toLowerCase() === host))?.secretName
  const hosts = new Set([...rules.map(({ host = '' }) => (host === '' ? '*' : host.toLowerCase())), ...(defaultBackend === undefined ? [] : ['*'])])
  const names = [...hosts].map((host): Name => {
    const own = rules
      .filter((rule) => (rule.host ?? '') === (host === '*' ? '' : host) || rule.host?.toLowerCase() === host)
      .flatMap(({ http }) => http?.paths ?? [])
    const places = own.map(({ path = '/', pathType, backend }): Place => ({ path, exact: pathType === 'Exact', ...backendOf(backend) }))
    const secret = secretOf(host)
    return { host, places: [...places, ...rest], ...(secret === undefined ? {} : { secret }) }
  })
  return { model: frontsOf(base, base.namespace, names) }
}

/** Classes of Ingress that are ours. */
const CLASSES: ReadonlySet<string> = new Set(['weft', 'istio'])

function notOurs({ ref }: Model, name: string): ResourceFinding {
  return warning(ref, 'GatewayNotOurs', `the ingressClassName ${name} is somebody else’s; use weft, or leave it out`)
}

function backendOf({ service }: NonNullable<IngressSpec['defaultBackend']>): Pick<Place, 'service' | 'port'> {
  const { number } = service.port ?? {}
  return { service: service.name, ...(number === undefined ? {} : { port: number }) }
}

/** Reads an HTTPTrigger of Kubeless: what stands behind its path is what the function sees, as behind the nginx of Kubeless. */
export function readHttpTrigger(resource: Resource): Read<FrontsModel> {
  const base = baseOf(resource)
  const checked = checkTrigger(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const { 'function-name': service, 'host-name': host, path = '', 'tls-secret': secret = '', 'cors-enable': cors = false } = checked.value
  const place = { path: withSlash(path), strip: true, service }
  const tls = secret === '' ? {} : { secret, redirect: true }
  return { model: frontsOf(base, base.namespace, [{ host: host.toLowerCase(), places: [place], ...tls, ...(cors ? { cors: EVERYBODY } : {}) }]) }
}

/** Without credentials: with them, every page could act for whoever is logged in. */
const EVERYBODY: Cors = {
  origins: [{ kind: 'regex', value: '.*' }],
  methods: ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS'],
  headers: ['DNT', 'Keep-Alive', 'User-Agent', 'X-Requested-With', 'If-Modified-Since', 'Cache-Control', 'Content-Type', 'Authorization'],
  exposed: [],
  maxAgeMs: 1_728_000_000,
  forwardUnmatched: false,
}

/** Where OpenFaaS keeps its FunctionIngresses; the functions are in `openfaas-fn`. */
const OPENFAAS = 'openfaas'

/** Reads a FunctionIngress of OpenFaaS. */
export function readFunctionIngress(resource: Resource): Read<FrontsModel> {
  const base = baseOf(resource)
  const checked = checkFunctionIngress(resource.spec)
  if (!checked.ok) return { findings: refusals(base.ref, checked) }
  const { domain, function: service, path = '', tls } = checked.value
  const place = { path: withSlash(path.replace(/\(\.\*\)$/, '')), strip: true, service }
  const namespace = base.namespace === OPENFAAS ? DEFAULT_NAMESPACE : base.namespace
  const secured = tls?.enabled === true ? { secret: `${base.name}-cert` } : {}
  return { model: frontsOf(base, canonicalNamespace(namespace), [{ host: domain.toLowerCase(), places: [place], ...secured }]) }
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

// -- onto the model -------------------------------------------------------------------------------------------------------

/** A gateway of the front's own, that nobody else binds routes to, and the routes of each name. */
function frontsOf(base: Model, services: string, names: readonly Name[]): FrontsModel {
  const key = `${base.ref.kind}:${base.key}`
  const servers = names.flatMap((name, index) => serversOf(name, index, base.namespace))
  const gateway = { ...base, key, findings: [], placement: 'ingress' as const, servers }
  const fronts = names.map((name): FrontModel => {
    const routes = name.places.toSorted(mostSpecificFirst).map((place, index) => routeOf(name, place, { index, services }))
    return { ...base, key: `${key} ${name.host}`, findings: [], bindings: [{ gateway: key }], names: [name.host], routes }
  })
  return { ...base, gateway, fronts }
}

function serversOf({ host, secret, redirect = false }: Name, index: number, namespace: string): readonly ServerModel[] {
  // Its own namespace: no other front can put routes there.
  const hosts = [{ namespace, name: host }]
  const plain: ServerModel = { name: `http-${index}`, port: 80, protocol: 'http', hosts, httpsRedirect: redirect }
  if (secret === undefined) return [plain]
  const tls = { clients: 'simple', subjectAltNames: [], minVersion: '1.2', maxVersion: '1.3', cipherSuites: [] } as const
  return [
    plain,
    {
      name: `https-${index}`,
      port: 443,
      protocol: 'https',
      hosts,
      tls: { ...tls, certificate: { secrets: [`${namespace}/${secret}`] } },
      httpsRedirect: false,
    },
  ]
}

/** The longest path decides, and of two that are as long the exact one (Kubernetes, Ingress: multiple matches). */
function mostSpecificFirst(a: Place, b: Place): number {
  const length = ({ path }: Place) => trimmed(path).length
  return length(b) - length(a) || Number(b.exact ?? false) - Number(a.exact ?? false)
}

const trimmed = (path: string) => (path === '/' ? path : path.replace(/\/+$/, ''))

function routeOf(name: Name, place: Place, { index, services }: { readonly index: number; readonly services: string }): RouteModel {
  const { service, port, strip = false } = place
  const rewrite = strip && trimmed(place.path) !== '/' ? { rewrite: { path: { kind: 'prefix', value: '/' } } as const } : {}
  return {
    route: { name: `path-${index}`, matches: matchesOf(name.host, place), ...rewrite, ...(name.cors === undefined ? {} : { cors: name.cors }) },
    destinations: [{ host: `${services}/${service}`, text: service, subset: undefined, port, weight: 100 }],
    mirrors: [],
  }
}

/** Whole parts of the path: `/shop` is `/shop` and what is below it, and not `/shops`. */
function matchesOf(host: string, { path, exact = false }: Place): readonly RouteMatch[] {
  // The star of an Ingress stands for one label.
  const label = host.startsWith('*.') ? { authority: { kind: 'regex', value: `[^.]+${host.slice(1).replaceAll('.', '\\.')}` } as const } : {}
  const match = (kind: 'exact' | 'prefix', value: string): RouteMatch => ({
    path: { match: { kind, value }, ignoreCase: false },
    headers: [],
    queryParameters: [],
    ...label,
  })
  if (exact) return [match('exact', path)]
  const whole = trimmed(path)
  return whole === '/' ? [match('prefix', '/')] : [match('exact', whole), match('prefix', `${whole}/`)]
}
