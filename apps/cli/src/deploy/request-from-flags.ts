import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { CONTRACTS, VISIBILITIES, type Contract, type FunctionSpec, type FunctionTemplate } from '@weft/api'
import type { BuildRequest, BuildSource } from '@weft/artifacts/build'
import { WeftError } from '@weft/core'
import { functionRef } from '../client/functions.ts'
import type { OptionSpec } from '../command.ts'
import { listOption, textOption } from '../commands/options.ts'
import type { FunctionRequest } from './function-request.ts'
import { KUBELESS_REFUSED, OPENFAAS_REFUSED, refuse, refusedOptions } from './refused-flags.ts'

type Options = Readonly<Record<string, unknown>>

/** Options that say what a function is; those of `faas-cli deploy` and of `kubeless function deploy` under their own names. */
export const FUNCTION_OPTIONS: readonly OptionSpec[] = [
  { flags: '--image <reference>', description: 'image to run: what `weft build` recorded, or a program of the catalogue' },
  { flags: '--from-file <path>', description: 'source file or archive to build and run' },
  { flags: '--handler <handler>', description: 'directory of the handler, or FILE.EXPORT (with a single file only the export counts)' },
  { flags: '--lang <language>', description: 'language template, such as node22 (same as --runtime)' },
  { flags: '-r, --runtime <name>', description: 'runtime, such as node22, nodejs14, fetch or process' },
  { flags: '--contract <name>', description: 'handler contract, when the runtime does not say it', choices: CONTRACTS },
  { flags: '-d, --dependencies <file>', description: 'package.json with the dependencies of a single file' },
  { flags: '--fprocess <command>', description: 'command line of a program' },
  { flags: '-e, --env <pair>', description: 'NAME=VALUE of the environment', repeat: true },
  { flags: '-l, --label <pair>', description: 'KEY=VALUE label of the revision', repeat: true },
  { flags: '--annotation <pair>', description: 'KEY=VALUE annotation of the revision', repeat: true },
  { flags: '--secret <name>', description: 'secret that the function reads', repeat: true },
  { flags: '--secrets <names>', description: 'same as --secret', repeat: true, hidden: true },
  { flags: '--constraint <text>', description: 'placement constraint (kept, no effect on one machine)', repeat: true },
  { flags: '--readonly', description: 'read-only root file system' },
  { flags: '--service-account <name>', description: 'identity of another function; that account must grant it' },
  { flags: '--timeout <duration>', description: 'longest time of one call, such as 30s or 180' },
  { flags: '--port <number>', description: 'a further port of the mesh host' },
  { flags: '--concurrency <number>', description: 'calls that one replica takes at a time' },
  { flags: '--memory <amount>', description: 'memory limit, such as 128Mi (same as --memory-limit)' },
  { flags: '--memory-limit <amount>', description: 'memory limit, such as 128Mi' },
  { flags: '--memory-request <amount>', description: 'memory that is reserved' },
  { flags: '--cpu <amount>', description: 'CPU limit, such as 100m (same as --cpu-limit)' },
  { flags: '--cpu-limit <amount>', description: 'CPU limit, such as 100m' },
  { flags: '--cpu-request <amount>', description: 'CPU that is reserved' },
  { flags: '--revision <name>', description: 'name of the revision that this makes, such as v2' },
  { flags: '--replicas <number>', description: 'replicas of each serving revision' },
  { flags: '--min <number>', description: 'least number of replicas' },
  { flags: '--max <number>', description: 'greatest number of replicas' },
  { flags: '--zero-after <duration>', description: 'scale to zero after this long without a call' },
  { flags: '--visibility <where>', description: 'mesh: not reachable from outside; public: at /function/NAME', choices: VISIBILITIES },
  { flags: '--ingress-authentication <when>', description: 'required: calls from outside need a verified token', choices: ['optional', 'required'] },
  { flags: '-b, --build-arg <pair>', description: 'NAME=VALUE for the build', repeat: true },
  { flags: '--allow-scripts', description: 'run the install scripts of dependencies' },
  { flags: '--tag <mode>', description: 'only "latest", which changes nothing: a digest names what runs', hidden: true },
  { flags: '--read-template', description: 'as faas-cli has it: always so', hidden: true },
  ...refusedOptions([...OPENFAAS_REFUSED, ...KUBELESS_REFUSED]),
]

