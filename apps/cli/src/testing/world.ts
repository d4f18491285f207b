import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { runProgram, type Program } from '../cli.ts'
import type { World } from '../command.ts'
import { weftProgram } from '../program.ts'

/** A world whose streams are strings, in a temporary directory. */
export interface TestWorld extends World, AsyncDisposable {
  readonly out: () => string
  readonly err: () => string
}

/** Makes a world. `input` is what is piped in; absent: standard input is a terminal. */
export async function testWorld(options: { env?: Record<string, string>; input?: string; terminal?: boolean } = {}): Promise<TestWorld> {
  const cwd = await mkdtemp(join(tmpdir(), 'weft-cli-'))
  const written = { out: '', err: '' }
  const stdin = Object.assign(Readable.from(options.input === undefined || options.input === '' ? [] : [Buffer.from(options.input)]), {
    isTTY: options.input === undefined,
  })
  return {
    cwd,
    env: { HOME: cwd, PATH: process.env['PATH'], ...options.env },
    stdin,
    stdout: { write: (text) => ((written.out += text.toString()), true), isTTY: options.terminal ?? false },
    stderr: { write: (text) => ((written.err += text), true), isTTY: options.terminal ?? false },
    signal: new AbortController().signal,
    out: () => written.out,
    err: () => written.err,
    [Symbol.asyncDispose]: () => rm(cwd, { recursive: true, force: true }),
  }
}

/** What a command left. */
export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs one command line in a world of its own, against a gateway if one is given. */
export async function cli(
  line: readonly string[],
  options: { gateway?: TestGateway; input?: string; world?: TestWorld; program?: Program } = {},
): Promise<Outcome> {
  const env = options.gateway === undefined ? {} : { WEFT_GATEWAY: options.gateway.url }
  const world = options.world ?? (await testWorld({ env, ...(options.input === undefined ? {} : { input: options.input }) }))
  try {
    const code = await runProgram(options.program ?? weftProgram, line, options.world === undefined ? world : { ...world, env: { ...world.env, ...env } })
    return { code, out: world.out(), err: world.err() }
  } finally {
    if (options.world === undefined) await world[Symbol.asyncDispose]()
  }
}

/** A request that a gateway got. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An answer: a status and a body, JSON unless it is text. */
export type Reply = readonly [status: number, body?: unknown]

/** A gateway of a test: a real HTTP server that answers by `METHOD /path` (without the query), else 404. */
export interface TestGateway extends AsyncDisposable {
  readonly url: string
  readonly seen: readonly Seen[]
}

/** Starts a gateway. */
export async function testGateway(replies: Readonly<Record<string, Reply | ((seen: Seen) => Reply)>>): Promise<TestGateway> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, path: url, headers, body: Buffer.concat(chunks).toString() }
      seen.push(one)
      const reply = replies[`${method} ${url.split('?')[0] ?? ''}`] ?? [404, { error: { message: 'there is no such thing', help: 'look elsewhere' } }]
      const [status, body] = typeof reply === 'function' ? reply(one) : reply
      response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json', connection: 'close' })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, [Symbol.asyncDispose]: () => closed(server) }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
