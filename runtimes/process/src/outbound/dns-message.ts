/** The one question of a query (RFC 1035 §4.1). */
export interface Question {
  readonly id: number
  /** Lower case, without a trailing dot. */
  readonly name: string
  readonly type: number
  /** The question as it came, to be sent back. */
  readonly bytes: Buffer
  readonly recursionDesired: boolean
}

/** Record types that programs ask for. */
export const TYPE = { a: 1, ptr: 12, any: 255 } as const
const HEADER = 12
const CLASS_IN = 1
const TTL_S = 30

function readName(message: Buffer): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = []
  for (let at = HEADER; at < message.length;) {
    const length = message[at] ?? 0
    if (length === 0) return { name: labels.join('.'), end: at + 1 }
    if (length > 63 || at + 1 + length > message.length) return undefined // pointers do not stand in questions
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return undefined
}

/** Reads a query. @returns undefined when it is none that can be answered */
export function parseQuery(message: Buffer): Question | undefined {
  if (message.length < HEADER || message.readUInt16BE(4) !== 1) return undefined
  const flags = message.readUInt16BE(2)
  if ((flags & 0xf800) !== 0) return undefined // a response, or another operation
  const found = readName(message)
  if (found === undefined || found.end + 4 > message.length) return undefined
  const { name, end } = found
  if (message.readUInt16BE(end + 2) !== CLASS_IN) return undefined
  return {
    id: message.readUInt16BE(0),
    name: name.toLowerCase(),
    type: message.readUInt16BE(end),
    bytes: message.subarray(HEADER, end + 4),
    recursionDesired: (flags & 0x0100) !== 0,
  }
}

/** An answer: an IPv4 address, `empty` for a name without records of that type, `unknown` for no such name. */
export type Answer = { readonly address: string } | 'empty' | 'unknown'

/** Writes the answer to a question. */
export function encodeAnswer(question: Question, answer: Answer): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt16BE(question.id, 0)
  header.writeUInt16BE(0x8480 | (question.recursionDesired ? 0x0100 : 0) | (answer === 'unknown' ? 3 : 0), 2)
  header.writeUInt16BE(1, 4)
  if (typeof answer === 'string') return Buffer.concat([header, question.bytes])
  header.writeUInt16BE(1, 6)
  const record = Buffer.alloc(16)
  record.writeUInt16BE(0xc000 | HEADER, 0)
  record.writeUInt16BE(TYPE.a, 2)
  record.writeUInt16BE(CLASS_IN, 4)
  record.writeUInt32BE(TTL_S, 6)
  record.writeUInt16BE(4, 10)
  answer.address.split('.').forEach((part, index) => record.writeUInt8(Number(part), 12 + index))
  return Buffer.concat([header, question.bytes, record])
}