/** Refuses by name what faas-cli and kubeless have and Weft does not. @throws WeftError `INVALID_VALUE` */
export function refuseForeignFlags(options: Options): void {
  refuse([...OPENFAAS_REFUSED, ...KUBELESS_REFUSED], options)
  const tag = textOption(options, 'tag')
  if (tag !== undefined && tag !== 'latest')
    throw new WeftError('INVALID_VALUE', { field: '--tag', reason: `Weft does not have "${tag}": write the tag into the image; a digest names what runs` })
}

/** Reads what a command line says of one function. @throws WeftError naming the option */
export async function requestFromFlags(name: string, options: Options, cwd: string): Promise<FunctionRequest> {
  const ref = functionRef(name, options)
  const template = readTemplate(options)
  const scale = readScale(options)
  const build = await readBuild(ref.name, options, cwd)
  if (build === undefined && template.image === undefined) {
    throw new WeftError('INVALID_VALUE', { field: 'deploy', reason: `nothing says what ${ref.name} runs: give --image, --from-file or --handler with --lang` })
  }
  const outside = readOutside(options)
  return { ref, build, template, ...(Object.keys(outside).length === 0 ? {} : { outside }), ...(Object.keys(scale).length === 0 ? {} : { scale }) }
}

/** What is to be built, if the options name a source. */
async function readBuild(name: string, options: Options, cwd: string): Promise<BuildRequest | undefined> {
  const source = readSource(options, cwd)
  if (source === undefined) return undefined
  const runtime = textOption(options, 'runtime') ?? textOption(options, 'lang')
  if (runtime === undefined)
    throw new WeftError('INVALID_VALUE', { field: '--runtime', reason: 'it is needed to build a source: node22, nodejs14, fetch, process, …' })
  const contract = textOption(options, 'contract')
  const dependencies = textOption(options, 'dependencies')
  const process = textOption(options, 'fprocess')
  const reference = textOption(options, 'image')
  const buildArgs = parsePairs(listOption(options, 'buildArg'), '--build-arg')
  const handler = source.kind === 'file' ? textOption(options, 'handler') : undefined
  return {
    name,
    source,
    runtime,
    ...(isContract(contract) ? { contract } : {}),
    ...(handler === undefined ? {} : { handler }),
    ...(dependencies === undefined ? {} : { dependencies: await readFile(resolve(cwd, dependencies), 'utf8') }),
    ...(process === undefined ? {} : { process }),
    ...(reference === undefined ? {} : { reference }),
    ...(Object.keys(buildArgs).length === 0 ? {} : { buildArgs }),
    ...(options['allowScripts'] === true ? { allowScripts: true } : {}),
  }
}

/** `--from-file PATH`, or `--handler DIR` as faas-cli has it. */
function readSource(options: Options, cwd: string): BuildSource | undefined {
  const file = textOption(options, 'fromFile')
  if (file !== undefined) return { kind: 'file', path: resolve(cwd, file), name: basename(file) }
  const handler = textOption(options, 'handler')
  return handler === undefined ? undefined : { kind: 'directory', path: resolve(cwd, handler) }
}

