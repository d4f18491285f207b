import { describe, expect, it } from '@jest/globals'
import { aGateway, anExternal, aPolicy, aVirtualService, compiled } from '../../test/resources.ts'
import { authorize, describeHost } from './index.ts'

const gateway = aGateway('egress', [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['a.example.com'] }], {}, { istio: 'egressgateway' })
const snapshot = compiled(
  gateway,
  anExternal('a', { hosts: ['a.example.com'], ports: [{ number: 443, name: 'https', protocol: 'HTTPS' }] }),
  aVirtualService('a', {
    hosts: ['a.example.com'],
    gateways: ['egress'],
    http: [{ route: [{ destination: { host: 'a.example.com', port: { number: 443 } } }] }],
  }),
  aPolicy(
    'outside',
    { selector: { matchLabels: { istio: 'egressgateway' } }, rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/a'] } }] }] },
    { namespace: 'istio-system' },
  ),
)

describe('the egress gateway, asked for by name', () => {
  it.each([
    ['weft-system', 'egressgateway'],
    ['weft-system', 'istio-egressgateway'],
  ])('is described as %s/%s', (namespace, name) => {
    const described = describeHost(snapshot, { namespace, name })
    expect(described).toMatchObject({
      ports: [80],
      isPrivate: true,
      routes: [
        { when: 'For a.example.com: Every call', shares: [{ percent: 100, outside: 'a.example.com:443' }] },
        { when: 'Calls whose port is 80', shares: [{ percent: 100, workload: 'weft-system/egressgateway-80' }] },
      ],
      workloads: [{ identity: 'spiffe://cluster.local/ns/weft-system/sa/egressgateway', fromOutside: false, policies: [{ name: 'outside' }] }],
    })
  })

  it('is not there without a Gateway', () => {
    expect(describeHost(compiled(), { namespace: 'weft-system', name: 'egressgateway' })).toBeUndefined()
  })

  it.each([
    ['a', true],
    ['b', false],
  ])('lets %s pass: %s', (name, allowed) => {
    const from = { kind: 'workload', name: { namespace: 'default', name } } as const
    expect(authorize(snapshot, { from, to: { namespace: 'weft-system', name: 'egressgateway' }, method: 'GET', path: '/' })?.allowed).toBe(allowed)
  })
})
