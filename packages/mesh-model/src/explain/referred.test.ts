import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { aDestinationRule, aFunction, aRevision, aVirtualService, compiled } from '../../test/resources.ts'
import { referredWorkloads } from './index.ts'

const base = [aFunction('web', { traffic: { v3: 100 } }), ...['v1', 'v2', 'v3'].map((revision) => aRevision('web', revision))]
const subsets = aDestinationRule('web', { v1: { version: 'v1' }, v2: { version: 'v2' } })
const to = (subset: string) => ({ host: 'web', subset })
const asked = ['default/web-v1', 'default/web-v2', 'default/web-v3', 'default/none']

describe('the workloads that routes refer to', () => {
  it.each<[string, readonly Resource[], readonly string[]]>([
    ['are none by the split of the function alone', [], []],
    ['are those of a subset', [aVirtualService('a', { hosts: ['web'], http: [{ route: [{ destination: to('v1') }] }] })], ['default/web-v1']],
    [
      'are those that get copies',
      [aVirtualService('a', { hosts: ['web'], http: [{ route: [{ destination: { host: 'web' } }], mirrors: [{ destination: to('v2') }] }] })],
      ['default/web-v2', 'default/web-v3'],
    ],
    [
      'are those of names of Gateways too',
      [
        aVirtualService('a', { hosts: ['web.example.org'], gateways: ['front'], http: [{ route: [{ destination: to('v1') }] }] }),
        {
          apiVersion: 'networking.istio.io/v1',
          kind: 'Gateway',
          metadata: { name: 'front', namespace: 'default' },
          spec: { selector: { istio: 'ingressgateway' }, servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] },
        },
      ],
      ['default/web-v1'],
    ],
  ])('%s', (_name, more, expected) => {
    const snapshot = compiled(...base, subsets, ...more)
    expect(referredWorkloads(snapshot, asked).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(expected)
  })
})
