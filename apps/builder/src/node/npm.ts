import { spawn } from 'node:child_process'
import { mkdir, readFile, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buildFailed } from '../failures.ts'
import { findProgram } from '../program/find-program.ts'
import { sandboxed } from './sandbox.ts'

/** How npm is called. */
export interface NpmSettings {
  /** npm's cache, shared by builds. */
  readonly cacheDirectory: string
  /** The user's own npm configuration (registry, credentials); absent: none. */
  readonly userConfig?: string
  /** Environment for npm: proxies, registry; never the platform's own. */
  readonly env: Readonly<Record<string, string>>
  /** The sandbox; `bwrap` of PATH when absent. */
  readonly bubblewrap?: string
}

/** One call of npm. */
export interface NpmCall {
  readonly args: readonly string[]
  readonly root: string
  /** Directory for HOME and temporary files of this build. */
  readonly scratch: string
  readonly settings: NpmSettings
  /** Variables from the request (`--build-arg`). */
  readonly buildArgs: Readonly<Record<string, string>>
  /** With registry access: network, shared cache and the user's credentials. Without: none of them, for calls that run code of packages. */
  readonly registry: boolean
}

/** How a call went. */
export interface NpmResult {
  readonly code: number
  readonly output: string
  readonly isolated: boolean
}

const OUTPUT_BYTES = 64 * 1024

/**
 * Runs npm on this Node.js, in a sandbox where there is one.
 * A `.npmrc` of the source counts, but for what would run programs or write elsewhere.
 * @throws WeftError `BUILD_FAILED` when there is no npm
 */
export async function runNpm(call: NpmCall): Promise<NpmResult> {
  const cli = await npmCli()
  const home = join(call.scratch, 'home')
  await mkdir(join(call.scratch, 'tmp'), { recursive: true })
  await mkdir(home, { recursive: true })
  const { userConfig, cacheDirectory } = call.settings
  const globalConfig = join(dirname(cli), '..', '..', '..', '..', 'etc', 'npmrc')
  const credentials = call.registry && userConfig !== undefined ? [userConfig, ...(await filesNamedBy(userConfig))] : []
  const certificates = call.settings.env['NODE_EXTRA_CA_CERTS']
  const view = {
    writable: [call.root, call.scratch, ...(call.registry ? [cacheDirectory] : [])],
    readable: [dirname(process.execPath), dirname(dirname(cli)), globalConfig, ...credentials, ...(certificates === undefined ? [] : [certificates])],
    network: call.registry,
  }
  // npm looks for its machine-wide configuration beside the Node.js that runs it, which is not the one that it came with.
  const shared = call.registry ? ['--globalconfig', globalConfig] : []
  const args = [cli, ...call.args, ...fixedOptions(call, call.registry ? cacheDirectory : join(home, '.npm')), ...shared]
  const invocation = await sandboxed({ command: process.execPath, args }, view, call.settings.bubblewrap)
  const done = await collect(invocation.command, invocation.args, call.root, npmEnv(call, home))
  return { ...done, isolated: invocation.isolated }
}

/** Options on the command line win over every `.npmrc`. */
function fixedOptions(call: NpmCall, cache: string): readonly string[] {
  const userConfig = call.registry ? (call.settings.userConfig ?? '/dev/null') : '/dev/null'
  return ['--cache', cache, '--userconfig', userConfig, ...CONSTANT_OPTIONS]
}

const CONSTANT_OPTIONS = [
  '--git=git',
  '--script-shell=/bin/sh',
  '--global=false',
  '--fund=false',
  '--audit=false',
  '--update-notifier=false',
  '--progress=false',
  '--loglevel=error',
  '--logs-max=0',
  '--color=false',
]

const FORBIDDEN = /^(?:NODE_|LD_|DYLD_|GIT_|PATH$|HOME$|TMPDIR$|BASH_ENV$|ENV$)/

function npmEnv(call: NpmCall, home: string): Record<string, string> {
  const given = Object.entries(call.buildArgs).filter(([key]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) && !FORBIDDEN.test(key))
  const registry = call.buildArgs['NPM_REGISTRY']
  return {
    ...(call.registry ? call.settings.env : {}),
    ...(registry === undefined ? {} : { npm_config_registry: registry }),
    ...Object.fromEntries(given),
    PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    HOME: home,
    TMPDIR: join(call.scratch, 'tmp'),
    LANG: 'C.UTF-8',
    CI: 'true',
  }
}

async function npmCli(): Promise<string> {
  const beside = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')
  const onPath = await findProgram('npm')
  for (const candidate of [...(onPath === undefined ? [] : [onPath]), beside]) {
    const cli = await realpath(candidate).catch(() => undefined)
    if (cli?.endsWith('npm-cli.js') === true) return cli
  }
  throw buildFailed('dependencies', 'there is no npm on this machine', 'install Node.js with npm, or send the source with its node_modules')
}

/** A certificate file that the user's configuration names must be readable too. */
async function filesNamedBy(userConfig: string): Promise<string[]> {
  const text = await readFile(userConfig, 'utf8').catch(() => '')
  return [...text.matchAll(/^(?:.*:)?(?:cafile|certfile|keyfile)\s*=\s*"?(\/[^"\n]+?)"?\s*$/gm)].flatMap(([, path]) => (path === undefined ? [] : [path]))
}

function collect(command: string, args: readonly string[], cwd: string, env: Record<string, string>): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-OUTPUT_BYTES))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}
