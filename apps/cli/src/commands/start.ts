import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createLog, type Log } from '@weft/kit'
import type { Config, ConfigFile, Platform } from '@weft/standalone'
import { applyPaths } from '../apply/apply-paths.ts'
import { PACKAGED } from '../assets.ts'
import { GatewayClient } from '../client/gateway-client.ts'
import { basicAuthorization } from '../client/locate.ts'
import type { Command, Invocation, World } from '../command.ts'
import { progressOn } from '../output/progress.ts'
import { VERSION } from '../version.ts'
import { followConfig } from './follow-config.ts'
import { listOption, textOption } from './options.ts'

const DEFAULT_FILE = 'weft.yaml'

/** `weft start`: the whole platform in this process, until Ctrl-C. */
export const startCommand: Command = {
  name: 'start',
  summary: 'run the platform on this machine',
  description: 'Runs the whole platform in one process with one Envoy, until Ctrl-C. Settings come from flags, WEFT_* variables and weft.yaml, in this order.',
  options: [
    { flags: '--listen <address>', description: 'address of the gateway (WEFT_LISTEN; default 127.0.0.1:8080)' },
    { flags: '--tls-listen <address>', description: 'address for TLS: port 443 of Gateways (WEFT_TLS_LISTEN; default port 8443 beside --listen)' },
    { flags: '--tls-cert <file>', description: 'certificate of the platform itself, PEM; read again when it changes (WEFT_TLS_CERT)' },
    { flags: '--tls-key <file>', description: 'its key, PEM (WEFT_TLS_KEY)' },
    { flags: '--metrics-listen <address>', description: 'address of the metrics (WEFT_METRICS_LISTEN; default 127.0.0.1:8082)' },
    { flags: '--data-dir <path>', description: 'where everything is kept (WEFT_DATA_DIR; default $XDG_DATA_HOME/weft)' },
    { flags: '--no-auth', description: 'control API without a password (WEFT_AUTH=none)' },
    { flags: '--isolation <level>', description: 'sandbox of the functions (WEFT_ISOLATION)', choices: ['required', 'preferred', 'none'] },
    { flags: '--ca-directory <path>', description: 'certificate authority of your own (WEFT_CA_DIRECTORY; docs/guide/trust.md)' },
    { flags: '--apply <path>', description: 'deploy a stack.yaml, apply resource files, or both from a directory, once it runs', repeat: true },
    { flags: '--config <file>', description: 'configuration file (default ./weft.yaml when it is there)' },
    { flags: '--json-logs', description: 'log as one JSON object per line' },
  ],
  examples: [
    'weft start',
    'weft start --apply functions/cold-room',
    'weft start --listen 127.0.0.1:9000 --metrics-listen 127.0.0.1:9002 --data-dir /tmp/other',
  ],
  async run(invocation) {
    const { world } = invocation
    const config = await readStartConfig(invocation)
    const log = createLog({ ...config.log, write: (line) => void world.stderr.write(line) })
    const { startPlatform } = await loadPlatform()
    const platform = await startPlatform(config, {
      log,
      version: VERSION,
      env: world.env,
      progress: (text) => void world.stderr.write(`${text}\n`),
      ...(PACKAGED === undefined ? {} : { assets: PACKAGED.platform }),
    })
    const file = resolve(world.cwd, textOption(invocation.options, 'config') ?? DEFAULT_FILE)
    const unfollow = followConfig(config, { file, read: () => readStartConfig(invocation), platform, log })
    try {
      world.stdout.write(greeting(platform, config))
      await applyAll(invocation, platform, log)
      await untilEnded(world.signal)
    } finally {
      unfollow()
      world.stderr.write('Draining; press Ctrl-C again to end at once.\n')
      await platform.close()
    }
  },
}

/** The platform's code takes as long to load as all else together, and no other command needs it. */
const loadPlatform = () => import('@weft/standalone')

