import { spawn, type ChildProcess } from 'node:child_process'
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ask } from './http.ts'
import { run } from './platform.ts'
import { until } from './poll.ts'

const COMMAND = 'apt-get install -y --no-install-recommends prometheus'

async function isOnPath(name: string): Promise<boolean> {
  const tries = (process.env['PATH'] ?? '').split(delimiter).map((directory) => access(join(directory, name), constants.X_OK))
  return (await Promise.allSettled(tries)).some(({ status }) => status === 'fulfilled')
}

/** Set-up step: finds `prometheus` and `promtool`, or installs Debian's package when root; its own service is switched off. @throws Error with the command */
export async function ensurePrometheus(say: (line: string) => void): Promise<void> {
  if ((await isOnPath('prometheus')) && (await isOnPath('promtool'))) return say('prometheus and promtool are there')
  if (process.getuid?.() !== 0 || !(await isOnPath('apt-get'))) throw new Error(`prometheus is not installed; install it with: sudo ${COMMAND}`)
  say('installing prometheus with apt-get')
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' }
  const [program = '', ...args] = COMMAND.split(' ')
  const { code, stderr } = await run(program, args, { env })
  if (code !== 0) throw new Error(`prometheus could not be installed (${stderr.trim().split('\n').at(-1) ?? ''}); install it with: sudo ${COMMAND}`)
  // Where systemd runs, the package has started one on port 9090.
  await run('systemctl', ['disable', '--now', 'prometheus'], { env }).catch(() => undefined)
}

/** One sample of an answer. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [at: number, value: string]
}

interface QueryAnswer {
  readonly status: 'success' | 'error'
  readonly error?: string
  readonly data?: { readonly resultType: string; readonly result: readonly Sample[] }
}

/** A real Prometheus that asks one target every second. */
export class TestPrometheus implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #directory: string
  /** `http://HOST:PORT` of its API. */
  readonly url: string

  private constructor(child: ChildProcess, directory: string, url: string) {
    this.#child = child
    this.#directory = directory
    this.url = url
  }

  /** @param metrics `http://HOST:PORT` of what it asks; @param ruleFiles absolute paths */
  static async start(metrics: string, ruleFiles: readonly string[]): Promise<TestPrometheus> {
    const directory = await mkdtemp(join(tmpdir(), 'weft-prometheus-'))
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ruleFiles,
      scrape_configs: [{ job_name: 'weft', static_configs: [{ targets: [new URL(metrics).host] }] }],
    }
    // YAML reads JSON.
    await writeFile(join(directory, 'prometheus.yaml'), JSON.stringify(config))
    const port = await freePort()
    const args = [
      `--config.file=${directory}/prometheus.yaml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ]
    const child = spawn('prometheus', args, { stdio: 'ignore' })
    const prometheus = new TestPrometheus(child, directory, `http://127.0.0.1:${port}`)
    await until('prometheus', async () => (await ask(`${prometheus.url}/-/ready`)).status === 200)
    return prometheus
  }

  /** Answers of an instant query. @throws Error when it cannot be read */
  async query(expression: string): Promise<readonly Sample[]> {
    return this.#get(`query?query=${encodeURIComponent(expression)}`)
  }

  async #get(path: string): Promise<readonly Sample[]> {
    const { text } = await ask(`${this.url}/api/v1/${path}`)
    const answer = JSON.parse(text) as QueryAnswer
    if (answer.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${answer.error ?? text}`)
    return answer.data?.result ?? []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.kill('SIGKILL')
    if (this.#child.exitCode === null) await ended
    await rm(this.#directory, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
