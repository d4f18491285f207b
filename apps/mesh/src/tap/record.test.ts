import { describe, expect, it } from '@jest/globals'
import { snapshot, workload } from '../encode/testing/model.ts'
import { encodeAny } from '../proto/codec.ts'
import { Ends } from '../statistics/ends.ts'
import { callOf, readRecord, type TapRecord } from './record.ts'

const ends = new Ends(snapshot([workload('a'), workload('b')], []))
const inbound: TapRecord = {
  listener: 'inbound/default/b-1',
  start: '1795000000123',
  method: 'GET',
  path: '/',
  code: '200',
  peer: 'spiffe://cluster.local/ns/default/sa/a',
}
const outbound: TapRecord = { ...inbound, listener: 'outbound/default/a-1', peer: '-', cluster: '-' }
const of = (more: TapRecord) => callOf({ ...inbound, ...more }, ends)?.call

describe('a record of a call', () => {
  it('is read as it is sent', () => {
    const attributes = Object.entries(inbound).map(([key, value]) => ({ key, value: { string_value: value } }))
    expect(readRecord(encodeAny('opentelemetry.proto.logs.v1.LogRecord', { attributes }))).toEqual(inbound)
    expect(readRecord(new Uint8Array())).toEqual({})
    expect(() => readRecord(new Uint8Array([0xff, 0xff]))).toThrow()
  })

  it('names both ends by what is proven', () => {
    expect(of({})).toMatchObject({ at: '2026-11-18T11:06:40.123Z', source: { workload: 'a-1' }, destination: { workload: 'b-1' } })
    expect(of({ peer: 'spiffe://cluster.local/ns/other/sa/x', tls: 'TLSv1.3' })).toMatchObject({ source: { namespace: 'other', workload: 'x' }, mtls: true })
    expect(of({ peer: '-' })).toMatchObject({ source: { workload: 'unknown', principal: 'unknown' }, mtls: false })
    expect(callOf({ ...outbound, cluster: 'pair/default/a/default/b-1' }, ends)?.call).toMatchObject({
      direction: 'outbound',
      destination: { workload: 'b-1' },
    })
    expect(callOf({ ...outbound, cluster: 'egress' }, ends)?.call.destination.workload).toBe('PassthroughCluster')
    expect(callOf(outbound, ends)?.call.destination.workload).toBe('unknown')
  })

  it.each<[string, TapRecord]>([
    ['the prober’s', { peer: 'spiffe://cluster.local/ns/weft-system/sa/prober' }],
    ['a question of the proxy to itself', { listener: 'outbound/default/a-1', question: 'yes' }],
    ['the way of a first call to what waits for its clusters', { listener: 'outbound/default/a-1', cluster: 'connect/default/a-1' }],
    ['of no listener', { listener: '-' }],
    ['of a listener that has no taps', { listener: 'ingress/default/a-1' }],
  ])('%s is nobody’s', (_, more) => expect(of(more)).toBeUndefined())

  it('keeps no password, and nothing without end', () => {
    expect(of({ authority: 'user:secret@b:8080' })?.host).toBe('b:8080')
    expect(of({ path: `/${'x'.repeat(60_000)}` })?.path.length).toBe(1025)
    expect(of({ code: 'x', durationMs: '-5', bytesSent: '9'.repeat(40), start: '' })).toMatchObject({ status: 0, durationMs: 0, responseBytes: 0 })
  })
})
