import { describe, expect, it } from '@jest/globals'
import { createLog } from '@weft/kit'
import { decodeAny } from '../proto/codec.ts'
import { eventually } from '../testing/fixture.ts'
import { SpanExporter } from './exporter.ts'
import type { FinishedSpan } from './otlp.ts'

const COLLECTOR = { protocol: 'http/protobuf', host: '127.0.0.1', port: 1, path: '' } as const
const span = (name: string): FinishedSpan => ({
  resource: { 'service.name': 'temp' },
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentId: 'c'.repeat(16),
  name,
  kind: 'server',
  startUs: 1_700_000_000_000_000,
  endUs: 1_700_000_000_001_000,
  attributes: { 'http.response.status_code': 200 },
  failed: true,
})

interface Request {
  readonly resource_spans: readonly { readonly scope_spans: readonly { readonly spans: readonly { readonly name: string }[] }[] }[]
}

const namesIn = (body: Buffer) =>
  (decodeAny('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest', body) as unknown as Request).resource_spans.flatMap(({ scope_spans }) =>
    scope_spans.flatMap(({ spans }) => spans.map(({ name }) => name)),
  )

/** An exporter of which every request is kept, and answered when `answer` is called. */
function exporter() {
  const requests: { readonly names: readonly string[]; answer(error?: Error): void }[] = []
  const warnings: string[] = []
  const log = createLog({ format: 'json', level: 'warn', write: (line) => void warnings.push(line) })
  const send = (_collector: object, body: Buffer) =>
    new Promise<void>((resolve, reject) => requests.push({ names: namesIn(body), answer: (error) => (error === undefined ? resolve() : reject(error)) }))
  return { made: new SpanExporter({ send, log, everyMs: 1 }, COLLECTOR), requests, warnings }
}

describe('the exporter of spans', () => {
  it('sends what has come together, one request at a time', async () => {
    const { made, requests } = exporter()
    made.add([span('a'), span('b')])
    const first = await eventually(() => requests[0])
    made.add([span('c')])
    expect(first.names).toEqual(['a', 'b'])
    first.answer()
    expect((await eventually(() => requests[1])).names).toEqual(['c'])
  })

  it('never holds more than so many while a collector hangs, and warns once while it refuses', async () => {
    const { made, requests, warnings } = exporter()
    made.add([span('first')])
    const hanging = await eventually(() => requests[0])
    for (let round = 0; round < 100; round += 1) made.add(Array.from({ length: 100 }, () => span('x')))
    expect(requests).toHaveLength(1)
    hanging.answer(new Error('refused'))
    let sent = 0
    for (let index = 1; index <= 8; index += 1) {
      const next = await eventually(() => requests[index])
      sent += next.names.length
      next.answer(new Error('refused'))
    }
    expect(sent).toBe(4096)
    expect(warnings).toHaveLength(1)
  })

  it('takes nothing without a collector', async () => {
    const { made, requests } = exporter()
    made.configure(undefined)
    made.add([span('a')])
    await made.close(0)
    expect(requests).toEqual([])
  })
})
