import { describe, expect, it } from '@jest/globals'
import { parseListen, readConfig } from './config.ts'

const base = { flags: {}, env: { HOME: '/home/someone' }, uid: 1000 }

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig(base)).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      tlsListen: { host: '127.0.0.1', port: 8443 },
      metricsListen: { host: '127.0.0.1', port: 8082 },
      dataDir: '/home/someone/.local/share/weft',
      auth: 'basic',
      isolation: 'preferred',
      mesh: { path: 'encrypted', trustDomain: 'cluster.local', certificateTtlMs: 86_400_000 },
      drainTimeoutMs: 30_000,
    })
  })

  it('lets a flag win over the environment and the environment over the file', () => {
    const file = { name: 'weft.yaml', text: 'listen: 127.0.0.1:1\nauth: none\nisolation: none\nmesh: { path: direct }' }
    const config = readConfig({ ...base, file, env: { ...base.env, WEFT_LISTEN: '127.0.0.1:2', WEFT_ISOLATION: 'required' }, flags: { listen: '127.0.0.1:3' } })
    expect(config).toMatchObject({ listen: { port: 3 }, auth: 'none', isolation: 'required', mesh: { path: 'direct' } })
  })

  it('understands the variables of OpenTelemetry', () => {
    const env = { ...base.env, OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector/otlp/', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER_ARG: '0.25' }
    const file = { name: 'weft.yaml', text: 'tracing: { endpoint: "http://other:1", sampling: 3 }\naccessLog: { format: otlp, only: errors }' }
    const collector = { protocol: 'grpc', secure: true, host: 'collector', port: 4317, path: '/otlp' }
    expect(readConfig({ ...base, env, file })).toMatchObject({
      tracing: { collector, samplingPercent: 25 },
      accessLog: { format: 'otlp', only: 'errors', collector },
    })
    expect(() => readConfig({ ...base, env: { ...env, OTEL_TRACES_SAMPLER_ARG: '7' } })).toThrow(/OTEL_TRACES_SAMPLER_ARG is "7".*from 0 to 1/)
  })

  it('reads where an authority is brought from: a flag, the environment, the file', () => {
    const file = { name: 'weft.yaml', text: 'mesh: { caDirectory: /file, rootOverlap: 30m, trustDomain: corp.example }' }
    const env = { ...base.env, WEFT_CA_DIRECTORY: '/env' }
    expect(readConfig({ ...base, file }).mesh).toMatchObject({ caDirectory: '/file', rootOverlapMs: 1_800_000 })
    expect(readConfig({ ...base, file, env }).mesh).toMatchObject({ caDirectory: '/env', trustDomain: 'corp.example' })
    expect(readConfig({ ...base, file, env, flags: { mesh: { caDirectory: '/flag' } } }).mesh).toMatchObject({
      caDirectory: '/flag',
      trustDomain: 'corp.example',
    })
    expect(readConfig(base).mesh).toMatchObject({ rootOverlapMs: 3_600_000 })
  })

  it('takes TLS beside the gateway, unless it is said where', () => {
    const flags = { listen: '0.0.0.0:80', tlsCert: '/etc/own.pem', tlsKey: '/etc/own.key' }
    const expected = { tlsListen: { host: '0.0.0.0', port: 8443 }, tlsCertificate: { certificate: '/etc/own.pem', key: '/etc/own.key' } }
    expect(readConfig({ ...base, flags })).toMatchObject(expected)
    expect(readConfig({ ...base, flags: { ...flags, tlsListen: '[::1]:443' } })).toMatchObject({ tlsListen: { host: '::1', port: 443 } })
  })

  it('gives different data directories different socket directories', () => {
    const one = readConfig({ ...base, flags: { dataDir: '/tmp/a' } }).runDir
    const two = readConfig({ ...base, flags: { dataDir: '/tmp/b' } }).runDir
    expect(one).not.toBe(two)
    expect(one.length).toBeLessThan(40)
  })

  it.each([
    ['a setting that does not exist', 'lisen: 127.0.0.1:1', /there is no setting "lisen"/],
    ['a value outside of its choices', 'isolation: maybe', /isolation .*required, preferred, none/],
    ['a wrong type', 'mesh: { envoyConcurrency: many }', /mesh\.envoyConcurrency/],
    ['several things at once', 'a: 1\nb: 2', /"a".*"b"/],
    ['a file that is not YAML', 'a: [', /weft\.yaml/],
    ['a duration that cannot be read', 'drainTimeout: soon', /drainTimeout/],
    ['a certificate without its key', 'tlsCert: a.pem', /tlsCert and tlsKey/],
    ['an address block that is none', 'mesh: { jwks: { allowedAddresses: [10.0.0.0/99] } }', /mesh\.jwks\.allowedAddresses: 10\.0\.0\.0\/99/],
    ['keys that are fetched all the time', 'mesh: { jwks: { refreshInterval: 1ms } }', /at least 100ms/],
    ['a certificate that lives too long', 'mesh: { certificateTtl: 48h }', /from 1m to 24h/],
    ['an address without a port', 'listen: localhost', /HOST:PORT/],
    ['a share of traces above all of them', 'tracing: { endpoint: "http://c:4318", sampling: 101 }', /tracing\.sampling .*<= 100.*101/],
    ['a collector without a scheme', 'tracing: { endpoint: "localhost:4318" }', /tracing\.endpoint .*http.*localhost:4318/],
    ['a collector with a password in its address', 'tracing: { endpoint: "http://user:pw@c:4318" }', /tracing\.endpoint/],
    ['a collector at a port that is none', 'tracing: { endpoint: "http://c:99999" }', /http:\/\/c:99999.*1 to 65535/],
    ['a protocol that is none of OTLP', 'tracing: { endpoint: "http://c", protocol: http/json }', /tracing\.protocol .*http\/protobuf, grpc.*http\/json/],
    ['a format of the access log that there is not', 'accessLog: { format: xml }', /accessLog\.format .*json, text, otlp, none.*xml/],
    ['an access log for a collector without one', 'accessLog: { format: otlp }', /accessLog\.endpoint nor tracing\.endpoint/],
    ['a key given twice', 'auth: none\nauth: basic', /weft\.yaml/],
  ])('refuses %s and says so', (_name, text, pattern) => {
    expect(() => readConfig({ ...base, file: { name: 'weft.yaml', text } })).toThrow(pattern)
  })
})

describe('parseListen', () => {
  it.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ])('reads %s', (text, expected) => expect(parseListen(text, 'listen')).toEqual(expected))
  it.each(['8080', ':8080', 'a:65536', 'a:b', '::1:80'])('refuses %s', (text) => expect(() => parseListen(text, 'listen')).toThrow(/HOST:PORT/))
})
