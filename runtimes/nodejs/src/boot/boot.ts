import { loadContract } from '../contracts/load-contract.ts'
import type { Contract } from '../contracts/contract.ts'
import { installOutboundHook } from '../outbound/hook.ts'
import { drain } from '../server/drain.ts'
import { createServing, failCurrentCall, type Serving } from '../server/serve.ts'
import { installTracePropagation } from '../trace/propagate.ts'
import { parseConfig, type RuntimeConfig } from './config.ts'
import { prepareEnvironment } from './environment.ts'
import { loadHint, loadModule } from './load-module.ts'
import { describeError, lastWords, report, reportLastSpans } from './report.ts'
import { selectExport, selectUpgrade } from './select-export.ts'

/** Descriptor of the listening socket that the provider made. */
const LISTEN_FD = 3

function loadFailed(error: unknown): void {
  const hint = loadHint(error)
  const message = error instanceof Error ? error.message : String(error)
  const stack = describeError(error)
  lastWords(`the function cannot be loaded: ${stack}${hint === undefined ? '' : `\nweft: ${hint}`}`)
  report({ type: 'failed', message: hint === undefined ? message : `${message} (${hint})`, stack })
}

/** A module that ends the process while it is loaded must not look like a replica that ended in order. */
function endedWhileLoading(): void {
  process.exitCode = 1
  loadFailed(new Error('the function ended the process while it was loaded'))
}

async function loadFunction(config: RuntimeConfig): Promise<Contract> {
  if (config.outboundSocket !== undefined) await installOutboundHook({ socketPath: config.outboundSocket, meshNamespaces: config.meshNamespaces })
  installTracePropagation()
  process.once('exit', endedWhileLoading)
  const exported = await loadModule(config.entry, process.cwd()).finally(() => process.off('exit', endedWhileLoading))
  const handler = selectExport(exported, config.export, config.contract)
  return loadContract({ config, handler, upgrade: selectUpgrade(exported, handler), env: process.env })
}

/** Errors that nobody caught: those of a call fail that call; others end the process, as its state is unknown and the platform starts another. */
function guardProcess(contract: Contract, serving: Serving): void {
  const onError = (error: unknown, origin: string): void => {
    if (failCurrentCall(contract, error)) return
    lastWords(`${origin} outside of a call, the replica ends: ${describeError(error)}`)
    finish(serving, 1)
  }
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', (reason) => onError(reason, 'unhandledRejection'))
  process.on('exit', (code) => {
    if (!ending && serving.inFlight.size > 0) lastWords(`the function called process.exit(${code}) with ${serving.inFlight.size} calls under way`)
    else if (!ending) lastWords(`the function ended the process (exit code ${code})`)
  })
}

let ending = false

function finish(serving: Serving, code: number): never {
  ending = true
  reportLastSpans()
  if (code !== 0 && serving.inFlight.size > 0) lastWords(`${serving.inFlight.size} calls were under way`)
  process.exit(code)
}

function drainOnSignal(contract: Contract, serving: Serving, timeoutMs: number): void {
  process.on('SIGTERM', () => {
    void drain(serving, { timeoutMs, settled: async () => contract.settled?.() }).then(() => finish(serving, 0))
  })
  // Ctrl-C reaches the whole process group; the platform drains its replicas in order by SIGTERM
  process.on('SIGINT', () => undefined)
}

/** Starts the replica: configuration, hooks, the user's module, then the server. Identity before listening, loaded before listening. */
export async function boot(): Promise<void> {
  let serving: Serving
  try {
    const config = parseConfig(process.env['WEFT_RUNTIME_CONFIG'] ?? '{}')
    prepareEnvironment(process.env, config)
    const contract = await loadFunction(config)
    serving = createServing(contract, config)
    guardProcess(contract, serving)
    drainOnSignal(contract, serving, config.drainTimeoutMs)
  } catch (error) {
    loadFailed(error)
    process.exit(1)
  }
  serving.server.on('error', (error) => {
    lastWords(`the socket cannot be served: ${describeError(error)}`)
    report({ type: 'failed', message: error.message, stack: describeError(error) })
    finish(serving, 1)
  })
  serving.server.listen({ fd: LISTEN_FD }, () => report({ type: 'listening' }))
}
