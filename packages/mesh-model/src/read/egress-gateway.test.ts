import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { compiled, reasonsOf } from '../../test/resources.ts'

const policy = (matchLabels: Readonly<Record<string, string>>): Resource => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'outside', namespace: 'istio-system' },
  spec: { selector: { matchLabels } },
})
const gateway: Resource = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { name: 'outside', namespace: 'default' },
  spec: { selector: { istio: 'egressgateway' }, servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['a.example.com'] }] },
}

describe('the egress gateway, which is not served', () => {
  it.each([
    ['a Gateway of it', gateway, ['Gateway/outside GatewayNotOurs']],
    ['a policy of it', policy({ istio: 'egressgateway' }), ['AuthorizationPolicy/outside SelectorIgnored']],
    ['a policy of the ingress', policy({ istio: 'ingressgateway' }), []],
    ['a policy of functions', policy({ app: 'shop' }), []],
  ])('is told to the author of %s', (_name, resource, reasons) => {
    expect(reasonsOf(compiled(resource))).toEqual(reasons)
  })
})
