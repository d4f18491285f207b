import type { Resource } from '@weft/core'
import type { AnalysisCodeName } from '../src/analyze/codes.ts'

type Fields = Readonly<Record<string, unknown>>

function made(apiVersion: string, kind: string, name: string, rest: Fields, more: Fields = {}): Resource {
  return { apiVersion, kind, metadata: { name, ...more }, ...rest }
}

const fn = (name: string, template: Fields = {}, spec: Fields = {}, more: Fields = {}) =>
  made('weft.dev/v1alpha1', 'Function', name, { spec: { template: { image: 'x:1', ...template }, ...spec } }, more)
const rev = (name: string, short: string) =>
  made('weft.dev/v1alpha1', 'Revision', `${name}-${short}`, { spec: { function: name, revision: short, number: 1, template: { image: 'x:1' } } })
const svc = (name: string, selector: Fields, ports: readonly Fields[] = [{ name: 'http', port: 8080 }]) =>
  made('v1', 'Service', name, { spec: { selector, ports } })
const vs = (name: string, spec: Fields, more: Fields = {}) =>
  made('networking.istio.io/v1', 'VirtualService', name, { spec: { hosts: ['temp'], ...spec } }, more)
const dr = (name: string, spec: Fields, more: Fields = {}) => made('networking.istio.io/v1', 'DestinationRule', name, { spec: { host: 'temp', ...spec } }, more)
const ap = (spec: Fields, name = 'policy', more: Fields = {}) => made('security.istio.io/v1', 'AuthorizationPolicy', name, { spec }, more)
const pa = (spec: Fields, name = 'peers', more: Fields = {}) => made('security.istio.io/v1', 'PeerAuthentication', name, { spec }, more)
const ra = (spec: Fields, name = 'jwt', more: Fields = {}) => made('security.istio.io/v1', 'RequestAuthentication', name, { spec }, more)
const IDP = { issuer: 'https://idp.example.org' }
const atIngress = (jwtRule: Fields, matchLabels: Fields = { istio: 'ingressgateway' }) =>
  ra({ selector: { matchLabels }, jwtRules: [jwtRule] }, 'edge', { namespace: 'istio-system' })
const gw = (name: string, servers: readonly Fields[], selector: Fields = { istio: 'ingressgateway' }) =>
  made('networking.istio.io/v1', 'Gateway', name, { spec: { selector, servers } })
const se = (spec: Fields, name = 'outside') => made('networking.istio.io/v1', 'ServiceEntry', name, { spec: { hosts: ['api.example.org'], ...spec } })
const sa = (name: string, annotations: Fields = {}) => made('v1', 'ServiceAccount', name, {}, { annotations })
const ns = (name: string) => made('v1', 'Namespace', name, {})
const HTTPS_PORT = [{ number: 443, name: 'tls', protocol: 'HTTPS' }]
const TWO_PORTS = [
  { name: 'http', port: 8080 },
  { name: 'http-two', port: 8081 },
]
const selectorLabels = { app: 'temp' }
const secret = (name: string, stringData: Fields) => made('v1', 'Secret', name, { stringData })

const to = (subset?: string, more: Fields = {}) => ({ route: [{ destination: { host: 'temp', ...(subset === undefined ? {} : { subset }), ...more } }] })
const routes = (...http: readonly Fields[]) => vs('routes', { http })
const when = (match: Fields, route: Fields = to()) => ({ match: [match], ...route })
const SUBSETS = [{ name: 'v1', labels: { version: 'v1' } }]
const shares = (v1: number, v2: number) => [
  { destination: { host: 'temp', subset: 'v1' }, weight: v1 },
  { destination: { host: 'temp', subset: 'v2' }, weight: v2 },
]
const rule = (source: Fields) => ({ from: [{ source }] })
const operation = (fields: Fields) => ({ to: [{ operation: fields }] })
const server = (hosts: readonly string[], tls?: Fields) => ({
  port: { number: 443, name: 'https', protocol: 'HTTPS' },
  hosts,
  ...(tls === undefined ? {} : { tls }),
})
const tls = (mode: string, more: Fields = {}) => ({ tls: { mode, ...more } })
const temp = fn('temp')
const PAIR = { 'tls.crt': 'a', 'tls.key': 'b' }
const plainServer = (number: number) => ({ port: { number, name: 'http', protocol: 'HTTP' }, hosts: ['*'] })
const trigger = (spec: Fields) =>
  made('kubeless.io/v1beta1', 'HTTPTrigger', 'front', { spec: { 'function-name': 'temp', 'host-name': 'temp.example.com', ...spec } })
