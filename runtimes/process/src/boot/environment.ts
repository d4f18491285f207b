import type { ProcessConfig } from './config.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The environment of a program: that of the function without Weft's own variables, its names, and the ways out. What the user set stays. */
export function programEnvironment(env: Environment, config: ProcessConfig, outbound: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined && !pair[0].startsWith('WEFT_'))
  return { OPENFAAS_NAME: config.functionName, OPENFAAS_NAMESPACE: config.namespace, ...outbound, ...Object.fromEntries(kept) }
}
