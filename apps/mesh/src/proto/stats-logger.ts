import type protobuf from 'protobufjs/light.js'

/** Where {@link STATS_LOGGER} belongs. */
export const STATS_LOGGER_PACKAGE = 'envoy.extensions.access_loggers.stats.v3'

const field = (id: number, type: string, rule?: 'repeated') => ({ id, type, ...(rule === undefined ? {} : { rule }) })

/**
 * What we send of Envoy's access logger that counts (envoy/extensions/access_loggers/stats/v3/stats.proto, in Envoy since 1.36). The vendored definitions are
 * older than it.
 */
export const STATS_LOGGER: Record<string, protobuf.AnyNestedObject> = {
  Config: {
    fields: { stat_prefix: field(1, 'string'), histograms: field(3, 'Histogram', 'repeated'), counters: field(4, 'Counter', 'repeated') },
    nested: {
      Tag: { fields: { name: field(1, 'string'), value_format: field(2, 'string') } },
      Stat: { fields: { name: field(1, 'string'), tags: field(2, 'Tag', 'repeated') } },
      Histogram: {
        fields: { stat: field(1, 'Stat'), unit: field(2, 'Unit'), value_format: field(3, 'string') },
        nested: { Unit: { values: { Unspecified: 0, Bytes: 1, Microseconds: 2, Milliseconds: 3, Percent: 4 } } },
      },
      Counter: { fields: { stat: field(1, 'Stat'), value_format: field(2, 'string'), value_fixed: field(3, 'google.protobuf.UInt64Value') } },
    },
  },
}
