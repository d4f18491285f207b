import type { Duplex } from 'node:stream'

// HTTP/2 (RFC 9113) and HPACK (RFC 7541) as far as a test needs to write what no library would.

/** A field as it goes over the wire; bytes are those of Latin-1. */
export type Field = readonly [name: string, value: string]

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, goAway: 7 } as const
const END_STREAM = 1
const END_HEADERS = 4
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length), bytes])
}

/** An integer with a prefix of seven bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

const block = (fields: readonly Field[]): Buffer => Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])))

/** One request on stream 1: its fields whatever they are, then data, then trailers. */
export interface WrittenRequest {
  readonly fields: readonly Field[]
  readonly data?: string
  readonly trailers?: readonly Field[]
}

/** The bytes of a connection with one request. */
export function written({ fields, data, trailers }: WrittenRequest): Buffer {
  const endsAt = trailers === undefined ? (data === undefined ? 'head' : 'data') : 'trailers'
  const flags = (part: string, more: number): number => more + (endsAt === part ? END_STREAM : 0)
  return Buffer.concat([
    Buffer.from(PREFACE),
    frame(FRAME.settings, 0, 0, Buffer.alloc(0)),
    frame(FRAME.headers, flags('head', END_HEADERS), 1, block(fields)),
    ...(data === undefined ? [] : [frame(FRAME.data, flags('data', 0), 1, Buffer.from(data, 'latin1'))]),
    ...(trailers === undefined ? [] : [frame(FRAME.headers, flags('trailers', END_HEADERS), 1, block(trailers))]),
  ])
}

/** What became of the request: a status, or how the stream or the connection was ended. */
export type Became = number | 'reset' | 'closed'

/** Writes a connection with one request and waits for what becomes of it. */
export function askInFrames(socket: Duplex, request: WrittenRequest): Promise<Became> {
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0)
    const finish = (became: Became): void => {
      socket.destroy()
      resolve(became)
    }
    socket.on('data', (bytes: Buffer) => {
      seen = Buffer.concat([seen, bytes])
      const became = outcome(seen)
      if (became !== undefined) finish(became)
    })
    socket.on('error', () => finish('closed')).on('close', () => finish('closed'))
    socket.write(written(request))
  })
}

const NO_ERROR = 0

function outcome(seen: Buffer): Became | undefined {
  for (let at = 0; at + 9 <= seen.length; at += 9 + seen.readUIntBE(at, 3)) {
    const payload = seen.subarray(at + 9, at + 9 + seen.readUIntBE(at, 3))
    const type = seen.readUInt8(at + 3)
    // One without an error takes no further streams, and lets this one end.
    if (type === FRAME.goAway && payload.length >= 8 && payload.readUInt32BE(4) !== NO_ERROR) return 'closed'
    if (type === FRAME.reset) return 'reset'
    if (type === FRAME.headers && payload.length > 0) return statusOf(payload)
  }
  return undefined
}

/** Statuses of the static table, from index 8 on. */
const STATIC_STATUSES = [200, 204, 206, 304, 400, 404, 500]

/** The first field of the first answer on a connection, which is its status. */
function statusOf(payload: Buffer): number {
  const first = payload.readUInt8(0)
  if (first >= 0x88) return STATIC_STATUSES[first - 0x88] ?? 0
  const length = payload.readUInt8(1)
  const value = payload.subarray(2, 2 + (length & 0x7f))
  return Number(length >= 0x80 ? digits(value) : value.toString())
}

/** Digits in the Huffman code of HPACK: 0 to 2 have five bits (00000 to 00010), 3 to 9 six (011001 to 011111). */
function digits(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let found = ''
  for (let at = 0; found.length < 3;) {
    const short = Number.parseInt(bits.slice(at, at + 5), 2)
    const isShort = short <= 2
    found += isShort ? short : Number.parseInt(bits.slice(at, at + 6), 2) - 0b011001 + 3
    at += isShort ? 5 : 6
  }
  return found
}
