import { WeftError, type Resource } from '@weft/core'

/** Whether a resource is selected. */
export type Predicate = (resource: Resource) => boolean

const KEY = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const VALUE = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$|^$/
const MOST_TERMS = 64

/**
 * Reads a label selector as Kubernetes has it: `a=b`, `a==b`, `a!=b`, `a`, `!a`, `a in (x,y)`, `a notin (x,y)`, separated by commas.
 * @throws WeftError `INVALID_VALUE`
 */
export function labelPredicate(selector: string | undefined): Predicate {
  const terms = splitTerms(selector ?? '').map(labelTerm)
  return (resource) => terms.every((holds) => holds(resource.metadata.labels ?? {}))
}

/**
 * Reads a field selector; `metadata.name` and `metadata.namespace` can be compared with `=`, `==` and `!=`.
 * @throws WeftError `INVALID_VALUE`
 */
export function fieldPredicate(selector: string | undefined): Predicate {
  const terms = splitTerms(selector ?? '').map(fieldTerm)
  return (resource) => terms.every((holds) => holds(resource))
}

/** Splits at commas outside of parentheses. */
function splitTerms(selector: string): readonly string[] {
  const terms = selector.split(/,(?![^(]*\))/).map((term) => term.trim())
  if (terms.length > MOST_TERMS) throw bad('labelSelector', `it has more than ${MOST_TERMS} terms`)
  return selector.trim() === '' ? [] : terms
}

function labelTerm(term: string): (labels: Readonly<Record<string, string>>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(term)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = new Set(list.split(',').map((value) => checked(value.trim(), VALUE, term)))
    checked(key, KEY, term)
    return operator === 'in'
      ? (labels) => Object.hasOwn(labels, key) && values.has(labels[key] ?? '')
      : (labels) => !Object.hasOwn(labels, key) || !values.has(labels[key] ?? '')
  }
  const equality = /^([^=!\s]+)\s*(==?|!=)\s*(\S*)$/.exec(term)
  if (equality !== null) {
    const key = checked(equality[1] ?? '', KEY, term)
    const value = checked(equality[3] ?? '', VALUE, term)
    return equality[2] === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value
  }
  const isAbsent = term.startsWith('!')
  const key = checked(isAbsent ? term.slice(1).trim() : term, KEY, term)
  return (labels) => Object.hasOwn(labels, key) !== isAbsent
}

function checked(text: string, pattern: RegExp, term: string): string {
  if (!pattern.test(text)) throw bad('labelSelector', `"${term}" is not a term such as "a=b", "a in (b,c)" or "!a"`)
  return text
}

function fieldTerm(term: string): Predicate {
  const match = /^(metadata\.name|metadata\.namespace)(==?|!=)(.*)$/.exec(term)
  if (match === null) throw bad('fieldSelector', `"${term}" cannot be selected by: only metadata.name and metadata.namespace can`)
  const [, field, operator, value] = match
  const read = (resource: Resource) => (field === 'metadata.name' ? resource.metadata.name : (resource.metadata.namespace ?? ''))
  return operator === '!=' ? (resource) => read(resource) !== value : (resource) => read(resource) === value
}

function bad(field: string, reason: string): WeftError {
  return new WeftError('INVALID_VALUE', { field, reason })
}
