import type { GatewayClient } from './client/gateway-client.ts'

/** The world as a command sees it; tests give their own. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stdout: { write(text: string | Uint8Array): boolean; readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: { write(text: string): boolean; readonly isTTY?: boolean }
  /** Aborted on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
}

/** An option, in commander's words: `-n, --namespace <name>`. */
export interface OptionSpec {
  readonly flags: string
  readonly description: string
  readonly default?: string | boolean | number
  /** May be given several times: the value is a list. */
  readonly repeat?: boolean
  readonly choices?: readonly string[]
  /** Accepted, but not shown in the help. */
  readonly hidden?: boolean
}

/** What a command is given. */
export interface Invocation {
  readonly world: World
  readonly args: readonly string[]
  /** By camelCase name, as commander gives them. */
  readonly options: Readonly<Record<string, unknown>>
  /** The client of the gateway that flags, environment or the local platform name; made on first use. */
  client(): Promise<GatewayClient>
}

/** One command, as data: what the parser, the help, the completion scripts and the reference are made from. */
export interface Command {
  /** `deploy`, or `mesh status` for a command of a group. */
  readonly name: string
  readonly aliases?: readonly string[]
  readonly summary: string
  readonly description?: string
  /** In commander's words: `<name>`, `[name]`, `[names...]`. */
  readonly args?: readonly { readonly syntax: string; readonly description: string }[]
  readonly options?: readonly OptionSpec[]
  readonly examples: readonly string[]
  /** @returns the exit code; absent: 0. Throws a WeftError for what the user should read. */
  run(invocation: Invocation): Promise<number | void>
}
