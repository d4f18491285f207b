import { describeError, lastWords, logLine, report } from '@weft/runtime-nodejs/report'
import { startMode } from '../modes/start-mode.ts'
import type { Mode } from '../modes/mode.ts'
import { openOutbound, type Outbound } from '../outbound/open.ts'
import { hasQuotes } from '../program/command.ts'
import { Fifos } from '../program/fifos.ts'
import { openLogs, type ProgramLogs } from '../program/logs.ts'
import { drain } from '../server/drain.ts'
import { limitsOf } from '../server/limits.ts'
import { createServing, type Serving } from '../server/serve.ts'
import { parseConfig, type ProcessConfig } from './config.ts'
import { programEnvironment } from './environment.ts'
import { readSettings, type Settings } from './settings.ts'

/** Descriptor of the listening socket that the provider made. */
const LISTEN_FD = 3

/** Everything of this process that has to be given back at its end. */
interface World {
  readonly config: ProcessConfig
  readonly settings: Settings
  readonly fifos: Fifos
  readonly logs: ProgramLogs
  readonly outbound?: Outbound
}

async function openWorld(): Promise<World> {
  const told = parseConfig(process.env['WEFT_RUNTIME_CONFIG'] ?? '{}')
  const command = told.command ?? process.env['fprocess'] ?? process.env['function_process']
  const config: ProcessConfig = command === undefined ? told : { ...told, command }
  const settings = readSettings(process.env)
  const fifos = new Fifos()
  const logs = openLogs(fifos, settings)
  const { outboundSocket, meshNamespaces } = config
  if (outboundSocket === undefined) return { config, settings, fifos, logs }
  const ownPort = settings.upstreamUrl === undefined ? {} : { ownPort: Number(new URL(settings.upstreamUrl).port || 80) }
  return { config, settings, fifos, logs, outbound: await openOutbound({ outboundSocket, meshNamespaces, ports: settings.outboundPorts, ...ownPort }) }
}

/** Ends the process: what programs wrote last is handed over before. */
async function finish(world: World | undefined, code: number): Promise<never> {
  await world?.logs.close()
  world?.fifos.close()
  process.exit(code)
}

/** Whether an error is one of ours, whose message says all; the stack of any other shows where it came from. */
const isOurs = (error: unknown): boolean => error instanceof Error && error.constructor === Error && !('code' in error)

async function fail(world: World | undefined, error: unknown): Promise<never> {
  const message = error instanceof Error ? error.message : String(error)
  lastWords(`the program cannot be served: ${message}`)
  report({ type: 'failed', message, stack: isOurs(error) ? message : describeError(error) })
  return finish(world, 1)
}

function startIn(world: World, serving: () => Serving | undefined): Promise<Mode> {
  const { config, settings, fifos, logs, outbound } = world
  if (config.command !== undefined && hasQuotes(config.command)) {
    logLine('the command line has quotes; as in OpenFaaS it is split at spaces and quotes mean nothing: put it into a script')
  }
  const fallen = (message: string): void => {
    lastWords(`${message}; ${serving()?.inFlight.size ?? 0} calls were under way`)
    void finish(world, 1)
  }
  return startMode({ config, settings, env: programEnvironment(process.env, config, outbound?.env ?? {}), fifos, logs, fallen })
}

/** Starts the replica: settings, ways out, the program, then the server. Loaded before listening. */
export async function boot(): Promise<void> {
  let world: World | undefined
  let serving: Serving | undefined
  // A drain before anything is served has nothing to wait for; Ctrl-C reaches the whole process group, and the platform drains in order.
  let onTerminate = (): void => void finish(world, 0)
  process.on('SIGTERM', () => onTerminate())
  process.on('SIGINT', () => undefined)
  process.once('exit', () => serving?.inFlight.forEach((call) => call.abandon()))
  try {
    world = await openWorld()
    const opened = world
    const mode = await startIn(opened, () => serving)
    const created = createServing(mode, limitsOf(opened.config, opened.settings), opened.config.protocol)
    serving = created
    onTerminate = () => {
      const options = { timeoutMs: opened.config.drainTimeoutMs, stop: () => mode.stop() }
      if (!created.draining) void drain(created, options).then(() => finish(opened, 0))
    }
    created.server.on('error', (error) => void fail(opened, error))
    created.server.listen({ fd: LISTEN_FD }, () => report({ type: 'listening' }))
  } catch (error) {
    await fail(world, error)
  }
}