/** What options say of a revision. @throws WeftError naming the option */
export function readTemplate(options: Options): FunctionTemplate {
  const secrets = [...listOption(options, 'secret'), ...listOption(options, 'secrets').flatMap((names) => names.split(','))]
  const constraints = listOption(options, 'constraint')
  const port = wholeNumber(options, 'port')
  const concurrency = wholeNumber(options, 'concurrency')
  const contract = textOption(options, 'contract')
  return {
    ...optional('revision', textOption(options, 'revision')),
    ...optional('image', textOption(options, 'image')),
    ...optional('runtime', textOption(options, 'runtime') ?? textOption(options, 'lang')),
    ...(isContract(contract) ? { contract } : {}),
    ...optional('process', textOption(options, 'fprocess')),
    ...optional('handler', textOption(options, 'fromFile') === undefined ? undefined : textOption(options, 'handler')),
    ...optional('serviceAccount', textOption(options, 'serviceAccount')),
    ...optional('timeout', textOption(options, 'timeout')),
    ...pairsField('env', options, 'env', '--env'),
    ...pairsField('labels', options, 'label', '--label'),
    ...pairsField('annotations', options, 'annotation', '--annotation'),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(constraints.length === 0 ? {} : { constraints: [...constraints] }),
    ...(options['readonly'] === true ? { readOnlyRootFilesystem: true } : {}),
    ...(port === undefined ? {} : { port }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...amounts('limits', textOption(options, 'memoryLimit') ?? textOption(options, 'memory'), textOption(options, 'cpuLimit') ?? textOption(options, 'cpu')),
    ...amounts('requests', textOption(options, 'memoryRequest'), textOption(options, 'cpuRequest')),
  }
}

function readOutside(options: Options): Pick<FunctionSpec, 'visibility' | 'ingress'> {
  const visibility = VISIBILITIES.find((one) => one === textOption(options, 'visibility'))
  const authentication = (['optional', 'required'] as const).find((one) => one === textOption(options, 'ingressAuthentication'))
  return { ...(visibility === undefined ? {} : { visibility }), ...(authentication === undefined ? {} : { ingress: { authentication } }) }
}

function readScale(options: Options): NonNullable<FunctionSpec['scale']> {
  const replicas = wholeNumber(options, 'replicas')
  const min = wholeNumber(options, 'min')
  const max = wholeNumber(options, 'max')
  return {
    ...(replicas === undefined ? {} : { replicas }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...optional('zeroAfter', textOption(options, 'zeroAfter')),
  }
}

function optional<Key extends string>(key: Key, value: string | undefined): { readonly [K in Key]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: string })
}

function amounts(key: 'limits' | 'requests', memory: string | undefined, cpu: string | undefined): object {
  if (memory === undefined && cpu === undefined) return {}
  return { [key]: { ...optional('memory', memory), ...optional('cpu', cpu) } }
}

function pairsField(key: string, options: Options, option: string, flag: string): object {
  const pairs = parsePairs(listOption(options, option), flag)
  return Object.keys(pairs).length === 0 ? {} : { [key]: pairs }
}

/** Reads `KEY=VALUE` (or `KEY:VALUE`, as Kubeless allows for labels). @throws WeftError naming the flag */
export function parsePairs(texts: readonly string[], flag: string): Record<string, string> {
  const pairs: [string, string][] = texts.map((text) => {
    const match = /^([^=:]+)=([\s\S]*)$/.exec(text) ?? /^([^=:]+):([\s\S]*)$/.exec(text)
    if (match?.[1] === undefined) throw new WeftError('INVALID_VALUE', { field: flag, reason: `"${text}" is not KEY=VALUE` })
    return [match[1].trim(), match[2] ?? '']
  })
  return Object.fromEntries(pairs)
}

function wholeNumber(options: Options, name: string): number | undefined {
  const text = textOption(options, name)
  if (text === undefined) return undefined
  if (!/^\d{1,6}$/.test(text)) throw new WeftError('INVALID_VALUE', { field: `--${name}`, reason: `"${text}" is not a whole number` })
  return Number(text)
}

function isContract(text: string | undefined): text is Contract {
  return CONTRACTS.some((contract) => contract === text)
}
