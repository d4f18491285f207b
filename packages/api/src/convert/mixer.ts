import { FUNCTION_LABEL, fieldsOf, listOf, SECURITY_V1, textOf, type OldResource, type Outcome } from './conversion.ts'
import { readExpression, type Atom } from './expression.ts'

/** One rule of an AuthorizationPolicy in the making. */
interface Draft {
  readonly labels: Record<string, string>
  readonly source: Record<string, string[]>
  readonly operation: Record<string, string[]>
  readonly when: { readonly key: string; readonly values?: readonly string[]; readonly notValues?: readonly string[] }[]
}

/** A `denier` with a `checknothing` under a `rule` becomes an AuthorizationPolicy that denies what the rule's `match` says. */
export function convertMixer(resources: readonly OldResource[], outcome: Outcome): void {
  const deniers = resources.filter(({ kind }) => kind === 'denier')
  for (const rule of resources.filter(({ kind }) => kind === 'rule')) convertRule(rule, deniers, outcome)
}

function convertRule(rule: OldResource, deniers: readonly OldResource[], outcome: Outcome): void {
  const handlers = listOf(rule.spec['actions']).map((action) => textOf(fieldsOf(action)['handler']) ?? '')
  const denies = handlers.length > 0 && handlers.every((handler) => deniers.some((denier) => names(denier, handler, rule.namespace)))
  if (!denies) return outcome.fail(rule, `only actions of a denier in the same files are converted; this rule has ${handlers.join(', ') || 'none'}`)
  const match = textOf(rule.spec['match'])
  if (match === undefined) return denyAll(rule, outcome)
  try {
    const drafts = readExpression(match).map((atoms) => draftOf(atoms, rule))
    for (const [index, group] of bySelector(drafts).entries()) addPolicy(rule, group, index, outcome)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return outcome.fail(rule, `match: ${error.message}`)
  }
  outcome.note(rule, 'callers are known by their identity (the service account of the function) now, not by a label that anybody can take; refusals are 403')
}

/** `NAME.denier` or `NAME.denier.NAMESPACE`. */
function names({ name, namespace }: OldResource, handler: string, from: string): boolean {
  return handler === `${name}.denier.${namespace}` || (handler === `${name}.denier` && namespace === from)
}

function denyAll(rule: OldResource, outcome: Outcome): void {
  const { name, namespace } = rule
  outcome.add(SECURITY_V1, 'AuthorizationPolicy', { name, namespace }, { action: 'DENY', rules: [{}] })
}

/** Alternatives about the same workloads are rules of one policy. */
function bySelector(drafts: readonly Draft[]): readonly (readonly Draft[])[] {
  return [...Map.groupBy(drafts, ({ labels }) => JSON.stringify(labels, Object.keys(labels).toSorted(byName))).values()]
}

const byName = (a: string, b: string) => (a < b ? -1 : 1)

function addPolicy(rule: OldResource, drafts: readonly Draft[], index: number, outcome: Outcome): void {
  const { name, namespace } = rule
  const labels = drafts[0]?.labels ?? {}
  const selector = Object.keys(labels).length === 0 ? {} : { selector: { matchLabels: labels } }
  const rules = drafts.map(({ source, operation, when }) => ({
    ...(Object.keys(source).length === 0 ? {} : { from: [{ source }] }),
    ...(Object.keys(operation).length === 0 ? {} : { to: [{ operation }] }),
    ...(when.length === 0 ? {} : { when }),
  }))
  const metadata = { name: index === 0 ? name : `${name}-${index + 1}`, namespace }
  outcome.add(SECURITY_V1, 'AuthorizationPolicy', metadata, { ...selector, action: 'DENY', rules })
}

function draftOf(atoms: readonly Atom[], rule: OldResource): Draft {
  const draft: Draft = { labels: {}, source: {}, operation: {}, when: [] }
  for (const atom of atoms) addAtom(draft, atom, rule)
  return draft
}

function addAtom(draft: Draft, atom: Atom, rule: OldResource): void {
  const { attribute } = atom
  const label = /^(source|destination)\.labels\["([^"]+)"\]$/.exec(attribute)
  const header = /^request\.headers\["([^"]+)"\]$/.exec(attribute)
  if (label?.[1] === 'destination') addDestinationLabel(draft, atom, label[2] ?? '')
  else if (label?.[1] === 'source') addCaller(draft, atom, label[2] ?? '', rule)
  else if (header !== null) addHeader(draft, atom, header[1] ?? '')
  else if (attribute === 'destination.service' || attribute === 'destination.service.name') addDestinationService(draft, atom)
  else if (attribute === 'source.user' || attribute === 'source.principal')
    add(draft.source, 'principals', { ...atom, value: atom.value.replace(/^spiffe:\/\//, '') })
  else if (attribute === 'source.namespace') add(draft.source, 'namespaces', atom)
  else add(draft.operation, operationField(attribute), atom)
}

function operationField(attribute: string): string {
  const field = OPERATION_FIELDS.get(attribute)
  if (field === undefined) throw new RangeError(`${attribute} has no equivalent`)
  return field
}

const OPERATION_FIELDS: ReadonlyMap<string, string> = new Map([
  ['request.path', 'paths'],
  ['request.url_path', 'paths'],
  ['request.method', 'methods'],
  ['request.host', 'hosts'],
])

function pattern({ how, value }: Atom): string {
  if (value.includes('*') || value === '') throw new RangeError(`"${value}" cannot be compared with`)
  if (how === 'equals') return value
  return how === 'prefix' ? `${value}*` : `*${value}`
}

/** Two conditions on the same field must both hold; the lists of an AuthorizationPolicy mean "one of". */
function add(target: Record<string, string[]>, field: string, atom: Atom): void {
  const key = atom.negated ? `not${field.charAt(0).toUpperCase()}${field.slice(1)}` : field
  const values = target[key]
  if (values === undefined) target[key] = [pattern(atom)]
  else if (atom.negated) values.push(pattern(atom))
  else throw new RangeError(`${atom.attribute} cannot be two things at once`)
}

function addHeader(draft: Draft, atom: Atom, name: string): void {
  const key = `request.headers[${name}]`
  draft.when.push(atom.negated ? { key, notValues: [pattern(atom)] } : { key, values: [pattern(atom)] })
}

function addDestinationLabel(draft: Draft, atom: Atom, label: string): void {
  if (atom.negated || atom.how !== 'equals')
    throw new RangeError(`workloads can only be selected by labels that they have; ${atom.attribute} is compared otherwise`)
  draft.labels[label === 'function' ? FUNCTION_LABEL : label] = atom.value
}

function addDestinationService(draft: Draft, atom: Atom): void {
  if (atom.negated || atom.how !== 'equals') throw new RangeError(`workloads can only be selected by what they are; ${atom.attribute} is compared otherwise`)
  draft.labels[FUNCTION_LABEL] = atom.value.split('.')[0] ?? ''
}

/** Kubeless labels what belongs to a function `function`; its service account has the same name here. */
function addCaller(draft: Draft, atom: Atom, label: string, { namespace }: OldResource): void {
  if (atom.how !== 'equals') throw new RangeError(`callers are known by identity, and ${atom.attribute} is compared with a part of a name`)
  if (label !== 'function' && label !== 'app') throw new RangeError(`callers are known by identity, and the label ${label} tells none`)
  add(draft.source, 'principals', { ...atom, value: `cluster.local/ns/${namespace}/sa/${atom.value}` })
}
