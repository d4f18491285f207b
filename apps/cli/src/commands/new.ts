import { access, appendFile, readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { findTemplate, instantiateTemplate, listTemplates } from '@weft/builder'
import { namespacedName, WeftError } from '@weft/core'
import { isMap, parseDocument, stringify } from 'yaml'
import type { Command, World } from '../command.ts'
import { templateDirectories } from '../deploy/template-directories.ts'
import { textOption } from './options.ts'

const DEFAULT_LANGUAGE = 'fetch-js'

/** `weft new`: a handler to start from, and its entry in stack.yaml. */
export const newCommand: Command = {
  name: 'new',
  summary: 'start a function from a template',
  description: 'Makes a directory with a handler, and a stack.yaml that names it (or adds to the one that is there).',
  args: [{ syntax: '[name]', description: 'name of the function' }],
  options: [
    { flags: '--lang <language>', description: 'template (see --list)', default: DEFAULT_LANGUAGE },
    { flags: '--handler <directory>', description: 'directory to make; default: the name' },
    { flags: '--prefix <text>', description: 'what comes before the name in its image (OPENFAAS_PREFIX)' },
    { flags: '-f, --yaml <file>', description: 'stack file', default: 'stack.yaml' },
    { flags: '--list', description: 'list the templates' },
  ],
  examples: ['weft new hello', 'weft new hello --lang node22', 'weft new --list'],
  async run({ world, args, options }) {
    const directories = templateDirectories(world.cwd)
    if (options['list'] === true) return void world.stdout.write((await listTemplates(directories)).map((template) => `${template.name}\n`).join(''))
    const { name } = namespacedName(args[0] ?? '')
    const template = await findTemplate(textOption(options, 'lang') ?? DEFAULT_LANGUAGE, directories)
    const handler = textOption(options, 'handler') ?? name
    await instantiateTemplate(template, resolve(world.cwd, handler))
    const prefix = textOption(options, 'prefix') ?? world.env['OPENFAAS_PREFIX']
    const image = `${prefix === undefined ? '' : `${prefix}/`}${name}:latest`
    const file = textOption(options, 'yaml') ?? 'stack.yaml'
    await addToStack(world, file, name, { lang: template.name, handler: `./${handler}`, image })
    const welcome = template.file.welcomeMessage
    world.stdout.write(
      `Made ${handler}/ and its entry in ${file}.\n${welcome === undefined ? '' : `${welcome.trim()}\n`}\nNext:\n  weft up ${name}\n  weft invoke ${name}\n`,
    )
  },
}

async function addToStack(world: World, file: string, name: string, entry: { lang: string; handler: string; image: string }): Promise<void> {
  const path = resolve(world.cwd, file)
  const lines = stringify({ [name]: entry })
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}\n`)
    .join('')
  const exists = await access(path).then(
    () => true,
    () => false,
  )
  if (exists) return appendEntry(path, name, lines)
  await writeFile(path, `version: "1.0"\nprovider:\n  name: openfaas\nfunctions:\n${lines}`, { flag: 'wx' })
}

/** Adds at the end, where `functions:` is the last section as faas-cli and we write it. */
async function appendEntry(path: string, name: string, lines: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const document = parseDocument(text)
  const functions = document.get('functions')
  if (isMap(functions) && functions.has(name)) throw new WeftError('INVALID_VALUE', { field: 'name', reason: `${path} has a function ${name} already` })
  if (isMap(document.contents) && document.contents.items.at(-1)?.key?.toString() === 'functions')
    return appendFile(path, `${text.endsWith('\n') ? '' : '\n'}${lines}`)
  const added = parseDocument(`functions:\n${lines}`).get('functions')
  document.setIn(['functions', name], isMap(added) ? added.get(name) : undefined)
  await writeFile(path, document.toString())
}
