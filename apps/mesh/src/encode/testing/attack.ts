import type { Duplex } from 'node:stream'
import { FORBIDDEN_PATH, type Seen, type Way, type Ways } from './ways.ts'

/** How long nothing comes before an answer is taken to be whole. */
const QUIET_MS = 150
/** Attempts that go on at the same time. */
const AT_ONCE = 100

/** How bytes are sent. */
export interface Sending {
  /** Sent when the head of an answer is there. */
  readonly later?: string
  /** How long an answer may take to begin. */
  readonly patienceMs?: number
}

/** Sends bytes as they are. @returns what came back until the end, or until nothing more came for a moment */
export function exchange(socket: Duplex, bytes: string, { later, patienceMs = 5_000 }: Sending = {}): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    let rest = later
    let quiet: NodeJS.Timeout | undefined
    const finish = (): void => {
      clearTimeout(quiet)
      socket.destroy()
      resolve(answer)
    }
    const wait = (ms: number): void => {
      clearTimeout(quiet)
      quiet = setTimeout(finish, ms)
    }
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1')
      if (rest !== undefined && answer.includes('\r\n\r\n')) {
        socket.write(Buffer.from(rest, 'latin1'))
        rest = undefined
      }
      wait(statuses(answer).some((status) => status !== 100) ? QUIET_MS : patienceMs)
    })
    socket.on('error', finish).on('close', finish)
    wait(patienceMs)
    socket.write(Buffer.from(bytes, 'latin1'))
  })
}

/** Statuses of all answers of HTTP/1.1 on a connection. */
export function statuses(answer: string): readonly number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
}

/** Request line, host and what the way needs; more lines and an empty one follow. */
export function head(way: Way, method = 'GET', path = '/', host = way.host): string {
  return `${method} ${way.prefix}${path} HTTP/1.1\r\nHost: ${host}\r\n${way.headers}`
}

/** A whole request that policy forbids to everybody. */
export function forbidden(way: Way): string {
  return `${head(way, 'GET', FORBIDDEN_PATH)}\r\n`
}

/** What came of one attempt on one way. */
export interface Attempt<Result> {
  readonly way: Way
  readonly result: Result
  /** What functions saw of it. */
  readonly seen: readonly Seen[]
}

/** Header by which a request is told from others where it arrives. */
export const CASE_HEADER = 'x-case'

/** Makes every attempt on every way. What a function sees is told apart by a header, which `attempt` gets as part of the way. @returns results by name */
export async function attack<Case extends readonly [string, ...unknown[]], Result>(
  { seen, all }: Pick<Ways, 'seen' | 'all'>,
  cases: readonly Case[],
  attempt: (way: Way, one: Case) => Promise<Result>,
): Promise<ReadonlyMap<string, readonly Attempt<Result>[]>> {
  const found = new Map<string, Attempt<Result>[]>()
  const work = cases.flatMap((one) => all.map((way, index) => ({ one, way, id: `${one[0]}/${index}`.replaceAll(/[^ -~]/g, '?') })))
  const results: (Result | undefined)[] = []
  for (let from = 0; from < work.length; from += AT_ONCE) {
    results.push(
      ...(await Promise.all(
        work.slice(from, from + AT_ONCE).map(({ one, way, id }) => attempt({ ...way, headers: `${way.headers}${CASE_HEADER}: ${id}\r\n` }, one)),
      )),
    )
  }
  for (const [index, { one, way, id }] of work.entries()) {
    const result = results[index]
    if (result === undefined) continue
    const list = found.get(one[0]) ?? []
    list.push({ way, result, seen: seen.filter(({ headers }) => headers[CASE_HEADER] === id) })
    found.set(one[0], list)
  }
  return found
}

/** Whether some reader of HTTP could take a request that arrived for one that policy forbids. */
export function isForbidden({ method, path, headers }: Seen): boolean {
  const roles = String(headers['x-role'] ?? '').split(',')
  return method.toUpperCase() === 'DELETE' || roles.some((role) => role.trim() === 'guest') || readings(path).some(isSecret)
}

function isSecret(path: string): boolean {
  return path === FORBIDDEN_PATH || path.startsWith(`${FORBIDDEN_PATH}/`)
}

/** A path as several kinds of readers resolve it. */
function readings(path: string): readonly string[] {
  const [bare = ''] = path.split(/[?#]/, 1)
  const decoded = bare.replace(/%([0-9a-f]{2})/gi, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return [bare, decoded, decoded.split('\0')[0] ?? ''].map((one) => {
    const parts: string[] = []
    for (const segment of one.replaceAll('\\', '/').split('/')) {
      if (segment === '..') parts.pop()
      else if (segment !== '' && segment !== '.') parts.push(segment)
    }
    return `/${parts.join('/')}`
  })
}
