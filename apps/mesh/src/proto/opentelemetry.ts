import protobuf from 'protobufjs/light.js'

const field = (id: number, type: string, rule?: 'repeated') => ({ id, type, ...(rule === undefined ? {} : { rule }) })
const map = (id: number) => ({ id, type: 'string', keyType: 'string' })

const COMMON = '.opentelemetry.proto.common.v1'
const RESOURCE = '.opentelemetry.proto.resource.v1.Resource'
const TRACE = '.opentelemetry.proto.trace.v1'

/** OTLP 1.x, as far as we send it or tell Envoy about it (opentelemetry/proto: common/v1, resource/v1, trace/v1, collector/trace/v1). */
const OTLP: Readonly<Record<string, Record<string, protobuf.AnyNestedObject>>> = {
  'opentelemetry.proto.common.v1': {
    AnyValue: {
      oneofs: { value: { oneof: ['string_value', 'bool_value', 'int_value', 'double_value', 'array_value', 'kvlist_value'] } },
      fields: {
        string_value: field(1, 'string'),
        bool_value: field(2, 'bool'),
        int_value: field(3, 'int64'),
        double_value: field(4, 'double'),
        array_value: field(5, 'ArrayValue'),
        kvlist_value: field(6, 'KeyValueList'),
      },
    },
    ArrayValue: { fields: { values: field(1, 'AnyValue', 'repeated') } },
    KeyValueList: { fields: { values: field(1, 'KeyValue', 'repeated') } },
    KeyValue: { fields: { key: field(1, 'string'), value: field(2, 'AnyValue') } },
    InstrumentationScope: { fields: { name: field(1, 'string'), version: field(2, 'string') } },
  },
  'opentelemetry.proto.resource.v1': { Resource: { fields: { attributes: field(1, `${COMMON}.KeyValue`, 'repeated') } } },
  'opentelemetry.proto.trace.v1': {
    ResourceSpans: { fields: { resource: field(1, RESOURCE), scope_spans: field(2, 'ScopeSpans', 'repeated') } },
    ScopeSpans: { fields: { scope: field(1, `${COMMON}.InstrumentationScope`), spans: field(2, 'Span', 'repeated') } },
    Span: {
      fields: {
        trace_id: field(1, 'bytes'),
        span_id: field(2, 'bytes'),
        parent_span_id: field(4, 'bytes'),
        name: field(5, 'string'),
        kind: field(6, 'int32'),
        start_time_unix_nano: field(7, 'fixed64'),
        end_time_unix_nano: field(8, 'fixed64'),
        attributes: field(9, `${COMMON}.KeyValue`, 'repeated'),
        status: field(15, 'Status'),
      },
    },
    Status: { fields: { message: field(2, 'string'), code: field(3, 'int32') } },
  },
  // Records stay bytes, so that those that nobody looks at are counted and not read.
  'opentelemetry.proto.logs.v1': {
    ResourceLogs: { fields: { scope_logs: field(2, 'ScopeLogs', 'repeated') } },
    ScopeLogs: { fields: { log_records: field(2, 'bytes', 'repeated') } },
    LogRecord: { fields: { attributes: field(6, `${COMMON}.KeyValue`, 'repeated') } },
  },
  'opentelemetry.proto.collector.logs.v1': {
    ExportLogsServiceRequest: { fields: { resource_logs: field(1, '.opentelemetry.proto.logs.v1.ResourceLogs', 'repeated') } },
    ExportLogsServiceResponse: { fields: {} },
  },
  'opentelemetry.proto.collector.trace.v1': {
    ExportTraceServiceRequest: { fields: { resource_spans: field(1, `${TRACE}.ResourceSpans`, 'repeated') } },
    ExportTraceServiceResponse: { fields: {} },
  },
}

const ENVOY: Readonly<Record<string, Record<string, protobuf.AnyNestedObject>>> = {
  // envoy/config/core/v3/http_service.proto
  'envoy.config.core.v3': { HttpService: { fields: { http_uri: field(1, 'HttpUri') } } },
  // envoy/config/trace/v3/opentelemetry.proto
  'envoy.config.trace.v3': {
    OpenTelemetryConfig: {
      fields: {
        grpc_service: field(1, '.envoy.config.core.v3.GrpcService'),
        service_name: field(2, 'string'),
        http_service: field(3, '.envoy.config.core.v3.HttpService'),
        resource_detectors: field(4, '.envoy.config.core.v3.TypedExtensionConfig', 'repeated'),
      },
    },
  },
  'envoy.extensions.tracers.opentelemetry.resource_detectors.v3': { StaticConfigResourceDetectorConfig: { fields: { attributes: map(1) } } },
  // envoy/extensions/access_loggers/grpc/v3/als.proto
  'envoy.extensions.access_loggers.grpc.v3': {
    CommonGrpcAccessLogConfig: {
      fields: {
        log_name: field(1, 'string'),
        grpc_service: field(2, '.envoy.config.core.v3.GrpcService'),
        buffer_flush_interval: field(3, '.google.protobuf.Duration'),
        transport_api_version: field(6, '.envoy.config.core.v3.ApiVersion'),
      },
    },
  },
  // envoy/extensions/access_loggers/open_telemetry/v3/logs_service.proto
  'envoy.extensions.access_loggers.open_telemetry.v3': {
    OpenTelemetryAccessLogConfig: {
      fields: {
        common_config: field(1, '.envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig'),
        body: field(2, `${COMMON}.AnyValue`),
        attributes: field(3, `${COMMON}.KeyValueList`),
        resource_attributes: field(4, `${COMMON}.KeyValueList`),
        disable_builtin_labels: field(5, 'bool'),
        http_service: field(8, '.envoy.config.core.v3.HttpService'),
        grpc_service: field(9, '.envoy.config.core.v3.GrpcService'),
        log_name: field(10, 'string'),
      },
    },
  },
}

/** Adds what Envoy's OpenTelemetry tracer and access logger are told, and OTLP itself. The vendored definitions have none of it, or are older. */
export function addOpenTelemetry(root: protobuf.Root): void {
  for (const [name, nested] of Object.entries({ ...OTLP, ...ENVOY })) root.define(name, nested)
  root
    .lookupType('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing')
    .add(new protobuf.Field('operation', 11, 'string'))
  root.lookupType('envoy.type.tracing.v3.CustomTag').add(new protobuf.Field('value', 6, 'string'))
}
