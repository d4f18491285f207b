import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import otlp from '@opentelemetry/otlp-transformer/build/src/generated/root.js'

/** A span as it arrived. */
export interface ReceivedSpan {
  readonly service: string
  readonly resource: Readonly<Record<string, string>>
  readonly traceId: string
  readonly spanId: string
  /** Empty for the first span of a trace. */
  readonly parentId: string
  readonly name: string
  readonly kind: number
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, string>>
}

/** An entry of a log as it arrived. */
export interface ReceivedEntry {
  readonly service: string
  readonly body: string
  readonly attributes: Readonly<Record<string, string>>
}

/** What the collector does with a request. */
export type Mood = 'takes' | 'refuses' | 'hangs'

interface KeyValue {
  readonly key: string
  readonly value?: { readonly stringValue?: string; readonly intValue?: string } | null
}

interface Resourced {
  readonly resource?: { readonly attributes?: readonly KeyValue[] }
}

interface Traces {
  readonly resourceSpans?: readonly (Resourced & { readonly scopeSpans?: readonly { readonly spans?: readonly WireSpan[] }[] })[]
}

interface Logs {
  readonly resourceLogs?: readonly (Resourced & { readonly scopeLogs?: readonly { readonly logRecords?: readonly WireRecord[] }[] })[]
}

interface WireSpan {
  readonly traceId?: string
  readonly spanId?: string
  readonly parentSpanId?: string
  readonly name?: string
  readonly kind?: number
  readonly startTimeUnixNano?: string
  readonly endTimeUnixNano?: string
  readonly attributes?: readonly KeyValue[]
}

interface WireRecord {
  readonly body?: { readonly stringValue?: string }
  readonly attributes?: readonly KeyValue[]
}

interface Message<T> {
  decode(body: Buffer): object
  toObject(message: object, options: object): T
}

/** What of the generated code is used; its own types say nothing of it. */
interface Generated {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: {
        readonly trace: { readonly v1: { readonly ExportTraceServiceRequest: Message<Traces> } }
        readonly logs: { readonly v1: { readonly ExportLogsServiceRequest: Message<Logs> } }
      }
    }
  }
}

const hex = (base64 = '') => Buffer.from(base64, 'base64').toString('hex')
const milliseconds = (nanoseconds = '0') => Number(BigInt(nanoseconds) / 1000n) / 1000
const valuesOf = (list: readonly KeyValue[] = []) => Object.fromEntries(list.map(({ key, value }) => [key, value?.stringValue ?? value?.intValue ?? '']))

/** A collector of spans and log entries by OTLP over HTTP, read with OpenTelemetry's own protobuf code. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = []
  readonly entries: ReceivedEntry[] = []
  mood: Mood = 'takes'
  requests = 0
  readonly #server: Server
  endpoint = ''

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        this.requests += 1
        if (this.mood === 'hangs') return
        if (this.mood === 'takes') this.#take(request.url ?? '', Buffer.concat(chunks))
        response.writeHead(this.mood === 'takes' ? 200 : 503, { 'content-type': 'application/x-protobuf' }).end()
      })
    })
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver()
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    receiver.endpoint = `http://127.0.0.1:${(receiver.#server.address() as AddressInfo).port}`
    return receiver
  }

  /** Spans of a trace, in the order in which they began. */
  trace(traceId: string): readonly ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId).toSorted((left, right) => left.startMs - right.startMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #take(path: string, body: Buffer): void {
    const { trace, logs } = (otlp as unknown as Generated).opentelemetry.proto.collector
    const options = { longs: String, bytes: String }
    if (path.endsWith('/v1/traces')) this.#spans(trace.v1.ExportTraceServiceRequest.toObject(trace.v1.ExportTraceServiceRequest.decode(body), options))
    if (path.endsWith('/v1/logs')) this.#logs(logs.v1.ExportLogsServiceRequest.toObject(logs.v1.ExportLogsServiceRequest.decode(body), options))
  }

  #spans({ resourceSpans = [] }: Traces): void {
    for (const { resource, scopeSpans = [] } of resourceSpans) {
      const owner = valuesOf(resource?.attributes)
      for (const span of scopeSpans.flatMap(({ spans = [] }) => spans)) {
        this.spans.push({
          service: owner['service.name'] ?? '',
          resource: owner,
          traceId: hex(span.traceId),
          spanId: hex(span.spanId),
          parentId: hex(span.parentSpanId),
          name: span.name ?? '',
          kind: span.kind ?? 0,
          startMs: milliseconds(span.startTimeUnixNano),
          endMs: milliseconds(span.endTimeUnixNano),
          attributes: valuesOf(span.attributes),
        })
      }
    }
  }

  #logs({ resourceLogs = [] }: Logs): void {
    for (const { resource, scopeLogs = [] } of resourceLogs) {
      const service = valuesOf(resource?.attributes)['service.name'] ?? ''
      for (const { body, attributes } of scopeLogs.flatMap(({ logRecords = [] }) => logRecords)) {
        this.entries.push({ service, body: body?.stringValue ?? '', attributes: valuesOf(attributes) })
      }
    }
  }
}
