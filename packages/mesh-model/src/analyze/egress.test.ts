import { describe, expect, it } from '@jest/globals'
import { analyze } from './index.ts'

const EGRESS = 'istio-egressgateway.istio-system.svc.cluster.local'
const metadata = (name: string, namespace = 'default') => ({ name, namespace })
const networking = (kind: string, name: string, spec: object) => ({ apiVersion: 'networking.istio.io/v1', kind, metadata: metadata(name), spec })
const security = (kind: string, spec: object, namespace = 'istio-system') => ({
  apiVersion: 'security.istio.io/v1',
  kind,
  metadata: metadata('outside', namespace),
  spec: { selector: { matchLabels: { istio: 'egressgateway' } }, ...spec },
})
const codesOf = (...documents: readonly object[]) => analyze(documents).map(({ code }) => code)

const entry = networking('ServiceEntry', 'cnn', {
  hosts: ['edition.cnn.com'],
  ports: [
    { number: 80, name: 'http', protocol: 'HTTP' },
    { number: 443, name: 'https', protocol: 'HTTPS' },
  ],
  resolution: 'DNS',
})
const gateway = (server: object) =>
  networking('Gateway', 'istio-egressgateway', { selector: { istio: 'egressgateway' }, servers: [{ hosts: ['edition.cnn.com'], ...server }] })
const HTTP = { port: { number: 80, name: 'http', protocol: 'HTTP' } }
const rule = (trafficPolicy?: object) =>
  networking('DestinationRule', 'egressgateway-for-cnn', {
    host: EGRESS,
    subsets: [{ name: 'cnn', ...(trafficPolicy === undefined ? {} : { trafficPolicy }) }],
  })
const virtual = (spec: object) =>
  networking('VirtualService', 'direct-cnn-through-egress-gateway', { hosts: ['edition.cnn.com'], gateways: ['istio-egressgateway', 'mesh'], ...spec })
const http = (port: number, outside: number) =>
  virtual({
    http: [
      { match: [{ gateways: ['mesh'], port: 80 }], route: [{ destination: { host: EGRESS, subset: 'cnn', port: { number: port } }, weight: 100 }] },
      {
        match: [{ gateways: ['istio-egressgateway'], port: 80 }],
        route: [{ destination: { host: 'edition.cnn.com', port: { number: outside } }, weight: 100 }],
      },
    ],
  })

describe('files of Istio’s tasks about the egress gateway', () => {
  const sni = [{ port: { number: 80 }, tls: { mode: 'ISTIO_MUTUAL', sni: 'edition.cnn.com' } }]
  const tls = (gateways: readonly string[], host: string) => ({
    match: [{ gateways, port: 443, sniHosts: ['edition.cnn.com'] }],
    route: [{ destination: { host, port: { number: 443 } } }],
  })

  it.each<[string, readonly object[]]>([
    ['Egress Gateways, HTTP', [entry, gateway(HTTP), rule(), http(80, 80)]],
    [
      'Egress Gateways, HTTPS',
      [
        entry,
        gateway({ port: { number: 443, name: 'tls', protocol: 'TLS' }, tls: { mode: 'PASSTHROUGH' } }),
        rule(),
        virtual({ tls: [tls(['mesh'], EGRESS), tls(['istio-egressgateway'], 'edition.cnn.com')] }),
      ],
    ],
    [
      'Egress Gateways with TLS Origination',
      [
        entry,
        gateway({ port: { number: 80, name: 'https-port-for-tls-origination', protocol: 'HTTPS' }, tls: { mode: 'ISTIO_MUTUAL' } }),
        rule({ loadBalancer: { simple: 'ROUND_ROBIN' }, portLevelSettings: sni }),
        http(80, 443),
        networking('DestinationRule', 'originate-tls-for-edition-cnn-com', {
          host: 'edition.cnn.com',
          trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' }, portLevelSettings: [{ port: { number: 443 }, tls: { mode: 'SIMPLE' } }] },
        }),
      ],
    ],
    [
      'policies of the gateway',
      [
        entry,
        gateway(HTTP),
        rule(),
        http(80, 80),
        security('AuthorizationPolicy', { rules: [{ to: [{ operation: { hosts: ['edition.cnn.com', 'cnn.com'], ports: ['80'] } }] }] }),
        security('PeerAuthentication', { mtls: { mode: 'STRICT' }, portLevelMtls: { '80': { mode: 'STRICT' } } }, 'weft-system'),
      ],
    ],
    ['policies of a gateway that is not there', [security('AuthorizationPolicy', {})]],
  ])('%s: nothing is wrong with them', (_name, documents) => {
    expect(codesOf(...documents)).toEqual([])
  })

  it.each<[string, readonly object[], string]>([
    ['a gateway that nothing selects', [entry, rule(), virtual({ gateways: ['mesh'], http: [{ route: [{ destination: { host: EGRESS } }] }] })], 'IST0101'],
    ['a port that it does not have', [entry, gateway(HTTP), rule(), http(81, 80)], 'WEFT0103'],
    ['a subset that it does not have', [entry, gateway(HTTP), http(80, 80)], 'IST0101'],
    [
      'a policy for a port that it does not have',
      [gateway(HTTP), security('AuthorizationPolicy', { rules: [{ to: [{ operation: { ports: ['81'] } }] }] })],
      'WEFT0206',
    ],
  ])('%s is found', (_name, documents, code) => {
    expect(codesOf(...documents)).toContain(code)
  })
})
