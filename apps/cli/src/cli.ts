import { Command as Parser, CommanderError, Option } from 'commander'
import type { Command, Invocation, OptionSpec, World } from './command.ts'
import { GatewayClient } from './client/gateway-client.ts'
import { locateGateway } from './client/locate.ts'
import { describeFailure, exitCodeOf, INTERRUPTED, wasInterrupted } from './output/failure.ts'
import { normaliseFlags } from './flags.ts'

/** A command line: its name, its commands, and the options that all of them have. */
export interface Program {
  readonly name: string
  readonly summary: string
  readonly version: string
  readonly commands: readonly Command[]
}

/** Options of every command that talks to a gateway. */
export const GATEWAY_OPTION: OptionSpec = {
  flags: '-g, --gateway <url>',
  description: 'gateway to talk to (WEFT_GATEWAY, OPENFAAS_URL, else the platform on this machine)',
}

/** Options that come with {@link GATEWAY_OPTION}, as faas-cli has them. */
const CONNECTION_OPTIONS: readonly OptionSpec[] = [
  { flags: '-k, --token <token>', description: 'bearer token, when no login is kept for the gateway' },
  { flags: '--tls-no-verify', description: 'do not check the certificate of the gateway' },
]

/** All options of a command, with those that its own bring along. */
export function optionsOf(command: Command): readonly OptionSpec[] {
  const own = command.options ?? []
  return own.includes(GATEWAY_OPTION) ? [...own, ...CONNECTION_OPTIONS] : own
}

/** Parses and runs one command line. Never throws. @returns the exit code */
export async function runProgram(program: Program, argv: readonly string[], world: World): Promise<number> {
  let code = 0
  const parser = buildParser(program, world, (result) => {
    code = result
  })
  try {
    await parser.parseAsync(normaliseFlags(argv, program.commands.flatMap(optionsOf)), { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (wasInterrupted(error, world.signal)) return INTERRUPTED
    world.stderr.write(describeFailure(error, world.env['WEFT_DEBUG'] === '1'))
    return exitCodeOf(error)
  }
}

/** The commander program for a command line; also what help, completion and the reference are made from. */
export function buildParser(program: Program, world: World, done: (code: number) => void): Parser {
  const root = configure(new Parser(program.name), world).description(program.summary).version(program.version, '--version', 'print the version')
  const groups = new Map<string, Parser>()
  for (const command of program.commands) {
    const words = command.name.split(' ')
    const leaf = words.pop() ?? command.name
    const parent = words.length === 0 ? root : groupOf(root, groups, words.join(' '), world)
    addCommand(parent, leaf, command, world, done)
  }
  return root
}

function groupOf(root: Parser, groups: Map<string, Parser>, name: string, world: World): Parser {
  const existing = groups.get(name)
  if (existing !== undefined) return existing
  const words = name.split(' ')
  const leaf = words.pop() ?? name
  const parent = words.length === 0 ? root : groupOf(root, groups, words.join(' '), world)
  const group = configure(parent.command(leaf), world).description(`commands of ${name}`)
  groups.set(name, group)
  return group
}

function configure(parser: Parser, world: World): Parser {
  return parser
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({ writeOut: (text) => void world.stdout.write(text), writeErr: (text) => void world.stderr.write(text) })
}

function addCommand(parent: Parser, leaf: string, command: Command, world: World, done: (code: number) => void): void {
  const parser = configure(parent.command(leaf), world)
    .summary(command.summary)
    .description(command.description ?? command.summary)
  if (command.aliases !== undefined) parser.aliases([...command.aliases])
  for (const argument of command.args ?? []) parser.argument(argument.syntax, argument.description)
  for (const option of optionsOf(command)) parser.addOption(toOption(option))
  parser.addHelpText('after', `\nExamples:\n${command.examples.map((example) => `  ${example}`).join('\n')}\n`)
  parser.action(async () => {
    const code = await command.run(invocation(world, parser))
    done(code ?? 0)
  })
}

/** What `kubeless trigger http create --gateway` names: a kind of ingress, and no address. */
const CONTROLLERS: ReadonlySet<unknown> = new Set(['nginx', 'traefik', 'kong'])

/** Whether a value of `--gateway` is the ingress controller that Kubeless asks for. */
export function isController(value: unknown): value is string {
  return CONTROLLERS.has(value)
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.description)
  if (spec.default !== undefined) option.default(spec.default)
  if (spec.choices !== undefined) option.choices([...spec.choices])
  if (spec.repeat === true) option.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value])
  if (spec.hidden === true) option.hideHelp()
  return option
}

function invocation(world: World, parser: Parser): Invocation {
  const options = parser.opts<Record<string, unknown>>()
  let client: Promise<GatewayClient> | undefined
  return {
    world,
    args: parser.processedArgs.flat().filter((value): value is string => typeof value === 'string'),
    options,
    client() {
      const flag = isController(options['gateway']) ? undefined : options['gateway']
      const token = options['token']
      client ??= locateGateway(world.env, typeof flag === 'string' ? flag : undefined, typeof token === 'string' ? token : undefined).then(
        (target) => new GatewayClient({ ...target, ...(options['tlsNoVerify'] === true ? { insecure: true } : {}) }),
      )
      return client
    },
  }
}
