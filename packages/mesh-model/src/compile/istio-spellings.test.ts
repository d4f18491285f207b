import { describe, expect, it } from '@jest/globals'
import { checkResource } from '@weft/api'
import type { Resource } from '@weft/core'
import { analyze } from '../analyze/index.ts'
import { evaluatePolicy } from '../policy/evaluate.ts'
import { aFunction, aGateway, aPolicy, aRevision, aVirtualService, compiled } from '../../test/resources.ts'

// What stands in files of Istio's own (samples, test data of pilot and of istioctl analyze), and was once read in another way.

const shop = [aFunction('shop', { traffic: { v1: 100 } }), aRevision('shop', 'v1')]
const server = (number: number, protocol: string, mode?: string) => ({
  port: { number, name: `p-${number}`, protocol },
  hosts: ['*'],
  ...(mode === undefined ? {} : { tls: { mode } }),
})

describe('a Gateway as Istio has them', () => {
  const gateway = (...servers: readonly unknown[]): Resource => aGateway('web', servers, { namespace: 'istio-system' })

  it.each([
    ['a protocol in small letters', server(15012, 'tls', 'PASSTHROUGH'), 'tls'],
    ['HTTPS that goes through', server(8443, 'HTTPS', 'PASSTHROUGH'), 'tls'],
    ['plain HTTP in small letters', server(8090, 'http'), 'http'],
    ['raw TCP in small letters', server(31400, 'tcp'), 'tcp'],
  ])('may have %s', (_name, written, protocol) => {
    const resource = gateway(written)
    expect(checkResource(resource).violations).toBeUndefined()
    const chains = [...compiled(...shop, resource).listeners.values()].flatMap((listener) => listener.chains.map((chain) => chain.protocol))
    expect(chains).toEqual([protocol])
  })

  it('is meant by istio-system/NAME', () => {
    const routes = aVirtualService('shop', {
      hosts: ['shop.example.com'],
      gateways: ['istio-system/web'],
      http: [{ route: [{ destination: { host: 'shop' } }] }],
    })
    const found = analyze([...shop, gateway(server(80, 'HTTP')), routes])
    expect(found.filter(({ code }) => code === 'IST0101')).toEqual([])
  })
})

describe('a path template', () => {
  it.each([
    ['/foo/{**}/bar', '/foo/a/b/bar', true],
    ['/foo/{**}/bar', '/foo/a/b', false],
    ['/{*}/foo/{**}/bar', '/a/foo/b/bar', true],
    ['/{*}/foo/', '/a/foo/', true],
  ])('%s holds for %s: %s', (template, path, holds) => {
    const policy = aPolicy('p', { rules: [{ to: [{ operation: { paths: [template] } }] }] })
    expect(checkResource(policy).violations).toBeUndefined()
    const allowed = compiled(...shop, policy).workloads.get('default/shop-v1')?.policy ?? { deny: [], allow: [] }
    expect(evaluatePolicy(allowed, { path, method: 'GET', port: 8080 }).allowed).toBe(holds)
  })

  it.each(['/foo/{**}buzz/bar', '/{**}/foo/{*}/bar', '/{**}/{**}', '/{*}/foo/{}/bar', '/foo/{*}/bar/*', '/{*}/foo/{*}.txt', '/{*}/foo/temp}/bar'])(
    '%s is none',
    (template) => {
      const policy = aPolicy('p', { rules: [{ to: [{ operation: { paths: [template] } }] }] })
      expect(checkResource(policy).violations).toHaveLength(1)
      expect(compiled(...shop, policy).workloads.get('default/shop-v1')?.policy.broken).toBeDefined()
    },
  )
})

describe('the name of a port', () => {
  const service = (name: string, namespace = 'default'): Resource => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'one', namespace },
    spec: { selector: { app: 'nobody' }, ports: [{ name, port: 80 }] },
  })
  const told = (resource: Resource) => analyze([resource]).some(({ code }) => code === 'IST0118')

  it.each(['tcp-foo', 'tcp', 'mongo', 'redis-cache', 'tls-x', 'http2-x', 'grpc-web'])('%s tells its protocol', (name) => {
    expect(told(service(name))).toBe(false)
  })

  it('that tells none is told, but not of the platform’s own', () => {
    expect([told(service('foo')), told(service('foo', 'istio-system'))]).toEqual([true, false])
  })
})
