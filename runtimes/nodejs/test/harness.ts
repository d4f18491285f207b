import { spawn, type ChildProcess } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { Agent, request, type IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { ContractName } from '../src/boot/config.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
/** Node 24, which runs the tests as well. */
const NODE = process.execPath

let bundled: Promise<string> | undefined

/** The runtime as one file, bundled once a test process. */
function runtimeBundle(): Promise<string> {
  return (bundled ??= bundleRuntime())
}

async function bundleRuntime(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-rt-bundle-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const outfile = join(directory, 'runtime.mjs')
  await build({ entryPoints: [join(HERE, '../src/main.ts')], bundle: true, platform: 'node', format: 'esm', target: 'node24', outfile, sourcemap: 'inline' })
  return outfile
}

/** What to run. */
export interface ReplicaOptions {
  readonly contract: ContractName
  /** Source of the entry file, or several files by name. */
  readonly source: string | Readonly<Record<string, string>>
  readonly entry?: string
  readonly export?: string
  readonly env?: Readonly<Record<string, string>>
  readonly config?: Readonly<Record<string, unknown>>
  /** Makes the test libraries of the workspace visible to the function. */
  readonly libraries?: boolean
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
  readonly agent?: Agent
}

/** Keeps connections open, as the proxy does: a closing one would cut an early answer to a long body. */
const connections = new Agent({ keepAlive: true })

/** Sends one request to a Unix socket. */
export function ask(socketPath: string, { method, path = '/', headers = {}, body, agent }: Ask = {}): Promise<Answer> {
  return new Promise((done, failed) => {
    const outgoing = request(
      { socketPath, path, method: method ?? (body === undefined ? 'GET' : 'POST'), headers: { host: 'fn.default', ...headers }, agent: agent ?? connections },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', failed)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          done({ status: response.statusCode ?? 0, headers: response.headers, body: text, json: () => JSON.parse(text) as unknown })
        })
      },
    )
    outgoing.on('error', failed)
    outgoing.end(body)
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

function writeFiles(directory: string, options: ReplicaOptions): string {
  const entry = options.entry ?? 'handler.js'
  const files = typeof options.source === 'string' ? { [entry]: options.source } : options.source
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  if (options.libraries === true) symlinkSync(join(HERE, '../../../node_modules'), join(directory, 'node_modules'))
  return entry
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

/** Starts a replica without waiting for it. */
export async function spawnReplica(options: ReplicaOptions): Promise<Replica> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-rt-'))
  const entry = writeFiles(directory, options)
  const socketPath = join(directory, 'in.sock')
  const socket = await listeningSocket(socketPath)
  const config = {
    contract: options.contract,
    entry,
    ...(options.export === undefined ? {} : { export: options.export }),
    functionName: 'fn',
    namespace: 'default',
    revision: 'v1',
    replica: 'fn-v1-1',
    runtimeName: 'node22',
    timeoutMs: 5000,
    concurrency: 0,
    readinessPath: '/_/ready',
    drainTimeoutMs: 3000,
    meshNamespaces: ['default', 'other'],
    ...options.config,
  }
  const child = spawn(NODE, ['--enable-source-maps', await runtimeBundle()], {
    cwd: directory,
    env: { PATH: process.env['PATH'], ...options.env, WEFT_RUNTIME_CONFIG: JSON.stringify(config), WEFT_SECRET_THING: 'x' },
    stdio: ['ignore', 'pipe', 'pipe', socket.fd, 'pipe'],
  })
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
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
      rmSync(directory, { recursive: true, force: true })
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
  await until(() => over || replica.reports().some((line) => line['type'] === 'listening'), 'the replica listens')
  if (over && !replica.reports().some((line) => line['type'] === 'listening')) throw new Error(`the replica ended: ${replica.log()}`)
  return replica
}

/** Resolves when the log of a replica has `text`: its pipe may be later than an answer. */
export function logged(replica: Replica, text: string): Promise<void> {
  return until(() => replica.log().includes(text), `"${text}" in the log`)
}
