import { isDnsLabel } from '@weft/core'
import { envsubst, type Lookup } from './envsubst.ts'
import { globMatches } from './glob.ts'
import { YamlNode } from './yaml-reader.ts'

/** Amounts as stack.yaml has them. */
export interface StackResources {
  readonly memory?: string
  readonly cpu?: string
}

/** One function of a stack.yaml. */
export interface StackFunction {
  readonly name: string
  readonly lang?: string
  /** Directory of the handler, relative to the file. */
  readonly handler?: string
  readonly image?: string
  readonly fprocess?: string
  readonly namespace?: string
  readonly environment: Readonly<Record<string, string>>
  /** Files with more environment, the last wins (see {@link parseEnvironmentFile}). */
  readonly environmentFiles: readonly string[]
  readonly secrets: readonly string[]
  readonly skipBuild: boolean
  readonly constraints: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly limits?: StackResources
  readonly requests?: StackResources
  readonly readOnlyRootFilesystem: boolean
  readonly buildOptions: readonly string[]
  readonly buildArgs: Readonly<Record<string, string>>
  /** Id → file. */
  readonly buildSecrets: Readonly<Record<string, string>>
  readonly platforms?: string
}

/** A stack.yaml, read. */
export interface Stack {
  readonly gateway?: string
  readonly functions: readonly StackFunction[]
  /** Template repositories. */
  readonly templates: readonly { readonly name: string; readonly source?: string }[]
  /** Paths that are copied into every build. */
  readonly copy: readonly string[]
  /** Fields that mean nothing here, one sentence each: a typo should be seen, a foreign field should not stop anything. */
  readonly warnings: readonly string[]
}

/** How a stack.yaml is read. */
export interface StackOptions {
  /** Name of the file, for messages. */
  readonly file: string
  /** For `${…}`; absent: the text is taken as it is (`--envsubst=false`). */
  readonly lookup?: Lookup
}

const FUNCTION_FIELDS =
  'lang handler image fprocess environment environment_file secrets skip_build constraints labels annotations limits requests readonly_root_filesystem build_options build_args build_secrets platforms namespace'.split(
    ' ',
  )

/**
 * Reads a stack.yaml: the schema of faas-cli, with `${…}` expanded before.
 * @throws WeftError `INVALID_STACK` with file, line and column
 */
export function parseStack(text: string, options: StackOptions): Stack {
  const expanded = options.lookup === undefined ? text : envsubst(text, options.lookup, options.file)
  const root = YamlNode.parse(expanded, options.file)
  checkHead(root)
  const functions = root.get('functions').entries()
  if (functions.length === 0) throw root.error('there are no functions in it')
  const configuration = root.get('configuration')
  const gateway = root.get('provider').get('gateway').optionalText()
  return {
    ...(gateway === undefined ? {} : { gateway }),
    functions: functions.map(([name, node]) => readFunction(name, node)),
    templates: configuration.get('templates').items().map(readTemplateSource),
    copy: configuration.get('copy').textList(),
    warnings: [
      ...unknown(root, ['version', 'provider', 'functions', 'configuration'], ''),
      ...functions.flatMap(([name, node]) => unknown(node, FUNCTION_FIELDS, `functions.${name}.`)),
    ],
  }
}

function checkHead(root: YamlNode): void {
  const version = root.get('version')
  if (version.present && version.text() !== '1.0') throw version.error(`is "${version.text()}"; the only version is "1.0"`)
  const provider = root.get('provider').get('name')
  if (provider.present && !['openfaas', 'faas'].includes(provider.text())) throw provider.error(`is "${provider.text()}"; the only provider is "openfaas"`)
}

function unknown(node: YamlNode, known: readonly string[], prefix: string): string[] {
  return node.entries().flatMap(([key]) => (known.includes(key) || key.startsWith('x-') ? [] : [`the field ${prefix}${key} is not known and is ignored`]))
}

function readTemplateSource(node: YamlNode): { name: string; source?: string } {
  const source = node.get('source').optionalText()
  return { name: node.get('name').text(), ...(source === undefined ? {} : { source }) }
}

function readFunction(name: string, node: YamlNode): StackFunction {
  if (!isDnsLabel(name)) throw node.error(`"${name}" is not a name of a function: 1 to 63 lower-case letters, digits and dashes`)
  const texts = {
    lang: node.get('lang'),
    handler: node.get('handler'),
    image: node.get('image'),
    fprocess: node.get('fprocess'),
    namespace: node.get('namespace'),
    platforms: node.get('platforms'),
  }
  const optional = Object.fromEntries(Object.entries(texts).flatMap(([key, value]) => (value.present ? [[key, value.text()]] : [])))
  const [limits, requests] = [readResources(node.get('limits')), readResources(node.get('requests'))]
  return {
    name,
    ...optional,
    environment: node.get('environment').textMap(),
    environmentFiles: node.get('environment_file').textList(),
    secrets: node.get('secrets').textList(),
    skipBuild: node.get('skip_build').optionalBoolean() ?? false,
    constraints: node.get('constraints').textList(),
    labels: node.get('labels').textMap(),
    annotations: node.get('annotations').textMap(),
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
    readOnlyRootFilesystem: node.get('readonly_root_filesystem').optionalBoolean() ?? false,
    buildOptions: node.get('build_options').textList(),
    buildArgs: node.get('build_args').textMap(),
    buildSecrets: node.get('build_secrets').textMap(),
  }
}

function readResources(node: YamlNode): StackResources | undefined {
  if (!node.present) return undefined
  const [memory, cpu] = [node.get('memory').optionalText(), node.get('cpu').optionalText()]
  return { ...(memory === undefined ? {} : { memory }), ...(cpu === undefined ? {} : { cpu }) }
}

/** Reads an environment file of a stack (`environment: {K: V}`). @throws WeftError `INVALID_STACK` */
export function parseEnvironmentFile(text: string, file: string): Readonly<Record<string, string>> {
  return YamlNode.parse(text, file).get('environment').textMap()
}

/** The environment of a function: stack.yaml, then the files in order, then `--env`; the last wins. */
export function mergeEnvironment(...maps: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  return Object.assign({}, ...maps) as Record<string, string>
}

/** The functions that `--filter` (a shell pattern) or `--regex` choose; all without either. */
export function selectFunctions(stack: Stack, choice: { readonly filter?: string; readonly regex?: RegExp }): readonly StackFunction[] {
  const { filter, regex } = choice
  return stack.functions.filter(({ name }) => (filter === undefined || globMatches(filter, name)) && (regex === undefined || regex.test(name)))
}

/** A template.yml of an OpenFaaS template. */
export interface TemplateFile {
  readonly language?: string
  readonly fprocess?: string
  readonly welcomeMessage?: string
  /** Where the handler goes, below the template; default `function`. */
  readonly handlerFolder: string
  /** Packages of each named build option. */
  readonly buildOptions: Readonly<Record<string, readonly string[]>>
}

/** Reads a template.yml. @throws WeftError `INVALID_STACK` */
export function parseTemplateFile(text: string, file: string): TemplateFile {
  const root = YamlNode.parse(text, file)
  const texts = { language: root.get('language'), fprocess: root.get('fprocess'), welcomeMessage: root.get('welcome_message') }
  const optional = Object.fromEntries(Object.entries(texts).flatMap(([key, value]) => (value.present ? [[key, value.text()]] : [])))
  const options = root.get('build_options').items()
  return {
    ...optional,
    handlerFolder: root.get('handler_folder').optionalText() ?? 'function',
    buildOptions: Object.fromEntries(options.map((option) => [option.get('name').text(), option.get('packages').textList()])),
  }
}
