import { mkdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { mergeEnvironment, parseEnvironmentFile, parseStack, selectFunctions, type FunctionTemplate, type Stack, type StackFunction } from '@weft/api'
import type { BuildRequest } from '@weft/artifacts/build'
import { templateBuild, type TemplateBuild } from '@weft/builder'
import { messageOf, namespacedName, WeftError } from '@weft/core'
import type { OptionSpec, World } from '../command.ts'
import type { FunctionRequest } from './function-request.ts'
import { templateDirectories } from './template-directories.ts'

/** Options that name a stack.yaml and choose from it. */
export const STACK_OPTIONS: readonly OptionSpec[] = [
  { flags: '-f, --yaml <file>', description: 'stack.yaml, or a directory with one' },
  { flags: '--filter <pattern>', description: 'functions of the stack whose name matches a shell pattern' },
  { flags: '--regex <pattern>', description: 'functions of the stack whose name matches a regular expression' },
  { flags: '--no-envsubst', description: 'take the stack as it is, without ${…}' },
]

/** A stack.yaml that was found and read. */
export interface LoadedStack {
  readonly file: string
  readonly stack: Stack
}

/** What the command line changes about a stack.yaml. */
export interface StackChoice {
  readonly filter?: string
  readonly regex?: string
  /** Functions by name; empty: all that the filter leaves. */
  readonly names: readonly string[]
  readonly namespace?: string
  /** Wins over the file's environment. */
  readonly env: Readonly<Record<string, string>>
  readonly allowScripts: boolean
  /** Wins over the file's build arguments. */
  readonly buildArgs?: Readonly<Record<string, string>>
  /** Empty directory for handlers that are put into their template; must live until the build is done. */
  readonly workDirectory: string
}

const DEFAULT_FILES = ['stack.yaml', 'stack.yml']

/** Finds a stack.yaml: the file named, or the one of the directory named, or of the working directory. @throws WeftError `INVALID_VALUE` when there is none */
export async function loadStack(world: World, named: string | undefined, substitute: boolean): Promise<LoadedStack> {
  const file = await findStack(world.cwd, named)
  if (file === undefined) {
    const where = named ?? world.cwd
    throw new WeftError('INVALID_VALUE', {
      field: '--yaml',
      reason: `there is no stack.yaml in ${where}; name one with -f, or a function with its --image or source`,
    })
  }
  const text = await readFile(file, 'utf8')
  const stack = parseStack(text, { file: basename(file), ...(substitute ? { lookup: (name: string) => world.env[name] } : {}) })
  for (const warning of stack.warnings) world.stderr.write(`warning: ${basename(file)}: ${warning}\n`)
  return { file, stack }
}

/** The stack.yaml that a file or directory means; `undefined` when there is none. */
export async function findStack(cwd: string, named: string | undefined): Promise<string | undefined> {
  const path = resolve(cwd, named ?? '.')
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile() === true) return path
  if (found === undefined) return undefined
  for (const name of DEFAULT_FILES) {
    const candidate = resolve(path, name)
    if ((await stat(candidate).catch(() => undefined))?.isFile() === true) return candidate
  }
  return undefined
}

/** The functions of a stack.yaml that the command line chose, ready to be built and deployed. */
export async function requestsFromStack(loaded: LoadedStack, choice: StackChoice): Promise<readonly FunctionRequest[]> {
  const base = dirname(loaded.file)
  const chosen = chooseFunctions(loaded.stack, choice)
  return Promise.all(chosen.map((fn) => requestOf(fn, base, choice)))
}