const canary = (spec: Fields, name = 'temp') => made('weft.dev/v1alpha1', 'Canary', name, { spec: { function: 'temp', ...spec } })
const selector = { matchLabels: { app: 'temp' } }
const principal = (text: string) => rule({ principals: [text] })

const api = (kind: string, name: string, spec: Fields, more: Fields = {}, version = 'v1') =>
  made(`gateway.networking.k8s.io/${version}`, kind, name, { spec }, more)
const ofTemp = { group: '', kind: 'Service', name: 'temp' }
const apiRoute = (backend: Fields = {}, parent: Fields = ofTemp, more: Fields = {}) =>
  api('HTTPRoute', 'r', { parentRefs: [parent], rules: [{ backendRefs: [{ name: 'temp', port: 8080, ...backend }] }], ...more })
const apiGateway = (listener: Fields = {}, className = 'weft') =>
  api('Gateway', 'web', { gatewayClassName: className, listeners: [{ name: 'http', port: 80, protocol: 'HTTP', ...listener }] })
const grant = api(
  'ReferenceGrant',
  'g',
  {
    from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }],
    to: [{ group: '', kind: 'Service' }],
  },
  { namespace: 'shop' },
  'v1beta1',
)
const stock = fn('stock', {}, {}, { namespace: 'shop' })

