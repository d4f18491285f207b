import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FunctionResource } from '@weft/api'
import { ask, type Answer, type AskOptions } from './http.ts'
import { until } from './poll.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const CLI = join(ROOT, 'apps/cli/src/main.ts')
const START_DEADLINE_MS = 90_000

/** How a platform of a test is started. */
export interface PlatformOptions {
  /** Further arguments of `weft start`. */
  readonly args?: readonly string[]
  readonly isolation?: 'required' | 'preferred' | 'none'
  /** A data directory to go on with; it is then not removed at the end. */
  readonly dataDir?: string
  readonly env?: Readonly<Record<string, string>>
  /** Text of its `weft.yaml`. */
  readonly config?: string
}

/** What a finished command left. */
export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A platform that runs in a process of its own, as a user starts it: `weft start` with its own data directory and free ports. */
export class TestPlatform implements AsyncDisposable {
  readonly dataDir: string
  readonly #child: ChildProcess
  readonly #owned: boolean
  #output = ''
  gateway = ''
  tls = ''
  metrics = ''
  socket = ''

  private constructor(dataDir: string, owned: boolean, child: ChildProcess) {
    this.dataDir = dataDir
    this.#owned = owned
    this.#child = child
    child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    child.stderr?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
  }

  /** Starts a platform and waits until it says that it is ready. */
  static async start(options: PlatformOptions = {}): Promise<TestPlatform> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'weft-e2e-')))
    const addresses = ['--listen', '127.0.0.1:0', '--tls-listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0']
    const args = ['start', ...addresses, '--data-dir', dataDir, '--isolation', options.isolation ?? 'preferred']
    const configFile = join(dataDir, 'weft.yaml')
    if (options.config !== undefined) await writeFile(configFile, options.config)
    const child = spawn(process.execPath, [CLI, ...args, ...(options.config === undefined ? [] : ['--config', configFile]), ...(options.args ?? [])], {
      cwd: ROOT,
      env: { ...testEnvironment(dataDir), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const platform = new TestPlatform(dataDir, options.dataDir === undefined, child)
    await platform.#ready()
    return platform
  }

  /** Process id of the platform. */
  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** Directory of its sockets. */
  get runDirectory(): string {
    return dirname(this.socket)
  }

  /** Everything it has written so far. */
  get output(): string {
    return this.#output
  }

  /** Runs a `weft` command against this platform. */
  async weft(args: readonly string[], input?: string): Promise<CommandResult> {
    return run(process.execPath, [CLI, ...args], {
      env: { ...testEnvironment(this.dataDir), WEFT_GATEWAY: this.gateway },
      ...(input === undefined ? {} : { input }),
    })
  }

  /** Starts a `weft` command that goes on; whoever starts it ends it. Its output is in the pipes. */
  spawn(args: readonly string[]): ChildProcess {
    const env = { ...testEnvironment(this.dataDir), WEFT_GATEWAY: this.gateway }
    return spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** Runs a command that must succeed. @throws Error with what it printed */
  async weftOk(args: readonly string[], input?: string): Promise<string> {
    const result = await this.weft(args, input)
    if (result.code !== 0) throw new Error(`weft ${args.join(' ')} ended with ${result.code}\n${result.stdout}${result.stderr}`)
    return result.stdout
  }

  /** Calls a function through the ingress; `path` starts with the function's name. */
  call(path: string, options: AskOptions = {}): Promise<Answer> {
    return ask(`${this.gateway}/function/${path}`, options)
  }

  /** Deploys a handler of the fetch contract from its source, with further fields of the deployment, and waits until its newest revision is ready. */
  async deploy(name: string, source: string, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.send(name, source, fields)
    await this.ready(name)
  }

  /** Waits until the newest revision of a function is ready, and in force at every proxy. */
  async ready(name: string): Promise<void> {
    await until(`${name} is ready`, async () => {
      const { metadata, status } = JSON.parse((await this.api('GET', `/apis/weft.dev/v1alpha1/namespaces/default/functions/${name}`)).text) as FunctionResource
      const ready = status?.conditions.some(({ type, status: holds }) => type === 'RevisionReady' && holds === 'True')
      if (status === undefined || ready !== true || status.latestReady !== status.latestCreated) return false
      if (status.observedGeneration < (metadata.generation ?? 0)) return false
      // One that sleeps soon may do so already.
      return status.availableReplicas > 0 || status.replicas === 0
    })
  }

  /** Deploys as {@link deploy} does and does not wait. */
  async send(name: string, source: string, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const body = { service: name, runtime: 'fetch', source: { files: { [`${name}.mjs`]: source } }, ...fields }
    const updated = await this.api('PUT', '/system/functions', body)
    const answer = updated.status === 404 ? await this.api('POST', '/system/functions', body) : updated
    if (answer.status !== 202) throw new Error(`deployment of ${name}: ${answer.status} ${answer.text}`)
  }

  /** Calls the control API through the ingress, as a client on another machine does. */
  async remote(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return ask(`${this.gateway}${path}`, { method, ...(await this.#content(body, headers)) })
  }

  /** Calls the control API over its socket. */
  async api(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return ask(`http://gateway${path}`, { method, socketPath: this.socket, ...(await this.#content(body, headers)) })
  }

  /** The password of user `admin`. */
  async password(): Promise<string> {
    return (await readFile(join(this.dataDir, 'secrets', 'basic-auth-password'), 'utf8')).trim()
  }

  /** Ends it as Ctrl-C does and waits. @returns the exit code */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
      this.#child.kill(signal)
      await ended
    }
    return this.#child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (this.#owned) await rm(this.dataDir, { recursive: true, force: true })
  }

  /** Text is sent as it is, anything else as JSON. */
  async #content(body: unknown, headers: Readonly<Record<string, string>>): Promise<AskOptions> {
    const authorization = `Basic ${Buffer.from(`admin:${await this.password()}`).toString('base64')}`
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    return { headers: { authorization, ...type, ...headers }, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) }
  }

  async #ready(): Promise<void> {
    await until(
      'start of the platform',
      async () => {
        if (this.#child.exitCode !== null) return 'ended'
        const instance = JSON.parse(await readFile(join(this.dataDir, 'instance.json'), 'utf8')) as {
          pid: number
          gateway: string
          tls: string
          metrics: string
          socket: string
        }
        if (instance.pid !== this.pid) return false
        this.gateway = instance.gateway
        this.tls = instance.tls
        this.metrics = instance.metrics
        this.socket = instance.socket
        return (await ask(`${this.gateway}/healthz`)).status === 200 && 'ready'
      },
      START_DEADLINE_MS,
    )
      .then((how) => {
        if (how === 'ended') throw new Error('the platform ended while it started')
      })
      .catch(async (error: unknown) => {
        await this.stop('SIGKILL')
        throw new Error(`${(error as Error).message}\n${this.#output}`)
      })
  }
}

/** Environment of a platform or command of a test: nothing of the user's own configuration. */
function testEnvironment(dataDir: string): Record<string, string> {
  const keep = ['PATH', 'WEFT_ENVOY', 'XDG_CACHE_HOME', 'HOME', 'LANG', 'npm_config_registry', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE']
  const kept = keep.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]))
  return { ...Object.fromEntries(kept), WEFT_DATA_DIR: dataDir, XDG_CONFIG_HOME: join(dataDir, 'config'), OPENFAAS_CONFIG: join(dataDir, 'openfaas') }
}

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly input?: string; readonly cwd?: string } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...(options.env === undefined ? {} : { env: options.env }),
      cwd: options.cwd ?? ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
    child.stdin.on('error', () => undefined) // a program need not read what it is given
    child.stdin.end(options.input ?? '')
  })
}
