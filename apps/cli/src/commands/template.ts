import { cp, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { listTemplates, type Template } from '@weft/builder'
import { WeftError } from '@weft/core'
import type { Command, World } from '../command.ts'
import { cloneRepository } from '../deploy/clone-repository.ts'
import { templateDirectories } from '../deploy/template-directories.ts'
import { withWorkDirectory } from '../deploy/work-directory.ts'
import { progressOn } from '../output/progress.ts'
import { render, type View } from '../output/render.ts'
import { OUTPUT_OPTION, textOption } from './options.ts'

/** Where faas-cli pulls from when nothing is named. */
const OPENFAAS_TEMPLATES = 'https://github.com/openfaas/templates.git'

const view: View<Template> = {
  heading: ['NAME', 'LANGUAGE', 'ORIGIN'],
  row: (template) => [template.name, template.file.language ?? '-', template.origin],
  wideHeading: ['FPROCESS', 'DIRECTORY'],
  wideRow: (template) => [template.file.fprocess ?? '-', template.directory],
  name: (template) => template.name,
}

/** `weft template list|pull`. */
export const templateCommands: readonly Command[] = [
  {
    name: 'template list',
    aliases: ['ls'],
    summary: 'list the templates for `weft new`',
    options: [OUTPUT_OPTION],
    examples: ['weft template list', 'weft template list -o wide'],
    async run({ world, options }) {
      const templates = await listTemplates(templateDirectories(world.cwd))
      world.stdout.write(render(templates, view, textOption(options, 'output')))
    },
  },
  {
    name: 'template pull',
    summary: 'fetch templates from a Git repository into ./template',
    description: 'Copies the directories of `template/` in a Git repository to ./template, as faas-cli does. Templates there win over those of Weft.',
    args: [{ syntax: '[repository]', description: 'URL or path, with #BRANCH or #TAG if it is not the default (OPENFAAS_TEMPLATE_URL)' }],
    options: [{ flags: '--no-overwrite', description: 'keep templates that are there already' }],
    examples: ['weft template pull', 'weft template pull https://github.com/openfaas/python-flask-template#master'],
    async run({ world, args, options }) {
      const repository = args[0] ?? world.env['OPENFAAS_TEMPLATE_URL'] ?? OPENFAAS_TEMPLATES
      const names = await pull(repository, world, options['overwrite'] !== false)
      world.stdout.write(names.length === 0 ? 'Nothing new: every template is there already.\n' : `Pulled ${names.join(', ')} into template/.\n`)
    },
  },
]

async function pull(repository: string, world: World, overwrite: boolean): Promise<readonly string[]> {
  const progress = progressOn(world)
  progress.step(`Fetching ${repository}`)
  return withWorkDirectory(async (work) => {
    await cloneRepository(repository, join(work, 'clone'), world)
    const source = join(work, 'clone', 'template')
    const found = await templateNames(source)
    if (found.length === 0) throw new WeftError('INVALID_VALUE', { field: 'repository', reason: `${repository} has no template/NAME/template.yml` })
    const target = join(world.cwd, 'template')
    const known = overwrite ? [] : await templateNames(target)
    const wanted = found.filter((name) => !known.includes(name))
    for (const name of wanted) await cp(join(source, name), join(target, name), { recursive: true })
    return wanted
  }).finally(() => progress.end())
}

async function templateNames(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory).catch(() => [])
  const checked = await Promise.all(
    entries.map(async (name) => ((await stat(join(directory, name, 'template.yml')).catch(() => undefined))?.isFile() === true ? [name] : [])),
  )
  return checked.flat().toSorted()
}
