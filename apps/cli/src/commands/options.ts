import { WeftError } from '@weft/core'
import type { OptionSpec } from '../command.ts'
import { OUTPUT_FORMATS } from '../output/render.ts'

/** `-n, --namespace`. */
export const NAMESPACE_OPTION: OptionSpec = {
  flags: '-n, --namespace <name>',
  description: 'namespace of the function (default: "default"; openfaas-fn is the same)',
}
/** `-o, --output` with all formats. */
export const OUTPUT_OPTION: OptionSpec = { flags: '-o, --output <format>', description: 'how to print', choices: OUTPUT_FORMATS }

/** `-H, --header` of a call. */
export const HEADER_OPTION: OptionSpec = { flags: '-H, --header <header>', description: '"NAME: VALUE" (or NAME=VALUE) of the call', repeat: true }

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

/** What {@link HEADER_OPTION} says, names in lower case. @throws WeftError `INVALID_VALUE` */
export function headersOption(options: Readonly<Record<string, unknown>>): Record<string, string[]> {
  const headers: Record<string, string[]> = {}
  for (const text of listOption(options, 'header')) {
    const match = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*[:=]\s*(.*)$/.exec(text)
    if (match?.[1] === undefined) throw new WeftError('INVALID_VALUE', { field: '--header', reason: `"${text}" is not "NAME: VALUE"` })
    const name = match[1].toLowerCase()
    headers[name] = [...(headers[name] ?? []), match[2] ?? '']
  }
  return headers
}
