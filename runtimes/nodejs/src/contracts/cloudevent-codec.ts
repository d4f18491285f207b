import { isJson, parseMediaType } from '../body/media-type.ts'
import { CallError } from '../server/reply.ts'

/** A CloudEvent 1.0 as a handler sees it: attributes and extensions by name, `data` parsed. */
export interface CloudEvent {
  readonly specversion: string
  readonly id: string
  readonly source: string
  readonly type: string
  readonly time?: string
  readonly subject?: string
  readonly datacontenttype?: string
  readonly dataschema?: string
  readonly data?: unknown
  readonly [extension: string]: unknown
}

/** A response in binary mode. */
export interface EncodedEvent {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

type Attributes = Record<string, unknown>
const STRUCTURED = 'application/cloudevents+json'
const NAME = /^[a-z0-9]{1,20}$/

function bad(reason: string, status = 400): CallError {
  return new CallError({ status, code: status === 415 ? 'UNSUPPORTED_MEDIA_TYPE' : 'BAD_REQUEST', message: `this is no CloudEvent 1.0: ${reason}` })
}

function checked(attributes: Attributes): CloudEvent {
  for (const name of ['id', 'source', 'type', 'specversion'] as const) {
    const value = attributes[name]
    if (typeof value !== 'string' || value === '') throw bad(`the attribute "${name}" is missing`)
  }
  if (attributes['specversion'] !== '1.0') throw bad(`its specversion is ${JSON.stringify(attributes['specversion'])}, this function takes 1.0`)
  return attributes as unknown as CloudEvent
}

function parseData(body: Buffer, contentType: string | undefined): unknown {
  const { type } = parseMediaType(contentType)
  if (body.length === 0) return undefined
  if (isJson(type)) return parseText(body)
  return type.startsWith('text/') || type.endsWith('xml') ? body.toString('utf8') : body
}

function parseText(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw bad(`its data is not JSON: ${error instanceof Error ? error.message : ''}`)
  }
}

/** Header values are percent-encoded (HTTP binding 3.1.3.2). */
function decodeValue(value: string): string {
  try {
    return decodeURIComponent(value.replace(/^"(.*)"$/, '$1'))
  } catch {
    return value
  }
}

function decodeBinary(headers: Readonly<Record<string, string | string[] | undefined>>, body: Buffer): CloudEvent {
  const attributes: Attributes = {}
  for (const [name, value] of Object.entries(headers)) if (name.startsWith('ce-') && typeof value === 'string') attributes[name.slice(3)] = decodeValue(value)
  const contentType = headers['content-type']
  if (typeof contentType === 'string') attributes['datacontenttype'] = contentType
  const data = parseData(body, typeof contentType === 'string' ? contentType : undefined)
  return checked(data === undefined ? attributes : { ...attributes, data })
}

function decodeStructured(body: Buffer): CloudEvent {
  const value = parseText(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('a structured event is a JSON object')
  const { data_base64: encoded, ...attributes } = value as Attributes
  if (encoded === undefined) return checked(attributes)
  if (typeof encoded !== 'string') throw bad('data_base64 is no text')
  const bytes = Buffer.from(encoded, 'base64')
  const contentType = attributes['datacontenttype']
  return checked({ ...attributes, data: parseData(bytes, typeof contentType === 'string' ? contentType : 'application/octet-stream') })
}

/**
 * Reads an event in binary or structured mode (CloudEvents 1.0, HTTP binding and JSON format).
 * @throws CallError 400 with what is missing; 415 for batches
 */
export function decodeEvent(headers: Readonly<Record<string, string | string[] | undefined>>, body: Buffer): CloudEvent {
  const contentType = headers['content-type']
  const { type } = parseMediaType(typeof contentType === 'string' ? contentType : undefined)
  if (type.startsWith('application/cloudevents-batch')) throw bad('a batch of events is not taken, send them one by one', 415)
  if (type === STRUCTURED) return decodeStructured(body)
  if (type.startsWith('application/cloudevents')) throw bad(`the format ${type} is not supported, send ${STRUCTURED}`, 415)
  return decodeBinary(headers, body)
}

/** Whether a handler returned an event. */
export function isEvent(value: unknown): value is CloudEvent {
  return (
    typeof value === 'object' && value !== null && 'type' in value && 'source' in value && typeof value.type === 'string' && typeof value.source === 'string'
  )
}

const encodeValue = (value: unknown): string => String(value).replaceAll(/[^\x21\x23\x24\x26-\x7e]/g, (character) => encodeURIComponent(character))

/** An event in binary mode; `id` and `time` are what the caller made for an event without. */
export function encodeEvent(event: CloudEvent, fill: { readonly id: string; readonly time: string }): EncodedEvent {
  const { data, datacontenttype, ...attributes } = event
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries({ ...fill, ...attributes, specversion: '1.0' }))
    if (NAME.test(name) && value !== undefined && value !== null) headers[`ce-${name}`] = encodeValue(value)
  const isBytes = data instanceof Uint8Array
  const fallback = isBytes ? 'application/octet-stream' : 'application/json'
  if (data !== undefined) headers['content-type'] = datacontenttype ?? fallback
  const asText = typeof data === 'string' && datacontenttype !== undefined && !isJson(parseMediaType(datacontenttype).type)
  return { headers, body: data === undefined ? '' : isBytes ? data : asText ? data : JSON.stringify(data) }
}
