import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { ERRORS, WeftError, type ErrorEntry } from './errors.ts'
import { parseSpiffeId, spiffeId } from './identity.ts'
import { canonicalNamespace, isDnsLabel, keyOf, parseFunctionRef, splitKey } from './names.ts'
import { groupOf, refKey, refOf } from './resource.ts'
import { parseCpuMillis, parseDurationMs, parseMemoryBytes } from './units.ts'

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/)

describe('names', () => {
  it.each(['a', 'temp', 'a-b-c', '0', 'x'.repeat(63)])('takes %s', (text) => expect(isDnsLabel(text)).toBe(true))
  it.each(['', '-a', 'a-', 'A', 'a_b', 'a.b', 'ä', 'x'.repeat(64), 'a\n', 'a b', '../a'])('refuses %j', (text) => expect(isDnsLabel(text)).toBe(false))

  it.each([
    ['temp', undefined, { namespace: 'default', name: 'temp' }],
    ['temp.staging', undefined, { namespace: 'staging', name: 'temp' }],
    ['temp.openfaas-fn', undefined, { namespace: 'default', name: 'temp' }],
    ['temp', 'staging', { namespace: 'staging', name: 'temp' }],
  ])('reads %s in %s', (text, namespace, expected) => expect(parseFunctionRef(text, namespace)).toEqual(expected))

  it.each(['a.b@169.254.169.254', '../system', '%2e%2e', '[::1]', 'a..b', 'a.b:80', '', '.', 'a.'])('refuses %j as a function', (text) => {
    expect(() => parseFunctionRef(text)).toThrow(expect.objectContaining({ code: 'INVALID_NAME', status: 400 }))
  })

  it('means the default namespace by the alias of OpenFaaS and by nothing', () => {
    expect([canonicalNamespace(undefined), canonicalNamespace(''), canonicalNamespace('openfaas-fn'), canonicalNamespace('x')]).toEqual([
      'default',
      'default',
      'default',
      'x',
    ])
  })

  it('splits every key that it makes', () => {
    fc.assert(fc.property(label, label, (namespace, name) => expect(splitKey(keyOf({ namespace, name }))).toEqual({ namespace, name })))
  })
})

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    ['180', 180_000],
    [2, 2_000],
    ['0', 0],
  ])('reads %s', (text, ms) => expect(parseDurationMs(text, 'timeout')).toBe(ms))
  it.each(['', 's', '-1s', '1d', '1 s', '1s ', 'soon', Number.NaN, -1])('refuses %j and names the field', (text) =>
    expect(() => parseDurationMs(text, 'timeout')).toThrow(/^timeout: /),
  )
})

describe('quantities', () => {
  it.each([
    ['128Mi', 134_217_728],
    ['1G', 1_000_000_000],
    ['128m', 134_217_728],
    ['0.5Gi', 536_870_912],
    ['1024', 1024],
  ])('reads %s of memory', (text, bytes) => expect(parseMemoryBytes(text, 'memory')).toBe(bytes))
  it.each(['', 'lots', '-1Mi', '1 Mi', '1Xi'])('refuses %j of memory', (text) => expect(() => parseMemoryBytes(text, 'memory')).toThrow(/memory/))
  it.each([
    ['100m', 100],
    ['0.5', 500],
    ['2', 2_000],
  ])('reads %s of CPU', (text, millis) => expect(parseCpuMillis(text, 'cpu')).toBe(millis))
  it.each(['', 'm', '1k', '-1'])('refuses %j of CPU', (text) => expect(() => parseCpuMillis(text, 'cpu')).toThrow(/cpu/))
})

describe('identities', () => {
  it('reads every SPIFFE ID that it writes', () => {
    fc.assert(
      fc.property(label, label, (namespace, serviceAccount) => {
        const identity = { trustDomain: 'cluster.local', namespace, serviceAccount }
        expect(parseSpiffeId(spiffeId(identity))).toEqual(identity)
      }),
    )
  })
  it.each([
    '',
    'spiffe://cluster.local/ns/a',
    'spiffe://cluster.local/ns/a/sa/b/c',
    'https://cluster.local/ns/a/sa/b',
    'spiffe://cluster.local/ns/a/sa/b\n',
    'xspiffe://c/ns/a/sa/b',
  ])('takes %j for no identity', (uri) => expect(parseSpiffeId(uri)).toBeUndefined())
})

describe('errors', () => {
  it('fills the fields in and leaves an unknown one as it is', () => {
    const error = new WeftError('INVALID_VALUE', { field: 'a', reason: 'b' })
    expect([error.message, error.status, error.fault]).toEqual(['a: b', 400, 'user'])
    expect(new WeftError('INVALID_VALUE', { field: 'a' }).message).toBe('a: {reason}')
  })

  it.each(Object.entries<ErrorEntry>(ERRORS))('%s says what happened and what to do, with a status that fits its fault', (_code, entry) => {
    expect(entry.message.length).toBeGreaterThan(5)
    expect(entry.help.length).toBeGreaterThan(5)
    expect(entry.status).toBeGreaterThanOrEqual(400)
    expect(entry.status).toBeLessThan(600)
  })
})

describe('references', () => {
  it('tells kinds of different groups and namespaces apart', () => {
    const service = refOf({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'b' } })
    const other = refOf({ apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: { name: 'a', namespace: 'b' } })
    expect([refKey(service), refKey(other)]).toEqual(['/Service/b/a', 'serving.knative.dev/Service/b/a'])
    expect([groupOf('v1'), groupOf('a/v1')]).toEqual(['', 'a'])
  })
})
