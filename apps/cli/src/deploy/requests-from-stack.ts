import { mkdtemp, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { mergeEnvironment, parseEnvironmentFile, parseStack, selectFunctions, type FunctionTemplate, type Stack, type StackFunction } from '@weft/api'
import type { BuildRequest } from '@weft/artifacts/build'
import { templateBuild, type TemplateBuild } from '@weft/builder'
import { namespacedName, WeftError } from '@weft/core'
import type { World } from '../command.ts'
import type { FunctionRequest } from './function-request.ts'

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
}

const DEFAULT_FILES = ['stack.yaml', 'stack.yml']

/** Finds a stack.yaml: the file named, or the one of the directory named, or of the working directory. @throws WeftError `INVALID_VALUE` when there is none */
export async function loadStack(world: World, named: string | undefined, substitute: boolean): Promise<LoadedStack> {
  const file = await findStack(world.cwd, named)
  if (file === undefined) {
    const where = named ?? world.cwd
    throw new WeftError('INVALID_VALUE', { field: '--yaml', reason: `there is no stack.yaml in ${where}; name one with -f, or a function with its --image or source` })
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

function chooseFunctions(stack: Stack, choice: StackChoice): readonly StackFunction[] {
  const selected = selectFunctions(stack, {
    ...(choice.filter === undefined ? {} : { filter: choice.filter }),
    ...(choice.regex === undefined ? {} : { regex: new RegExp(choice.regex) }),
  })
  const named = choice.names.length === 0 ? selected : selected.filter((fn) => choice.names.includes(fn.name))
  const missing = choice.names.filter((name) => !named.some((fn) => fn.name === name))
  if (missing.length > 0 || named.length === 0) {
    const all = stack.functions.map((fn) => fn.name).join(', ')
    throw new WeftError('INVALID_VALUE', { field: 'functions', reason: `the stack has no ${missing.length > 0 ? missing.join(', ') : 'function that matches'}; it has ${all}` })
  }
  return named
}

async function requestOf(fn: StackFunction, base: string, choice: StackChoice): Promise<FunctionRequest> {
  const files = await Promise.all(fn.environmentFiles.map(async (file) => parseEnvironmentFile(await readFile(resolve(base, file), 'utf8'), file)))
  const env = mergeEnvironment(fn.environment, ...files, choice.env)
  const build = fn.skipBuild ? undefined : await buildOf(fn, base, choice)
  return { ref: namespacedName(fn.name, choice.namespace ?? fn.namespace), build, template: templateOf(fn, env) }
}

/** `handler` is a directory, as OpenFaaS has it, or a file, with `#EXPORT` when it does not export its handler as default. */
async function buildOf(fn: StackFunction, base: string, choice: StackChoice): Promise<BuildRequest | undefined> {
  if (fn.lang === undefined || fn.handler === undefined) return undefined
  const [path = '', exported] = fn.handler.split('#')
  const { runtime, source, process } = await sourceOf(fn.lang, resolve(base, path), base)
  const command = fn.fprocess ?? process
  return {
    name: fn.name,
    source,
    runtime,
    ...(exported === undefined ? {} : { handler: exported }),
    ...(command === undefined ? {} : { process: command }),
    ...(Object.keys(fn.buildArgs).length === 0 ? {} : { buildArgs: fn.buildArgs }),
    ...(fn.image === undefined ? {} : { reference: fn.image }),
    ...(choice.allowScripts ? { allowScripts: true } : {}),
  }
}

async function sourceOf(lang: string, path: string, base: string): Promise<TemplateBuild> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new WeftError('INVALID_VALUE', { field: 'handler', reason: `${path} does not exist` })
  if (found.isFile()) return { runtime: lang, source: { kind: 'file', path, name: basename(path) } }
  const assembleIn = await mkdtemp(join(tmpdir(), 'weft-template-'))
  return templateBuild(lang, path, { pulled: join(base, 'template') }, assembleIn)
}

function templateOf(fn: StackFunction, env: Readonly<Record<string, string>>): FunctionTemplate {
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
