/** What a name server is asked (RFC 1035 §4.1): one question. */
export interface Question {
  readonly id: number
  readonly name: string
  readonly type: number
  /** The question as it was sent, to be repeated in the answer. */
  readonly bytes: Uint8Array
}

/** Types of records that are answered. */
export const TYPES = { a: 1, aaaa: 28 } as const
/** Response codes (RFC 1035 §4.1.1). */
export const CODES = { ok: 0, serverFailure: 2, noSuchName: 3 } as const

const HEADER = 12
const INTERNET = 1
const MAX_LABEL = 63
const MAX_NAME = 253

/** Reads a query. @returns `undefined` for what is not one plain question */
export function readQuestion(message: Buffer): Question | undefined {
  if (message.length < HEADER + 5 || message.readUInt16BE(4) !== 1 || (message.readUInt16BE(2) & 0xf800) !== 0) return undefined
  const labels: string[] = []
  let at = HEADER
  for (;;) {
    const length = message[at]
    if (length === undefined || length > MAX_LABEL || at + 1 + length > message.length) return undefined
    at += 1
    if (length === 0) break
    labels.push(message.toString('latin1', at, at + length))
    at += length
  }
  const name = labels.join('.')
  if (name.length === 0 || name.length > MAX_NAME || at + 4 > message.length || message.readUInt16BE(at + 2) !== INTERNET) return undefined
  return { id: message.readUInt16BE(0), name, type: message.readUInt16BE(at), bytes: message.subarray(HEADER, at + 4) }
}

/** Writes an answer: the addresses as records of the question's type, 4 or 16 bytes each. */
export function writeAnswer(question: Question, code: number, addresses: readonly Uint8Array[], ttlSeconds: number): Buffer {
  const head = Buffer.alloc(HEADER)
  head.writeUInt16BE(question.id, 0)
  head.writeUInt16BE(0x8180 | code, 2) // an answer; recursion was asked for and is available
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(addresses.length, 6)
  return Buffer.concat([head, question.bytes, ...addresses.map((address) => record(question.type, address, ttlSeconds))])
}

function record(type: number, address: Uint8Array, ttlSeconds: number): Buffer {
  const fields = Buffer.alloc(12)
  fields.writeUInt16BE(0xc000 | HEADER, 0) // the name of the question
  fields.writeUInt16BE(type, 2)
  fields.writeUInt16BE(INTERNET, 4)
  fields.writeUInt32BE(ttlSeconds, 6)
  fields.writeUInt16BE(address.length, 10)
  return Buffer.concat([fields, address])
}

/** The bytes of an address that `node:net` takes for one. */
export function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => 0)
  return Uint8Array.from([...left, ...middle, ...right].flatMap((group) => [group >> 8, group & 0xff]))
}

function groups(text: string): readonly number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
