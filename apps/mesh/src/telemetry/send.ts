import { readFile } from 'node:fs/promises'
import { request as requestHttp, type ClientRequest } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Client, credentials } from '@grpc/grpc-js'
import { WeftError } from '@weft/core'
import type { Collector } from '../encode/types.ts'

const METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const bytes = (value: Buffer): Buffer => value

/** Sends one `ExportTraceServiceRequest`. @throws WeftError `COLLECTOR_FAILED` when it was not taken in time */
export async function sendSpans(collector: Collector, body: Buffer, timeoutMs: number): Promise<void> {
  return collector.protocol === 'grpc' ? sendGrpc(collector, body, timeoutMs) : sendHttp(collector, body, timeoutMs)
}

async function sendHttp({ host, port, path, tls }: Collector, body: Buffer, timeoutMs: number): Promise<void> {
  const options = {
    host,
    port,
    path: `${path}/v1/traces`,
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
    signal: AbortSignal.timeout(timeoutMs),
  }
  const call = tls === undefined ? requestHttp(options) : requestHttps({ ...options, ca: await readFile(tls.authorities) })
  await answered(call, body)
}

function answered(call: ClientRequest, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (reason: string) => reject(new WeftError('COLLECTOR_FAILED', { reason }))
    call.on('error', (error) => failed(error.message))
    call.on('response', (response) => {
      const status = response.statusCode ?? 0
      response.on('error', (error) => failed(error.message))
      response.on('end', () => (status >= 200 && status < 300 ? resolve() : failed(`it answered ${status}`)))
      response.resume()
    })
    call.end(body)
  })
}

async function sendGrpc({ host, port, tls }: Collector, body: Buffer, timeoutMs: number): Promise<void> {
  const channel = tls === undefined ? credentials.createInsecure() : credentials.createSsl(await readFile(tls.authorities))
  const client = new Client(`${host.includes(':') ? `[${host}]` : host}:${port}`, channel)
  try {
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(METHOD, bytes, bytes, body, { deadline: Date.now() + timeoutMs }, (error) =>
        error === null ? resolve() : reject(new WeftError('COLLECTOR_FAILED', { reason: error.message })),
      )
    })
  } finally {
    client.close()
  }
}
