import { describe, expect, it } from '@jest/globals'
import { isWeftError } from '@weft/core'
import { decodeAny, encodeAny } from './codec.ts'

const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster'
const HTTP_OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

const reason = (json: Record<string, unknown>, typeUrl = CLUSTER): string => {
  try {
    encodeAny(typeUrl, json, 'x')
  } catch (error) {
    if (isWeftError(error, 'MESH_RESOURCE_INVALID')) return `${error.fields['path']}: ${error.fields['reason']}`
    throw error
  }
  return 'encoded'
}

describe('encodeAny', () => {
  it('writes what decodeAny reads back, nested Any, enums, wrappers and durations included', () => {
    const json = {
      name: 'local/default/temp',
      type: 'EDS',
      connect_timeout: '1.5s',
      per_connection_buffer_limit_bytes: 32768,
      eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: { seconds: 1 } } },
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': HTTP_OPTIONS, explicit_http_config: { http2_protocol_options: {} } },
      },
    }
    const read = decodeAny(CLUSTER, encodeAny(CLUSTER, json))
    expect(read).toMatchObject({
      name: 'local/default/temp',
      type: 'EDS',
      connect_timeout: { seconds: 1, nanos: 500_000_000 },
      per_connection_buffer_limit_bytes: { value: 32768 },
      eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: { seconds: 1 } } },
    })
    const options = (read['typed_extension_protocol_options'] as Record<string, { type_url: string; value: Uint8Array }>)[
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
    ]
    expect(options?.type_url).toBe(HTTP_OPTIONS)
    expect(decodeAny(HTTP_OPTIONS, options?.value ?? Buffer.alloc(0))).toEqual({ explicit_http_config: { http2_protocol_options: {} } })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown field', { name: 'a', nmae: 'b' }, 'nmae: Cluster has no such field'],
    [
      'an unknown field further down',
      { eds_cluster_config: { eds_config: { adds: {} } } },
      'eds_cluster_config.eds_config.adds: ConfigSource has no such field',
    ],
    ['a name of Object.prototype', { constructor: 'a' }, 'constructor: Cluster has no such field'],
    ['an unknown enum value', { type: 'EDSS' }, 'type: "EDSS" is not a value of DiscoveryType'],
    ['a text where a number belongs', { alt_stat_name: 5 }, 'alt_stat_name: "5" is not a string'],
    ['a number out of range', { per_connection_buffer_limit_bytes: -1 }, 'per_connection_buffer_limit_bytes.value: "-1" is not a uint32'],
    ['two members of a oneof', { type: 'EDS', cluster_type: { name: 'x' } }, 'type: excludes cluster_type, which is set too'],
    ['an object for a list', { filters: {} }, 'filters: a repeated field must be an array'],
    ['an Any without a type', { transport_socket: { name: 'tls', typed_config: {} } }, 'transport_socket.typed_config: an Any needs an @type'],
    [
      'an Any of an unknown type',
      { transport_socket: { name: 'tls', typed_config: { '@type': 'type.googleapis.com/envoy.Nope' } } },
      'transport_socket.typed_config: the message envoy.Nope is not among the vendored definitions',
    ],
    ['null', { name: null }, 'name: an object is not a string'],
  ])('refuses %s by its path', (_name, json, expected) => {
    expect(reason(json)).toBe(expected)
  })
})
