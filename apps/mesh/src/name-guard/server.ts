import dgram from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { inRanges } from '@weft/kit'
import { guardAddresses, strictAddresses } from './decide.ts'
import { addressBytes, CODES, readQuestion, TYPES, writeAnswer } from './message.ts'
import type { Question } from './message.ts'

/** Looks names up; `node:dns/promises`' `Resolver` is one. */
export interface NameSource {
  resolve4(name: string): Promise<string[]>
  resolve6(name: string): Promise<string[]>
}

/** What a name guard needs. */
export interface NameGuardOptions {
  /** CIDR ranges that no outside name may stand for: those that the egress policy refuses. */
  readonly refused: readonly string[]
  /** A name that stands for a refused address has no address at all; else it has that one, which the proxy refuses with a reason. */
  readonly strict?: boolean
  /** Where names are looked up; by default the system's name servers. */
  readonly source?: NameSource
}

/** A running name guard. */
export interface NameGuard {
  /** UDP port on 127.0.0.1. */
  readonly port: number
  /** Idempotent. */
  close(): Promise<void>
}

const MAX_UNDER_WAY = 1000
const TTL_SECONDS = 5
const LOOKUP_MS = 3000

/**
 * The name server that the proxy asks for hosts outside of the mesh. It passes on what the system's name servers say, but never a list in which an address
 * that the egress policy refuses hides behind others. Listens on loopback; questions above 1,000 under way are dropped (the proxy asks again).
 */
export async function startNameGuard(options: NameGuardOptions): Promise<NameGuard> {
  const source = options.source ?? new Resolver({ timeout: LOOKUP_MS, tries: 2 })
  const refused = inRanges(options.refused)
  const guarded = options.strict === true ? strictAddresses : guardAddresses
  const socket = dgram.createSocket('udp4')
  let underWay = 0
  socket.on('message', (message, from) => {
    const question = readQuestion(message)
    if (question === undefined || underWay >= MAX_UNDER_WAY) return
    underWay += 1
    void answer(question, source, (found) => guarded(found, refused)).then((reply) => {
      underWay -= 1
      socket.send(reply, from.port, from.address, () => undefined)
    })
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, '127.0.0.1', () => {
      socket.off('error', reject)
      resolve()
    })
  })
  // Errors of single datagrams are the business of whoever asked.
  socket.on('error', () => undefined)
  let closed: Promise<void> | undefined
  return { port: socket.address().port, close: () => (closed ??= new Promise((resolve) => socket.close(resolve))) }
}

async function answer(question: Question, source: NameSource, guarded: (found: readonly string[]) => readonly string[]): Promise<Buffer> {
  try {
    const found = await lookUp(question, source)
    return writeAnswer(question, CODES.ok, guarded(found).map(addressBytes), TTL_SECONDS)
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : undefined
    const code = reason === 'ENODATA' ? CODES.ok : reason === 'ENOTFOUND' ? CODES.noSuchName : CODES.serverFailure
    return writeAnswer(question, code, [], TTL_SECONDS)
  }
}

async function lookUp(question: Question, source: NameSource): Promise<readonly string[]> {
  if (question.type === TYPES.a) return await source.resolve4(question.name)
  return question.type === TYPES.aaaa ? await source.resolve6(question.name) : []
}
