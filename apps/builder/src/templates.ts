import { cp, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseTemplateFile, type TemplateFile } from '@weft/api'
import type { BuildRequest } from '@weft/artifacts/build'
import { WeftError, messageOf } from '@weft/core'
import { sourceRefused } from './failures.ts'
import { RUNTIMES } from './runtimes.ts'

/** A template in the layout of OpenFaaS: `template.yml` and a directory with a handler to start from. */
export interface Template {
  readonly name: string
  readonly directory: string
  readonly file: TemplateFile
  /** `pulled`: in `template/` of the working directory, as faas-cli puts them there; `shipped`: of Weft. */
  readonly origin: 'pulled' | 'shipped'
}

/** Where templates are. */
export interface TemplateDirectories {
  /** `template/` of the working directory; wins. */
  readonly pulled?: string
  /** Absent: the ones of the source tree. */
  readonly shipped?: string
}

const SHIPPED = fileURLToPath(new URL('../templates', import.meta.url))

/** All templates, pulled ones first where a name is there twice; sorted by name. */
export async function listTemplates(directories: TemplateDirectories = {}): Promise<readonly Template[]> {
  const shipped = await templatesIn(directories.shipped ?? SHIPPED, 'shipped')
  const pulled = directories.pulled === undefined ? [] : await templatesIn(directories.pulled, 'pulled')
  const byName = new Map([...shipped, ...pulled].map((template) => [template.name, template]))
  return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** One template. @throws WeftError `UNKNOWN_RUNTIME` with the names that there are */
export async function findTemplate(name: string, directories: TemplateDirectories = {}): Promise<Template> {
  const all = await listTemplates(directories)
  const found = all.find((template) => template.name === name)
  if (found !== undefined) return found
  throw new WeftError('UNKNOWN_RUNTIME', {
    runtime: name,
    reason: 'no template has this name',
    help: `use one of: ${all.map((template) => template.name).join(', ')}`,
  })
}

/**
 * Copies a template's handler into a new directory (`weft new`).
 * @throws WeftError `SOURCE_REFUSED` when the directory is there already
 */
export async function instantiateTemplate(template: Template, target: string): Promise<void> {
  if (await exists(target)) throw sourceRefused(`${target} exists already`, 'choose another name, or remove it first')
  await mkdir(dirname(target), { recursive: true })
  await cp(join(template.directory, template.file.handlerFolder), target, { recursive: true, errorOnExist: true })
}

/** The part of a build request that a language and a handler directory determine. */
export type TemplateBuild = Pick<BuildRequest, 'runtime' | 'source' | 'process'>

/**
 * How a handler directory is built for a language: by the runtime of that name (also of a pulled template's `language`), else as the program of the pulled
 * template with the handler put into its folder, as faas-cli assembles it.
 * @param assembleIn empty directory for that; must live until the build is done
 */
export async function templateBuild(lang: string, handler: string, directories: TemplateDirectories, assembleIn: string): Promise<TemplateBuild> {
  const source = { kind: 'directory', path: handler } as const
  const template = (await listTemplates(directories)).find((candidate) => candidate.name === lang)
  const runtime = [lang, template?.file.language].find((name) => name !== undefined && isRuntime(name))
  const command = template?.file.fprocess
  if (runtime !== undefined || template === undefined) {
    const isProgram = RUNTIMES.some((entry) => entry.contract === 'process' && entry.names.includes(runtime ?? ''))
    return { runtime: runtime ?? lang, source, ...(isProgram && command !== undefined ? { process: command } : {}) }
  }
  await cp(template.directory, assembleIn, { recursive: true })
  await cp(handler, join(assembleIn, template.file.handlerFolder), { recursive: true, force: true })
  return { runtime: 'process', source: { kind: 'directory', path: assembleIn }, ...(command === undefined ? {} : { process: command }) }
}

const isRuntime = (name: string) => RUNTIMES.some((entry) => entry.names.includes(name.toLowerCase()))

async function templatesIn(directory: string, origin: Template['origin']): Promise<Template[]> {
  const names = await readdir(directory).catch(() => [])
  const read = names.map(async (name): Promise<Template[]> => {
    const file = join(directory, name, 'template.yml')
    if (!(await exists(file))) return []
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw sourceRefused(`the template ${file} cannot be read (${messageOf(error)})`)
    })
    return [{ name, directory: join(directory, name), file: parseTemplateFile(text, file), origin }]
  })
  return (await Promise.all(read)).flat()
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
