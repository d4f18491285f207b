import { dirname } from 'node:path'
import { WEFT_API_VERSION, type StackFunction } from '@weft/api'
import { canonicalNamespace, WeftError } from '@weft/core'
import { stringify } from 'yaml'
import type { Command } from '../command.ts'
import { parsePairs } from '../deploy/request-from-flags.ts'
import { chooseFunctions, environmentOf, loadStack, STACK_OPTIONS, templateOf } from '../deploy/requests-from-stack.ts'
import { listOption, NAMESPACE_OPTION, textOption } from './options.ts'

const OPENFAAS_API = 'openfaas.com/v1'
const APIS = [OPENFAAS_API, WEFT_API_VERSION] as const

/** `weft generate`: Function resources for the functions of a stack.yaml, without building anything. */
export const generateCommand: Command = {
  name: 'generate',
  summary: 'print Function resources for a stack.yaml',
  description:
    'Prints a Function resource for each function of a stack.yaml, sorted by name. Each runs the image that the stack names: build it first with weft build.',
  args: [{ syntax: '[names...]', description: 'functions of the stack; none: all' }],
  options: [
    NAMESPACE_OPTION,
    ...STACK_OPTIONS,
    { flags: '--api <version>', description: 'form of the resources', choices: APIS, default: OPENFAAS_API },
    { flags: '--annotation <pair>', description: 'KEY=VALUE annotation for all of them', repeat: true },
    { flags: '--label <pair>', description: 'KEY=VALUE label for all of them', repeat: true },
  ],
  examples: ['weft generate > functions.yaml', `weft generate --api ${WEFT_API_VERSION} -f stack.yaml hello`, 'weft generate | weft apply -f -'],
  async run({ world, args, options }) {
    const { file, stack } = await loadStack(world, textOption(options, 'yaml'), options['envsubst'] !== false)
    const filter = textOption(options, 'filter')
    const regex = textOption(options, 'regex')
    const chosen = chooseFunctions(stack, { names: args, ...(filter === undefined ? {} : { filter }), ...(regex === undefined ? {} : { regex }) })
    const more = { labels: parsePairs(listOption(options, 'label'), '--label'), annotations: parsePairs(listOption(options, 'annotation'), '--annotation') }
    const namespace = textOption(options, 'namespace')
    const resources = await Promise.all(
      chosen.map(async (fn) =>
        functionResource(withMore(fn, more), await environmentOf(fn, dirname(file), {}), {
          namespace: namespace ?? fn.namespace,
          api: textOption(options, 'api') ?? OPENFAAS_API,
        }),
      ),
    )
    const sorted = resources.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    world.stdout.write(sorted.map((resource) => `---\n${stringify(resource)}`).join(''))
  },
}

function withMore(fn: StackFunction, more: Pick<StackFunction, 'labels' | 'annotations'>): StackFunction {
  return { ...fn, labels: { ...fn.labels, ...more.labels }, annotations: { ...fn.annotations, ...more.annotations } }
}

/** One function as a resource. @throws WeftError `INVALID_VALUE` when the stack names no image */
export function functionResource(
  fn: StackFunction,
  env: Readonly<Record<string, string>>,
  form: { readonly namespace: string | undefined; readonly api: string },
) {
  const template = templateOf(fn, env)
  if (template.image === undefined)
    throw new WeftError('INVALID_VALUE', { field: `functions.${fn.name}.image`, reason: 'it is missing, and a resource must name what runs' })
  const metadata = { name: fn.name, namespace: canonicalNamespace(form.namespace) }
  if (form.api === WEFT_API_VERSION) return { apiVersion: WEFT_API_VERSION, kind: 'Function', metadata, spec: { template } }
  const { image, labels, annotations, env: environment, constraints, secrets, limits, requests, readOnlyRootFilesystem } = template
  // a program's command line has no field of its own there; the watchdog reads it from the environment
  const withProcess = template.process === undefined ? environment : { ...environment, fprocess: template.process }
  const optional = { handler: fn.handler, annotations, labels, environment: withProcess, constraints, secrets, limits, requests, readOnlyRootFilesystem }
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined))
  return { apiVersion: OPENFAAS_API, kind: 'Function', metadata, spec: { name: fn.name, image, ...given } }
}
