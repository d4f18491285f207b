import { spawn, type ChildProcess } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request, type IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { sandboxCommand } from './sandbox.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
let bundled: Promise<string> | undefined

async function bundleRuntime(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-rp-bundle-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const outfile = join(directory, 'runtime.mjs')
  await build({ entryPoints: [join(HERE, '../src/main.ts')], bundle: true, platform: 'node', format: 'esm', target: 'node24', outfile, sourcemap: 'inline' })
  return outfile
}

/** What to run. */
export interface ReplicaOptions {
  readonly mode?: string
  readonly command?: string
  /** Files of the function by name; those that begin with `#!` are executable. */
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly config?: Readonly<Record<string, unknown>>
  /** In a network namespace of its own, with the loopback alone. */
  readonly sandbox?: boolean
  /** Directories that the sandbox sees. */
  readonly visible?: readonly string[]
}

/** One answer. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
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

const connections = new Agent({ keepAlive: true })

/** Sends one request to a Unix socket. */
export function ask(socketPath: string, { method, path = '/', headers = {}, body, chunked, agent, signal }: Ask = {}): Promise<Answer> {
  return new Promise((done, failed) => {
    const outgoing = request(
      {
        socketPath,
        path,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: { host: 'fn.default', ...headers },
        agent: agent ?? connections,
        ...(signal === undefined ? {} : { signal }),
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', failed)
        response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }))
      },
    )
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
  log(): string
  reports(): readonly Record<string, unknown>[]
  ask(what?: Ask): Promise<Answer>
  /** Exit code or signal. */
  readonly exited: Promise<number | string>
  stop(): Promise<void>
}

const running = new Set<Replica>()

/** Ends whatever a test left behind. */
export async function stopAll(): Promise<void> {
  connections.destroy()
  await Promise.all([...running].map((replica) => replica.stop()))
}

/** Resolves when `condition` holds. @throws Error after `deadlineMs` */
export async function until(condition: () => boolean, what: string, deadlineMs = 10_000): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`)
    await new Promise((done) => setTimeout(done, 5))
  }
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  return typeof address === 'object' && address !== null ? address.port : 0
}

function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
  }
}

async function listeningSocket(path: string): Promise<{ readonly fd: number; readonly close: () => void }> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(`${path}.tmp`, done))
  linkSync(`${path}.tmp`, path)
  const handle = (server as unknown as { _handle: { fd: number } })._handle
  return { fd: handle.fd, close: () => void server.close() }
}

/** Starts a replica without waiting for it. */
export async function spawnReplica(options: ReplicaOptions): Promise<Replica> {
  const base = mkdtempSync(join(tmpdir(), 'weft-rp-'))
  const directory = join(base, 'function')
  mkdirSync(directory)
  writeFiles(directory, options.files ?? {})
  const socketPath = join(base, 'in.sock')
  const socket = await listeningSocket(socketPath)
  const bundle = await (bundled ??= bundleRuntime())
  const config = {
    contract: 'process',
    entry: directory,
    mode: options.mode ?? 'classic',
    ...(options.command === undefined ? {} : { command: options.command }),
    functionName: 'fn',
    namespace: 'default',
    timeoutMs: 5000,
    concurrency: 0,
    readinessPath: '/_/ready',
    drainTimeoutMs: 3000,
    meshNamespaces: ['default', 'other'],
    ...options.config,
  }
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', TMPDIR: base, ...options.env, WEFT_RUNTIME_CONFIG: JSON.stringify(config), WEFT_OTHER: 'x' }
  const command = [process.execPath, '--enable-source-maps', bundle]
  const [file = '', ...args] =
    options.sandbox === true
      ? sandboxCommand(command, { writable: base, readable: [dirname(bundle), dirname(process.execPath), ...(options.visible ?? [])] })
      : command
  const child = spawn(file, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe', socket.fd, 'pipe'] })
  socket.close()
  let log = ''
  let control = ''
  child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.stdio[4]?.on('data', (chunk: Buffer) => (control += chunk.toString()))
  const exited = new Promise<number | string>((done) => child.once('close', (code, signal) => done(code ?? signal ?? 'unknown')))
  const replica: Replica = {
    socketPath,
    directory,
    child,
    log: () => log,
    reports: () =>
      control
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    ask: (what) => ask(socketPath, what),
    exited,
    stop: async () => {
      running.delete(replica)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 4000)
      await exited
      clearTimeout(timer)
      rmSync(base, { recursive: true, force: true })
    },
  }
  running.add(replica)
  return replica
}

/** Starts a replica and waits until it says that it listens. @throws Error with its log when it does not */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const replica = await spawnReplica(options)
  let over = false
  void replica.exited.then(() => (over = true))
  const listens = (): boolean => replica.reports().some((line) => line['type'] === 'listening')
  await until(() => over || listens(), 'the replica listens')
  if (!listens()) throw new Error(`the replica ended: ${replica.log()}`)
  return replica
}

/** Resolves when the log of a replica has `text`. */
export function logged(replica: Replica, text: string): Promise<void> {
  return until(() => replica.log().includes(text), `"${text}" in the log:\n${replica.log()}`)
}