/** The functions that the command line means. @throws WeftError `INVALID_VALUE` when there is none */
export function chooseFunctions(stack: Stack, choice: Pick<StackChoice, 'filter' | 'regex' | 'names'>): readonly StackFunction[] {
  if (choice.filter !== undefined && choice.regex !== undefined)
    throw new WeftError('INVALID_VALUE', { field: '--filter', reason: 'give --filter or --regex, not both' })
  const selected = selectFunctions(stack, {
    ...(choice.filter === undefined ? {} : { filter: choice.filter }),
    ...(choice.regex === undefined ? {} : { regex: expression(choice.regex) }),
  })
  const named = choice.names.length === 0 ? selected : selected.filter((fn) => choice.names.includes(fn.name))
  const missing = choice.names.filter((name) => !named.some((fn) => fn.name === name))
  if (missing.length > 0 || named.length === 0) {
    const all = stack.functions.map((fn) => fn.name).join(', ')
    throw new WeftError('INVALID_VALUE', {
      field: 'functions',
      reason: `the stack has no ${missing.length > 0 ? missing.join(', ') : 'function that matches'}; it has ${all}`,
    })
  }
  return named
}

function expression(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new WeftError('INVALID_VALUE', { field: '--regex', reason: messageOf(error) })
  }
}

async function requestOf(fn: StackFunction, base: string, choice: StackChoice): Promise<FunctionRequest> {
  const env = await environmentOf(fn, base, choice.env)
  const build = fn.skipBuild ? undefined : await buildOf(fn, base, choice)
  return { ref: namespacedName(fn.name, choice.namespace ?? fn.namespace), build, template: templateOf(fn, env) }
}

/** The environment of a function: of the stack, its files, and the command line; the last wins. */
export async function environmentOf(fn: StackFunction, base: string, more: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
  const files = await Promise.all(fn.environmentFiles.map(async (file) => parseEnvironmentFile(await readFile(resolve(base, file), 'utf8'), file)))
  return mergeEnvironment(fn.environment, ...files, more)
}

/** `handler` is a directory, as OpenFaaS has it, or a file, with `#EXPORT` when it does not export its handler as default. */
async function buildOf(fn: StackFunction, base: string, choice: StackChoice): Promise<BuildRequest | undefined> {
  if (fn.lang === undefined || fn.handler === undefined) return undefined
  const [path = '', exported] = fn.handler.split('#')
  const { runtime, source, process } = await sourceOf(fn.lang, resolve(base, path), base, join(choice.workDirectory, fn.name))
  const command = fn.fprocess ?? process
  const buildArgs = { ...fn.buildArgs, ...choice.buildArgs }
  return {
    name: fn.name,
    source,
    runtime,
    ...(exported === undefined ? {} : { handler: exported }),
    ...(command === undefined ? {} : { process: command }),
    ...(Object.keys(buildArgs).length === 0 ? {} : { buildArgs }),
    ...(fn.image === undefined ? {} : { reference: fn.image }),
    ...(choice.allowScripts ? { allowScripts: true } : {}),
  }
}

async function sourceOf(lang: string, path: string, base: string, assembleIn: string): Promise<TemplateBuild> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new WeftError('INVALID_VALUE', { field: 'handler', reason: `${path} does not exist` })
  if (found.isFile()) return { runtime: lang, source: { kind: 'file', path, name: basename(path) } }
  await mkdir(assembleIn, { recursive: true })
  return templateBuild(lang, path, templateDirectories(base), assembleIn)
}

/** What of a function of a stack becomes part of its revision. */
export function templateOf(fn: StackFunction, env: Readonly<Record<string, string>>): FunctionTemplate {
  return {
    ...(fn.image === undefined ? {} : { image: fn.image }),
    ...(fn.lang === undefined ? {} : { runtime: fn.lang }),
    ...(fn.fprocess === undefined ? {} : { process: fn.fprocess }),
    ...(Object.keys(env).length === 0 ? {} : { env: { ...env } }),
    ...(Object.keys(fn.labels).length === 0 ? {} : { labels: { ...fn.labels } }),
    ...(Object.keys(fn.annotations).length === 0 ? {} : { annotations: { ...fn.annotations } }),
    ...(fn.secrets.length === 0 ? {} : { secrets: [...fn.secrets] }),
    ...(fn.constraints.length === 0 ? {} : { constraints: [...fn.constraints] }),
    ...(fn.limits === undefined ? {} : { limits: { ...fn.limits } }),
    ...(fn.requests === undefined ? {} : { requests: { ...fn.requests } }),
    ...(fn.readOnlyRootFilesystem ? { readOnlyRootFilesystem: true } : {}),
  }
}