/** For each code: documents that it is found in, and ones that are nearly the same and in order. */
export const FIXTURES: Readonly<Record<AnalysisCodeName, readonly [found: readonly unknown[], near: readonly unknown[]]>> = {
  IST0101: [
    [temp, routes({ route: [{ destination: { host: 'temp', subset: 'v2' } }] }), dr('temp', { subsets: SUBSETS })],
    [temp, routes(to('v1')), dr('temp', { subsets: SUBSETS })],
  ],
  IST0106: [
    [svc('a', { app: 'temp' }, [{ port: 99_999 }]), temp],
    [svc('a', { app: 'temp' }, [{ port: 9999 }]), temp],
  ],
  IST0107: [[fn('temp', {}, {}, { annotations: { 'weft.dev/granted-to': 'temp' } })], [temp, sa('shared', { 'weft.dev/granted-to': 'temp' })]],
  IST0108: [
    [fn('temp', {}, {}, { annotations: { 'sidecar.istio.io/inject': 'true' } })],
    [fn('temp', {}, {}, { annotations: { 'example.org/inject': 'true' } })],
  ],
  IST0109: [
    [temp, vs('a', { http: [to()] }), vs('b', { hosts: ['temp.default'], http: [to()] })],
    [temp, fn('other'), vs('a', { http: [to()] }), vs('b', { hosts: ['other'], http: [to()] })],
  ],
  IST0113: [
    [temp, dr('temp', { trafficPolicy: tls('DISABLE') }), pa({ mtls: { mode: 'STRICT' } })],
    [temp, dr('temp', { trafficPolicy: tls('ISTIO_MUTUAL') }), pa({ mtls: { mode: 'STRICT' } })],
  ],
  IST0116: [
    [temp, svc('a', { app: 'temp' }), svc('b', { app: 'temp' }, [{ name: 'grpc', port: 8080 }])],
    [temp, svc('a', { app: 'temp' }), svc('b', { app: 'temp' }, [{ name: 'http-b', port: 8080, appProtocol: 'http' }])],
  ],
  IST0118: [
    [temp, svc('a', { app: 'temp' }, [{ name: 'web', port: 8080 }])],
    [temp, svc('a', { app: 'temp' }, [{ name: 'web', port: 8080, appProtocol: 'http' }])],
  ],
  IST0119: [
    [temp, svc('a', { app: 'temp' }, [{ name: 'tcp-a', port: 8080 }]), ra({ selector })],
    [temp, svc('a', { app: 'temp' }), ra({ selector })],
  ],
  IST0125: [
    [temp, ap({ selector, rules: [{}] }, 'policy', { annotations: { 'istio.io/dry-run': 'yes' } })],
    [temp, ap({ selector, rules: [{}] }, 'policy', { annotations: { 'istio.io/dry-run': 'true' } })],
  ],
  IST0127: [
    [temp, ap({ selector: { matchLabels: { app: 'tepm' } } })],
    [temp, ap({ selector })],
  ],
  IST0002: [
    [temp, routes({ fault: { delay: { fixedDelay: '1s', percent: 50 } }, ...to() })],
    [temp, routes({ fault: { delay: { fixedDelay: '1s', percentage: { value: 50 } } }, ...to() })],
  ],
  IST0112: [
    [temp, svc('two', selectorLabels, TWO_PORTS), vs('two', { hosts: ['two'], http: [{ route: [{ destination: { host: 'two' } }] }] })],
    [
      temp,
      svc('two', selectorLabels, TWO_PORTS),
      vs('two', { hosts: ['two'], http: [{ route: [{ destination: { host: 'two', port: { number: 8081 } } }, { destination: { host: 'temp' } }] }] }),
    ],
  ],
  IST0140: [
    [temp, dr('temp', { subsets: SUBSETS }), routes(to('v1')), vs('front', { hosts: ['temp.example.com'], gateways: ['web'], http: [to()] })],
    [
      temp,
      dr('temp', { subsets: SUBSETS }),
      routes(to('v1')),
      vs('front', { hosts: ['temp.example.com'], gateways: ['web'], http: [to('v1')] }),
      vs('whole', { hosts: ['other.example.com'], http: [to()] }),
    ],
  ],
  IST0174: [
    [temp, dr('gone', { host: 'gone', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } })],
    [
      temp,
      dr('temp', { trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } }),
      se({ ports: HTTPS_PORT }),
      dr('outside', { host: 'api.example.org', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } }),
    ],
  ],
  IST0177: [
    [se({ ports: HTTPS_PORT }), se({ hosts: ['other.example.org', 'API.example.org'], ports: [{ number: 443, name: 'web', protocol: 'HTTP' }] }, 'again')],
    [
      se({ ports: HTTPS_PORT }),
      se(
        {
          ports: [
            { number: 443, name: 'same', protocol: 'https' },
            { number: 80, name: 'web', protocol: 'HTTP' },
          ],
        },
        'again',
      ),
      se({ ports: [{ number: 443, name: 'web', protocol: 'HTTP' }], exportTo: ['elsewhere'] }, 'elsewhere'),
    ].map((one, index) => (index < 2 ? { ...one, spec: { ...(one['spec'] as Fields), exportTo: ['.'] } } : one)),
  ],
  IST0128: [
    [temp, dr('temp', { trafficPolicy: tls('SIMPLE', { insecureSkipVerify: true }) })],
    [temp, dr('temp', { trafficPolicy: tls('SIMPLE') })],
  ],
  IST0129: [
    [temp, dr('temp', { trafficPolicy: { portLevelSettings: [{ port: { number: 443 }, ...tls('SIMPLE', { insecureSkipVerify: true }) }] } })],
    [temp, dr('temp', { trafficPolicy: { portLevelSettings: [{ port: { number: 443 }, ...tls('SIMPLE', { credentialName: 'ca' }) }] } })],
  ],
  IST0130: [
    [temp, routes(to(), when({ uri: { prefix: '/a' } }))],
    [temp, routes(when({ uri: { prefix: '/a' } }), to())],
  ],
  IST0131: [
    [temp, routes(when({ uri: { prefix: '/a' } }), { match: [{ uri: { prefix: '/a' } }, { uri: { prefix: '/b' } }], ...to() })],
    [temp, routes(when({ uri: { prefix: '/a' } }), { match: [{ uri: { prefix: '/a' }, method: { exact: 'GET' } }, { uri: { prefix: '/b' } }], ...to() })],
  ],
  IST0132: [
    [temp, gw('edge', [server(['shop.example.org'])]), vs('a', { hosts: ['bar.example.org'], gateways: ['edge'], http: [to()] })],
    [temp, gw('edge', [server(['*.example.org'])]), vs('a', { hosts: ['bar.example.org'], gateways: ['edge'], http: [to()] })],
  ],
  IST0134: [
    [se({ ports: [{ number: 5432, name: 'db', protocol: 'TCP' }] })],
    [se({ ports: [{ number: 5432, name: 'db', protocol: 'TCP' }], addresses: ['203.0.113.7'] })],
  ],
  IST0138: [
    [
      secret('c', { 'tls.crt': 'a', 'tls.key': 'b' }),
      gw('a', [server(['a.org'], { credentialName: 'c' })]),
      gw('b', [server(['b.org'], { credentialName: 'c' })]),
    ],
    [gw('a', [server(['a.org'], { credentialName: 'c' })]), gw('b', [server(['b.org'], { credentialName: 'd' })])],
  ],
  IST0145: [
    [gw('a', [server(['a.org'])]), gw('b', [server(['a.org'])])],
    [gw('a', [server(['a.org'])]), gw('b', [server(['a.org'])], { istio: 'other' })],
  ],
  IST0149: [
    [temp, ra({ jwtRules: [IDP] }), routes(when({ headers: { '@request.auth.claims.group': { exact: 'a' } } }))],
    [temp, atIngress(IDP), routes(when({ headers: { '@request.auth.claims.group': { exact: 'a' } } }))],
  ],
  IST0161: [
    [secret('c', { 'ca.crt': 'a' }), gw('a', [server(['a.org'], { credentialName: 'c' })])],
    [secret('c', { 'tls.crt': 'a', 'tls.key': 'b' }), gw('a', [server(['a.org'], { credentialName: 'c' })])],
  ],
  IST0167: [
    [temp, ap({ selector, action: 'DENY' })],
    [temp, ap({ selector, action: 'DENY', rules: [operation({ methods: ['PUT'] })] })],
  ],
  IST0173: [
    [temp, rev('temp', 'v1'), dr('temp', { subsets: [{ name: 'v2', labels: { version: 'v2' } }] })],
    [temp, rev('temp', 'v1'), dr('temp', { subsets: SUBSETS })],
  ],
  IST0175: [
    [ra({ jwtRules: [{ issuer: 'x', jwksUri: 'http://169.254.169.254/keys' }] })],
    [ra({ jwtRules: [{ issuer: 'x', jwksUri: 'https://login.example.org/keys' }] })],
  ],
  WEFT0101: [
    [temp, dr('a', { subsets: SUBSETS }), dr('b', { subsets: SUBSETS })],
    [temp, dr('a', { subsets: SUBSETS }), dr('b', { subsets: [{ name: 'v2', labels: { version: 'v2' } }] })],
  ],
  WEFT0114: [
    [temp, dr('temp', { subsets: SUBSETS }), routes({ route: shares(75, 20) })],
    [temp, dr('temp', { subsets: SUBSETS }), routes({ route: shares(75, 25) }, { route: [{ destination: { host: 'temp' }, weight: 50 }] })],
  ],
  WEFT0102: [
    [
      temp,
      routes({
        route: [
          { destination: { host: 'temp' }, weight: 50 },
          { destination: { host: 'temp' }, weight: 50 },
        ],
      }),
    ],
    [
      temp,
      dr('temp', { subsets: SUBSETS }),
      routes({
        route: [
          { destination: { host: 'temp' }, weight: 50 },
          { destination: { host: 'temp', subset: 'v1' }, weight: 50 },
        ],
      }),
    ],
  ],
  WEFT0103: [
    [temp, routes(to(undefined, { port: { number: 9090 } }))],
    [temp, routes(to(undefined, { port: { number: 8080 } }))],
  ],
  WEFT0104: [
    [temp, routes({ ...to(), mirror: { host: 'temp' } })],
    [temp, dr('temp', { subsets: SUBSETS }), routes({ ...to(), mirror: { host: 'temp', subset: 'v1' } })],
  ],
  WEFT0105: [
    [temp, routes({ ...to(), timeout: '1s', retries: { attempts: 2, perTryTimeout: '2s' } })],
    [temp, routes({ ...to(), timeout: '2s', retries: { attempts: 2, perTryTimeout: '1s' } })],
  ],
  WEFT0106: [
    [fn('temp', { timeout: '5s' }), routes({ ...to(), timeout: '10s' })],
    [fn('temp', { timeout: '10s' }), routes({ ...to(), timeout: '5s' })],
  ],
  WEFT0107: [
    [temp, routes(when({ uri: { exact: '/a?b=c' } }))],
    [temp, routes(when({ uri: { exact: '/a' } }))],
  ],
  WEFT0108: [
    [temp, routes(when({ method: { exact: 'get' } }))],
    [temp, routes(when({ method: { exact: 'GET' } }))],
  ],
  WEFT0109: [
    [temp, routes(when({ sourceLabels: { app: 'nobody' } }))],
    [temp, routes(when({ sourceLabels: { app: 'temp' } }))],
  ],
  WEFT0110: [
    [temp, ns('staging'), vs('a', { hosts: ['temp.default'], http: [{ route: [{ destination: { host: 'temp.default' } }] }] }, { namespace: 'staging' })],
    [temp, vs('a', { hosts: ['temp.default'], http: [to()] })],
  ],
  WEFT0111: [
    [fn('temp', {}, { traffic: [{ revision: 'v1', weight: 100 }] }), dr('temp', { subsets: SUBSETS }), routes(to('v1'))],
    [fn('temp', {}, { traffic: [{ revision: 'v1', weight: 100 }] }), routes({ ...to(), timeout: '5s' })],
  ],
  WEFT0112: [
    [temp, dr('a', { host: 'tepm', subsets: SUBSETS })],
    [temp, dr('a', { subsets: SUBSETS })],
  ],
  WEFT0113: [
    [temp, routes({ ...to(), retries: { attempts: 0, retryOn: '5xx' } })],
    [temp, routes({ ...to(), retries: { attempts: 1, retryOn: '5xx' } })],
  ],
  WEFT0201: [
    [temp, ap({ selector, rules: [principal('cluster.local/ns/default/sa/contrl')] })],
    [
      temp,
      fn('control'),
      ap({
        selector,
        rules: [principal('cluster.local/ns/default/sa/control'), principal('cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account')],
      }),
    ],
  ],
  WEFT0202: [
    [temp, ap({ selector, rules: [rule({ namespaces: ['stagng'] })] })],
    [temp, ns('staging'), ap({ selector, rules: [rule({ namespaces: ['staging', 'istio-system', 'openfaas-fn'] })] })],
  ],
  WEFT0203: [
    [temp, fn('other'), ap({ selector, rules: [operation({ hosts: ['other'] })] })],
    [temp, fn('other'), ap({ selector, rules: [operation({ hosts: ['temp.default'] })] })],
  ],
  WEFT0204: [
    [temp, pa({ mtls: { mode: 'DISABLE' } }), ap({ selector, rules: [principal('*')] })],
    [temp, pa({ mtls: { mode: 'DISABLE' } }), ap({ selector, rules: [operation({ methods: ['GET'] })] })],
  ],
  WEFT0205: [
    [temp, fn('a'), ap({ selector, rules: [{}] }, 'all'), ap({ selector, rules: [principal('cluster.local/ns/default/sa/a')] }, 'some')],
    [
      temp,
      fn('a'),
      ap({ selector: { matchLabels: { app: 'a' } }, rules: [{}] }, 'all'),
      ap({ selector, rules: [principal('cluster.local/ns/default/sa/a')] }, 'some'),
    ],
  ],
  WEFT0206: [
    [temp, ap({ selector, rules: [operation({ ports: ['80'] })] })],
    [temp, ap({ selector, rules: [operation({ ports: ['8080'] })] })],
  ],
  WEFT0207: [
    [temp, ap({ selector, rules: [rule({ requestPrincipals: ['*'] })] })],
    [temp, ra({ selector, jwtRules: [IDP] }), ap({ selector, rules: [rule({ requestPrincipals: ['*'] })] })],
  ],
  WEFT0208: [
    [temp, ap({ selector, rules: [operation({ paths: ['/a//b'] })] })],
    [temp, ap({ selector, rules: [operation({ paths: ['/a/b'] })] })],
  ],
  WEFT0209: [
    [temp, pa({ mtls: { mode: 'STRICT' } }, 'a'), pa({ mtls: { mode: 'PERMISSIVE' } }, 'b')],
    [temp, pa({ mtls: { mode: 'STRICT' } }, 'a'), pa({ selector, mtls: { mode: 'PERMISSIVE' } }, 'b')],
  ],
  WEFT0210: [
    [temp, pa({ selector, mtls: { mode: 'STRICT' } }, 'a', { namespace: 'weft-system' })],
    [temp, pa({ mtls: { mode: 'STRICT' } }, 'a', { namespace: 'weft-system' })],
  ],
  WEFT0211: [
    [temp, fn('open'), ap({ selector, rules: [{}] })],
    [temp, fn('open'), ap({ rules: [{}] })],
  ],
  WEFT0212: [
    [temp, ap({ selector, rules: [principal('example.org/ns/default/sa/temp')] })],
    [temp, ap({ selector, rules: [principal('cluster.local/ns/default/sa/temp')] })],
  ],
  WEFT0213: [
    [temp, ap({ selector, rules: [operation({ methods: ['GET'] }), operation({ methods: ['GET'] })] })],
    [temp, ap({ selector, rules: [operation({ methods: ['GET'] }), operation({ methods: ['PUT'] })] })],
  ],
  WEFT0220: [
    [fn('temp', {}, { ingress: { authentication: 'required' } }), ra({ selector: { matchLabels: { app: 'other' } }, jwtRules: [IDP] })],
    [fn('temp', {}, { ingress: { authentication: 'required' } }), ra({ selector, jwtRules: [IDP] })],
  ],
  WEFT0221: [
    [temp, ra({ selector, jwtRules: [IDP] }), atIngress(IDP)],
    [temp, ra({ selector, jwtRules: [IDP] }), atIngress({ ...IDP, forwardOriginalToken: true })],
  ],
  WEFT0222: [
    [temp, pa({ selector, portLevelMtls: { 80: { mode: 'PERMISSIVE' } } })],
    [temp, pa({ selector, portLevelMtls: { 8080: { mode: 'PERMISSIVE' } } })],
  ],
  WEFT0301: [
    [temp, svc('a', { app: 'tepm' })],
    [temp, svc('a', { app: 'temp' })],
  ],
  WEFT0302: [
    [temp, fn('other'), svc('temp', { app: 'other' })],
    [temp, fn('other'), svc('temp', { app: 'temp' })],
  ],
  WEFT0303: [
    [fn('temp', { serviceAccount: 'shared' }), sa('shared')],
    [fn('temp', { serviceAccount: 'shared' }), sa('shared', { 'weft.dev/granted-to': 'other, temp' }), fn('other')],
  ],
  WEFT0304: [
    [temp, sa('shared', { 'weft.dev/granted-to': 'tepm' })],
    [temp, sa('shared', { 'weft.dev/granted-to': 'temp' })],
  ],
  WEFT0305: [[fn('temp', { secrets: ['key'] })], [fn('temp', { secrets: ['key'] }), secret('key', { key: 'x' })]],
  WEFT0306: [
    [fn('temp', {}, { traffic: [{ revision: 'v2', weight: 100 }] }), rev('temp', 'v1')],
    [fn('temp', {}, { traffic: [{ revision: 'v1', weight: 100 }] }), rev('temp', 'v1')],
  ],
  WEFT0307: [
    [ns('staging'), fn('temp', {}, {}, { namespace: 'stagng' })],
    [ns('staging'), fn('temp', {}, {}, { namespace: 'staging' })],
  ],
  WEFT0308: [
    [temp, svc('a', { app: 'temp' }, [{ name: 'https-a', port: 8080 }])],
    [temp, svc('a', { app: 'temp' }, [{ name: 'http-a', port: 8080 }])],
  ],
  WEFT0310: [
    [temp, svc('a', { app: 'temp' }, [{ name: 'tcp-a', port: 8080 }])],
    [fn('temp', { protocol: 'tcp', port: 6379 }), svc('a', { app: 'temp' }, [{ name: 'tcp-a', port: 6379 }])],
  ],
  WEFT0309: [[ns('openfaas-fn')], [ns('openfaas')]],
  WEFT0401: [
    [temp, canary({ function: 'tepm' })],
    [temp, canary({})],
  ],
  WEFT0402: [
    [temp, canary({ mirror: {} }), routes(to('v1'))],
    [temp, canary({ mirror: {} }), routes(to())],
  ],
  WEFT0403: [
    [fn('temp', {}, { traffic: [{ revision: 'v1', weight: 100 }] }), rev('temp', 'v1'), canary({})],
    [fn('temp', {}, { traffic: [] }), rev('temp', 'v1'), canary({})],
  ],
  WEFT0404: [
    [temp, canary({}), canary({}, 'other')],
    [temp, fn('other'), canary({}), canary({ function: 'other' }, 'other')],
  ],
  WEFT0405: [
    [temp, canary({ iterations: 2 })],
    [temp, canary({ iterations: 2, mirror: {} })],
  ],
  WEFT0406: [
    [temp, canary({ webhooks: [{ name: 'a', type: 'event', url: 'http://10.0.0.1/' }] })],
    [temp, canary({ webhooks: [{ name: 'a', type: 'event', url: 'https://hooks.example.org/' }] })],
  ],
  WEFT0701: [
    [temp, apiGateway(), apiRoute({}, { name: 'web', sectionName: 'https' })],
    [temp, apiGateway(), apiRoute({}, { name: 'web', sectionName: 'http' })],
  ],
  WEFT0702: [
    [temp, apiRoute({ name: 'tepm' })],
    [temp, apiRoute({ port: 80 })],
  ],
  WEFT0703: [
    [temp, stock, ns('shop'), apiRoute({ name: 'stock', namespace: 'shop' })],
    [temp, stock, ns('shop'), grant, apiRoute({ name: 'stock', namespace: 'shop' })],
  ],
  WEFT0704: [
    [temp, vs('a', { http: [to()] }), apiRoute()],
    [temp, fn('other'), vs('a', { hosts: ['other'], http: [to()] }), apiRoute()],
  ],
  WEFT0705: [
    [temp, apiGateway({ hostname: '*.example.org' }), apiRoute({}, { name: 'web' }, { hostnames: ['example.org'] })],
    [temp, apiGateway({ hostname: '*.example.org' }), apiRoute({}, { name: 'web' }, { hostnames: ['shop.example.org'] })],
  ],
  WEFT0706: [[apiGateway({}, 'mine')], [apiGateway({}, 'istio')]],
  WEFT0801: [[gw('a', [server(['a.org'])], { istio: 'mine' })], [gw('a', [server(['a.org'])], { 'weft.dev/gateway': 'ingress' })]],
  WEFT0802: [[gw('a', [plainServer(443)])], [gw('a', [plainServer(80)])]],
  WEFT0803: [
    [secret('c', PAIR), gw('a', [server(['a.org'], { mode: 'MUTUAL', credentialName: 'c' })])],
    [secret('c', PAIR), secret('c-cacert', { 'ca.crt': 'c' }), gw('a', [server(['a.org'], { mode: 'MUTUAL', credentialName: 'c' })])],
  ],
  WEFT0804: [
    [temp, gw('a', [plainServer(80)]), vs('all', { hosts: ['*'], gateways: ['a'], http: [when({ uri: { prefix: '/system' } })] })],
    [temp, gw('a', [plainServer(80)]), vs('all', { hosts: ['*'], gateways: ['a'], http: [when({ uri: { prefix: '/systems' } })] })],
  ],
  WEFT0805: [
    [temp, trigger({ 'function-name': 'nobody' })],
    [temp, trigger({})],
  ],
  WEFT0806: [
    [temp, trigger({ 'tls-secret': 'c' })],
    [temp, secret('c', PAIR), trigger({ 'tls-secret': 'c' })],
  ],
}
