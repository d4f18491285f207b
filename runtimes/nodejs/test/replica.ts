import { spawn, type ChildProcess } from 'node:child_process'
import { linkSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, request, type IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

// What the tests of every runtime need: one that is bundled, started as its provider does it, asked, and ended.

const bundles = new Map<string, Promise<string>>()
const directories: string[] = []

/** The runtime with this entry as one file, bundled once a test process. */
export function runtimeBundle(entry: string): Promise<string> {
  const known = bundles.get(entry)
  if (known !== undefined) return known
  const bundle = bundleRuntime(entry)
  bundles.set(entry, bundle)
  return bundle
}

async function bundleRuntime(entry: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-rt-bundle-'))
  directories.push(directory)
  const outfile = join(directory, 'runtime.mjs')
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', target: 'node24', outfile, sourcemap: 'inline' })
  return outfile
}

/** One answer. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly json: () => unknown
}

/** What to send. */
export interface Ask {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  /** Sends the body without a length. */
  readonly chunked?: boolean
  readonly agent?: Agent
  readonly signal?: AbortSignal
}

/** Keeps connections open, as the proxy does: a closing one would cut an early answer to a long body. */
const connections = new Agent({ keepAlive: true })

/** Sends one request to a Unix socket. */
export function ask(socketPath: string, { method, path = '/', headers = {}, body, chunked, agent = connections, signal }: Ask = {}): Promise<Answer> {
  const options = { socketPath, path, method: method ?? (body === undefined ? 'GET' : 'POST'), headers: { host: 'fn.default', ...headers }, agent }
  return new Promise((done, failed) => {
    const outgoing = request({ ...options, ...(signal === undefined ? {} : { signal }) }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', failed)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        done({ status: response.statusCode ?? 0, headers: response.headers, body: text, json: () => JSON.parse(text) as unknown })
      })
    })
    outgoing.on('error', failed)
    if (chunked === true) outgoing.write(body)
    outgoing.end(chunked === true ? undefined : body)
  })
}

/** A running replica. */
export interface Replica {
  readonly socketPath: string
  readonly directory: string
  readonly child: ChildProcess
  /** Everything on stdout and stderr so far. */
  log(): string
  /** Lines of the control pipe so far. */
  reports(): readonly Record<string, unknown>[]
  ask(ask?: Ask): Promise<Answer>
  /** Exit code or signal. */
  readonly exited: Promise<number | string>
  stop(): Promise<void>
}

const running = new Set<Replica>()

/** Ends whatever a test left behind, and removes what was bundled for it. */
export async function stopAll(): Promise<void> {
  connections.destroy()
  await Promise.all([...running].map((replica) => replica.stop()))
  bundles.clear()
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
}

/** Resolves when `condition` holds. @throws Error after `deadlineMs` */
export async function until(condition: () => boolean, what: string, deadlineMs = 10_000): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`)
    await new Promise((done) => setTimeout(done, 5))
  }
}

/** A listening socket whose descriptor the child inherits, as the provider makes it; the name outlives the parent's copy. */
async function listeningSocket(path: string): Promise<{ readonly fd: number; readonly close: () => void }> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(`${path}.tmp`, done))
  linkSync(`${path}.tmp`, path)
  // oxlint-disable-next-line no-underscore-dangle -- Node.js gives the descriptor nowhere else
  const handle = (server as unknown as { _handle: { fd: number } })._handle
  return { fd: handle.fd, close: () => void server.close() }
}

/** How a replica is started. */
export interface Launch {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where it runs. */
  readonly directory: string
  /** Removed when it is stopped; holds its socket. */
  readonly base: string
  /** Time to end by itself before it is killed; 0: none. */
  readonly graceMs: number
}

/** Starts a replica without waiting for it. */
export async function launch({ command, env, directory, base, graceMs }: Launch): Promise<Replica> {
  const socketPath = join(base, 'in.sock')
  const socket = await listeningSocket(socketPath)
  const [file = '', ...args] = command
  const child = spawn(file, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe', socket.fd, 'pipe'] })
  socket.close()
  let log = ''
  let control = ''
  child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.stdio[4]?.on('data', (chunk: Buffer) => (control += chunk.toString()))
  const exited = new Promise<number | string>((done) => child.once('close', (code, signal) => done(code ?? signal ?? 'unknown')))
  const reports = () =>
    control
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const stop = async () => {
    running.delete(replica)
    if (child.exitCode === null && child.signalCode === null) child.kill(graceMs === 0 ? 'SIGKILL' : 'SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await exited
    clearTimeout(timer)
    rmSync(base, { recursive: true, force: true })
  }
  const replica: Replica = { socketPath, directory, child, log: () => log, reports, ask: (what) => ask(socketPath, what), exited, stop }
  running.add(replica)
  return replica
}

/** Waits until a replica says that it listens. @throws Error with its log when it does not */
export async function listening(replica: Replica): Promise<Replica> {
  let over = false
  void replica.exited.then(() => (over = true))
  const listens = (): boolean => replica.reports().some((line) => line['type'] === 'listening')
  await until(() => over || listens(), 'the replica listens')
  if (!listens()) throw new Error(`the replica ended: ${replica.log()}`)
  return replica
}

/** Resolves when the log of a replica has `text`: its pipe may be later than an answer. */
export function logged(replica: Replica, text: string): Promise<void> {
  return until(() => replica.log().includes(text), `"${text}" in the log:\n${replica.log()}`)
}
