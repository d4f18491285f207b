import { describe, expect, it } from '@jest/globals'
import { tapShows, type TapCall, type TapFilter } from './tap.ts'

const end = (name: string, namespace = 'default') => ({
  workload: `${name}-00001`,
  namespace,
  principal: `spiffe://cluster.local/ns/${namespace}/sa/${name}`,
  app: name,
  version: 'v1',
  service: name,
})
const call: TapCall = {
  kind: 'call',
  at: '2026-01-01T00:00:00.000Z',
  direction: 'inbound',
  source: end('a', 'shop'),
  destination: end('b'),
  method: 'POST',
  host: 'b',
  path: '/orders/1',
  status: 404,
  flags: '-',
  details: '',
  durationMs: 1,
  requestBytes: 0,
  responseBytes: 0,
  mtls: true,
}
const named = (name: string, namespace: string) => ({ kind: 'workload', name: { name, namespace } }) as const

describe('a filter of calls', () => {
  it.each<[TapFilter, boolean]>([
    [{}, true],
    [{ direction: 'inbound' }, true],
    [{ direction: 'outbound' }, false],
    [{ method: 'POST' }, true],
    [{ method: 'GET' }, false],
    [{ path: { kind: 'prefix', value: '/orders/' } }, true],
    [{ path: { kind: 'suffix', value: '/2' } }, false],
    [{ path: { kind: 'exact', value: '/orders/1' } }, true],
    [{ status: { from: 400, to: 499 } }, true],
    [{ status: { from: 404, to: 404 } }, true],
    [{ status: { from: 500, to: 599 } }, false],
    [{ from: named('a', 'shop') }, true],
    [{ from: named('a-00001', 'shop') }, true],
    [{ from: named('a', 'default') }, false],
    [{ from: { kind: 'identity', principal: 'spiffe://cluster.local/ns/shop/sa/a' } }, true],
    [{ from: { kind: 'identity', principal: 'spiffe://cluster.local/ns/shop/sa' } }, false],
    [{ from: { kind: 'ingress' } }, false],
    [{ fromNamespace: 'shop' }, true],
    [{ fromNamespace: 'default' }, false],
    [{ method: 'POST', status: { from: 500, to: 599 } }, false],
  ])('%j: %s', (filter, shown) => expect(tapShows(filter, call)).toBe(shown))
})
