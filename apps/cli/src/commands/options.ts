import type { OptionSpec } from '../command.ts'
import { OUTPUT_FORMATS } from '../output/render.ts'

/** `-n, --namespace`. */
export const NAMESPACE_OPTION: OptionSpec = {
  flags: '-n, --namespace <name>',
  description: 'namespace of the function (default: "default"; openfaas-fn is the same)',
}
/** `-o, --output` with all formats. */
export const OUTPUT_OPTION: OptionSpec = { flags: '-o, --output <format>', description: 'how to print', choices: OUTPUT_FORMATS }

/** An option's text; `undefined` when it was not given. */
export function textOption(options: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/** An option that may be given several times. */
export function listOption(options: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  const value = options[name]
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}