async function readStartConfig({ world, options }: Invocation): Promise<Config> {
  const flags: { -readonly [Key in keyof ConfigFile]: ConfigFile[Key] } = {}
  for (const key of ['listen', 'tlsListen', 'tlsCert', 'tlsKey', 'metricsListen', 'dataDir'] as const) {
    const value = textOption(options, key)
    if (value !== undefined) Object.assign(flags, { [key]: value })
  }
  const isolation = textOption(options, 'isolation')
  if (isolation !== undefined) Object.assign(flags, { isolation })
  const caDirectory = textOption(options, 'caDirectory')
  if (caDirectory !== undefined) flags.mesh = { caDirectory }
  if (options['auth'] === false) flags.auth = 'none'
  if (options['jsonLogs'] === true) flags.log = { format: 'json' }
  const file = await readConfigFile(world, textOption(options, 'config'))
  const { readConfig } = await loadPlatform()
  return readConfig({ flags, env: world.env, uid: process.getuid?.() ?? 0, ...(file === undefined ? {} : { file }) })
}

/** The file named, which must be there, or `weft.yaml` of the working directory if it is. */
async function readConfigFile(world: World, named: string | undefined): Promise<{ name: string; text: string } | undefined> {
  if (named !== undefined) return { name: named, text: await readFile(resolve(world.cwd, named), 'utf8') }
  try {
    return { name: DEFAULT_FILE, text: await readFile(join(world.cwd, DEFAULT_FILE), 'utf8') }
  } catch {
    return undefined
  }
}

/** What a person reads when the platform runs. */
function greeting(platform: Platform, config: Config): string {
  const lines = [
    '',
    `Weft ${VERSION} is running.`,
    '',
    `  Gateway      ${platform.gateway}`,
    ...(config.tlsCertificate === undefined ? [] : [`  TLS          ${platform.tls}`]),
    `  Metrics      ${platform.metrics}/metrics`,
    config.auth === 'none'
      ? '  Credentials  none: the control API is open to everyone who reaches it (--no-auth)'
      : `  Credentials  user admin, password in ${platform.passwordFile ?? ''}`,
    `  Isolation    ${platform.isolation.summary}`,
    `  Mesh         ${config.mesh.path === 'encrypted' ? 'mutual TLS on every hop' : 'direct: one hop, same policies'}, trust domain ${config.mesh.trustDomain}`,
    `  Data         ${config.dataDir}`,
    '',
  ]
  return `${lines.join('\n')}\n`
}

async function applyAll({ world, options }: Invocation, platform: Platform, log: Log): Promise<void> {
  const paths = listOption(options, 'apply').map((path) => resolve(world.cwd, path))
  if (paths.length === 0) {
    world.stdout.write('Try:\n  weft new hello --lang fetch-js && weft up hello\n  weft invoke hello\n  weft mesh status\n\n')
    return
  }
  const client = new GatewayClient({ url: platform.gateway, socketPath: platform.socket, source: 'this platform', ...(await authorizationOf(platform)) })
  const progress = progressOn(world)
  const build = platform.builder.build.bind(platform.builder)
  const say = (line: string) => {
    progress.end()
    world.stdout.write(`${line}\n`)
  }
  const applied = await applyPaths(paths, { world, client, build, progress, say, signal: world.signal })
  log.info({ functions: applied.functions.length, resources: applied.resources }, 'applied')
  const first = applied.functions.at(-1) ?? 'NAME'
  world.stdout.write(`\nTry:\n  curl ${platform.gateway}/function/${first}\n  npx weft describe ${first}\n  npx weft mesh status\n\n`)
}

async function authorizationOf({ passwordFile }: Platform): Promise<{ authorization?: string }> {
  if (passwordFile === undefined) return {}
  return { authorization: basicAuthorization('admin', (await readFile(passwordFile, 'utf8')).trim()) }
}

/** Waits for Ctrl-C. */
function untilEnded(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    signal.addEventListener('abort', () => done(), { once: true })
  })
}
