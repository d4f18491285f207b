import type { RuntimeConfig } from './config.ts'

type Environment = Record<string, string | undefined>

function kubelessVariables(config: RuntimeConfig): Environment {
  const module = config.entry.replace(/^.*\//, '').replace(/\.[cm]?[jt]s$/, '')
  return {
    MOD_NAME: module,
    FUNC_HANDLER: config.export ?? 'handler',
    FUNC_TIMEOUT: String(config.timeoutMs / 1000),
    FUNC_RUNTIME: config.runtimeName,
    FUNC_MEMORY_LIMIT: String(config.memoryLimitBytes ?? 0),
    FUNC_PORT: '8080',
  }
}

/** Takes what is Weft's out of the environment and adds what the contract promises; what the user set stays. Changes `env` in place. */
export function prepareEnvironment(env: Environment, config: RuntimeConfig): void {
  for (const name of Object.keys(env)) if (name.startsWith('WEFT_')) delete env[name]
  const promised: Environment = {
    OPENFAAS_NAME: config.functionName,
    OPENFAAS_NAMESPACE: config.namespace,
    ...(config.runtimeName.startsWith('nodejs') || config.contract === 'kubeless' ? kubelessVariables(config) : {}),
  }
  for (const [name, value] of Object.entries(promised)) env[name] ??= value
}
