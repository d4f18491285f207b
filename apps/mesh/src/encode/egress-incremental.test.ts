import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { refOf, type Resource } from '@weft/core'
import { createCompiler } from '@weft/mesh-model'
import { touchedBy } from '../plane/gateways.ts'
import { layout, replica } from './testing/model.ts'
import { functionOf, networking } from './testing/resources.ts'
import { WholeEncoder, type EncodedNode } from './testing/whole.ts'
import type { EncodeInput, Touched } from './types.ts'

const EGRESS = 'istio-egressgateway.istio-system.svc.cluster.local'
const HOST = 'one.example.org'
const NOTHING: Touched = { workloads: [], hosts: [], externals: [], virtualHosts: [], clusters: [] }
const LAYOUT = layout('/run/weft', { ingress: { address: '127.0.0.1', port: 8080 }, outsideNames: { port: 53 }, systemRoots: '/roots' })

const entry = (name: string, target: number): Resource =>
  networking('ServiceEntry', name, {
    hosts: [`${name}.example.org`],
    ports: [
      { number: 80, name: 'http', protocol: 'HTTP', targetPort: target },
      { number: 443, name: 'tls', protocol: 'TLS', targetPort: target },
    ],
    resolution: 'STATIC',
    endpoints: [{ address: '192.0.2.1' }],
  })
const gateway = (selector: object, number: number): Resource =>
  networking('Gateway', 'egress', {
    selector,
    servers: [
      { port: { number, name: 'http', protocol: 'HTTP' }, hosts: ['*.example.org'] },
      { port: { number: 443, name: 'tls', protocol: 'TLS' }, hosts: [HOST], tls: { mode: 'PASSTHROUGH' } },
    ],
  })
const routes = (to: string, port: number): Resource =>
  networking('VirtualService', 'one', {
    hosts: [HOST],
    gateways: ['mesh', 'egress'],
    http: [
      { match: [{ gateways: ['mesh'] }], route: [{ destination: { host: EGRESS, port: { number: port } } }] },
      { match: [{ gateways: ['egress'] }], route: [{ destination: { host: to } }] },
    ],
    tls: [
      { match: [{ gateways: ['mesh'], sniHosts: [HOST] }], route: [{ destination: { host: EGRESS, port: { number: 443 } } }] },
      { match: [{ gateways: ['egress'], sniHosts: [HOST] }], route: [{ destination: { host: to, port: { number: 443 } } }] },
    ],
  })
const origination = (mode: string) => networking('DestinationRule', 'one', { host: HOST, trafficPolicy: { tls: { mode } } })
const policy = (action: string): Resource => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'outside', namespace: 'istio-system' },
  spec: { selector: { matchLabels: { istio: 'egressgateway' } }, action, rules: [{}] },
})

/** What may stand under a name: nothing, or one of these. */
const CHOICES: readonly (readonly Resource[])[] = [
  [entry('one', 8001), entry('one', 8002)],
  [entry('two', 8003)],
  [gateway({ istio: 'egressgateway' }, 80), gateway({ istio: 'egressgateway' }, 8081), gateway({ istio: 'ingressgateway' }, 9090)],
  [routes(HOST, 80), routes('two.example.org', 80), routes(HOST, 8081)],
  [origination('SIMPLE'), origination('ISTIO_MUTUAL')],
  [policy('ALLOW'), policy('DENY')],
]
const anyStep = fc
  .nat(CHOICES.length - 1)
  .chain((at) => fc.record({ at: fc.constant(at), which: fc.option(fc.nat((CHOICES[at]?.length ?? 1) - 1), { nil: undefined }) }))

/** Clusters of the ingress stay once they are there. */
const contentOf = (node: EncodedNode) =>
  Object.entries(node).map(([kind, entries]) => {
    const all = [...(entries as Iterable<unknown>)].map((one) => JSON.stringify(one))
    return [kind, all.filter((text) => !text.startsWith('["pair/weft-system/ingress/')).toSorted()] as const
  })

describe('changes of what the egress gateway is made of', () => {
  it('add up to what a look at everything gives, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 15 }), (steps) => {
        const compiler = createCompiler({ proxies: ['node-1'] })
        const input = (): EncodeInput => ({
          snapshot: compiler.snapshot,
          node: 'node-1',
          layouts: new Map([['node-1', LAYOUT]]),
          replicas: REPLICAS,
          demand: { virtualHosts: new Set([`outbound/default/control-v1/${HOST}`, `outbound/default/control-v1/${HOST}:443`]), clusters: new Set() },
        })
        compiler.apply(functionOf('control').map((resource) => ({ type: 'set', resource })))
        const encoder = new WholeEncoder()
        encoder.encode(input())
        for (const { at, which } of steps) {
          const [first] = CHOICES[at] ?? []
          const resource = which === undefined ? undefined : CHOICES[at]?.[which]
          if (first === undefined) continue
          const { difference } = compiler.apply([resource === undefined ? { type: 'removed', ref: refOf(first) } : { type: 'set', resource }])
          const told = encoder.encode(input(), { ...NOTHING, ...touchedBy(difference) })
          expect(contentOf(told)).toEqual(contentOf(new WholeEncoder().encode(input())))
        }
      }),
      { numRuns: 60 },
    )
  })
})

const REPLICAS = new Map([['default/control-v1', [replica('a', '/s/a', '/s/o')]]])
