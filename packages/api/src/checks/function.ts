import { parseDurationMs } from '@weft/core'
import type { FunctionSpec, FunctionTemplate } from '../function.ts'
import { child, shown, type Violation } from '../violation.ts'
import { checkAnnotations, checkLabels } from './metadata.ts'

const ENV_NAME = /^[A-Za-z_.-][A-Za-z0-9_.-]*$/
/** Variables that would change the runtime itself or the loader below it, and those of the platform. */
const RESERVED_ENV = /^(NODE_OPTIONS$|LD_|DYLD_|WEFT_)/i
/** All variables together; the kernel limits arguments and environment of a process to some multiples of this. */
const MAX_ENV_CHARACTERS = 1_048_576
const DAY_MS = 86_400_000

/** What the schema of a Function cannot say. */
export function checkFunction(spec: FunctionSpec): readonly Violation[] {
  return [...checkTemplate(spec.template, 'spec.template'), ...checkTraffic(spec.traffic ?? []), ...checkScale(spec.scale), ...checkMatches(spec.matches ?? [])]
}

/** What the schema of a template cannot say. */
export function checkTemplate(template: FunctionTemplate, path: string): readonly Violation[] {
  const { image, artifact, process: command, env = {}, secrets = [], labels = {}, annotations = {}, timeout } = template
  const nothing = (image ?? '') === '' && artifact === undefined && (command ?? '') === ''
  return [
    ...(nothing ? [{ field: path, reason: 'needs one of image, artifact, process: there is nothing to run' }] : []),
    ...checkEnv(env, child(path, 'env')),
    ...duplicates(secrets, child(path, 'secrets')),
    ...checkLabels(labels, child(path, 'labels')),
    ...checkAnnotations(annotations, child(path, 'annotations')),
    ...(timeout === undefined ? [] : checkTimeout(timeout, child(path, 'timeout'))),
    ...[command, template.handler].flatMap((text, index) =>
      text?.includes('\0') === true ? [{ field: child(path, index === 0 ? 'process' : 'handler'), reason: 'has a NUL character' }] : [],
    ),
  ]
}

/** Names and values of environment variables. */
export function checkEnv(env: Readonly<Record<string, string>>, path: string): readonly Violation[] {
  const characters = Object.entries(env).reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  return [
    ...(characters > MAX_ENV_CHARACTERS ? [{ field: path, reason: `all variables together must have at most ${MAX_ENV_CHARACTERS} characters` }] : []),
    ...Object.entries(env).flatMap(([name, value]): readonly Violation[] => {
      const field = child(path, name)
      if (!ENV_NAME.test(name)) return [{ field, reason: 'the name must have letters, digits, "_", "-" and ".", and not start with a digit' }]
      if (RESERVED_ENV.test(name)) return [{ field, reason: 'this variable belongs to the platform' }]
      return value.includes('\0') ? [{ field, reason: 'the value has a NUL character' }] : []
    }),
  ]
}

function checkTimeout(text: string, field: string): readonly Violation[] {
  const ms = parseDurationMs(text, field)
  return ms >= 1 && ms <= DAY_MS ? [] : [{ field, reason: `must be from 1ms to 24h, and is ${shown(text)}` }]
}

function checkTraffic(traffic: NonNullable<FunctionSpec['traffic']>): readonly Violation[] {
  if (traffic.length === 0) return []
  const sum = traffic.reduce((total, { weight }) => total + weight, 0)
  const names = traffic.map(({ revision }) => revision ?? '(the latest)')
  return [
    ...(sum === 100 ? [] : [{ field: 'spec.traffic', reason: `the weights must add up to 100, and add up to ${sum}` }]),
    ...duplicates(names, 'spec.traffic'),
  ]
}

function checkScale(scale: FunctionSpec['scale']): readonly Violation[] {
  if (scale?.min === undefined || scale.max === undefined || scale.min <= scale.max) return []
  return [{ field: 'spec.scale', reason: `min (${scale.min}) must not be greater than max (${scale.max})` }]
}

function checkMatches(matches: NonNullable<FunctionSpec['matches']>): readonly Violation[] {
  return matches.flatMap(({ headers }, index) => {
    const field = `spec.matches[${index}].headers`
    if (Object.keys(headers).length === 0) return [{ field, reason: 'needs at least one header: without one it would match every call' }]
    return Object.entries(headers).flatMap(([name, value]) =>
      /[\0\r\n]/.test(value) ? [{ field: child(field, name), reason: 'has a control character' }] : [],
    )
  })
}

/** What stands there twice. */
export function duplicates(values: readonly string[], path: string): readonly Violation[] {
  return values.flatMap((value, index) => (values.indexOf(value) === index ? [] : [{ field: child(path, index), reason: `${shown(value)} is there twice` }]))
}
