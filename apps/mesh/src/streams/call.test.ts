import { describe, expect, it } from '@jest/globals'
import { callOf, type Struct } from './call.ts'

const header = (key: string, text: string) => ({ key, raw_value: Buffer.from(text) })
const told = (...headers: readonly { readonly key: string; readonly raw_value: Uint8Array }[]) => ({
  request_headers: { headers: { headers: [header(':method', 'GET'), header(':path', '/a?b'), header(':authority', 'callee:8080'), ...headers] } },
})
const BASE = { method: 'GET', path: '/a?b', host: 'callee:8080', port: 8080 }
const claims = (payload: Struct): Struct => ({ fields: { payload: { structValue: payload } } })

describe('the call that a stream began with', () => {
  it.each<[string, Parameters<typeof callOf>[0], unknown]>([
    ['a caller without a certificate', told(), { ...BASE, headers: {} }],
    [
      'the verified peer',
      told(
        header('x-forwarded-client-cert', 'By=spiffe://cluster.local/ns/default/sa/callee;Hash=ab;Subject="";URI=spiffe://cluster.local/ns/default/sa/control'),
      ),
      { ...BASE, principal: 'spiffe://cluster.local/ns/default/sa/control', headers: expect.anything() },
    ],
    [
      'the address of a client outside, and headers that were sent twice',
      told(header('x-weft-client', '192.0.2.1'), header('X-Role', 'a'), header('x-role', 'é')),
      { ...BASE, address: '192.0.2.1', headers: { 'x-weft-client': ['192.0.2.1'], 'x-role': ['a', 'é'] } },
    ],
    [
      'a value that came as text',
      { request_headers: { headers: { headers: [{ key: ':method', value: 'POST' }] } } },
      { method: 'POST', path: '', host: '', port: 8080, headers: {} },
    ],
    [
      'the claims of a verified JWT',
      {
        ...told(),
        metadata_context: {
          filter_metadata: {
            'envoy.filters.http.jwt_authn': claims({
              fields: {
                iss: { stringValue: 'me' },
                groups: { listValue: { values: [{ stringValue: 'a' }] } },
                age: { numberValue: 5 },
                ok: { boolValue: false },
              },
            }),
          },
        },
      },
      { ...BASE, headers: {}, claims: { iss: 'me', groups: ['a'], age: 5, ok: false } },
    ],
    ['nothing but the beginning', { request_headers: null }, undefined],
  ])('is read with %s', (_name, request, expected) => expect(callOf(request)).toEqual(expected))
})
