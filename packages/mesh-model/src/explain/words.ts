import type { ResourceRef } from '@weft/core'
import type { MeshRoute, MeshTcpRoute, PolicyRule, RequestPrincipalMatch, RouteMatch, RoutePath, StringMatch, TcpMatch } from '../snapshot.ts'

/** `Kind namespace/name`. */
export function resourceText(ref: ResourceRef): string {
  return `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`
}

/** A comparison in words, to follow the name of what is compared. */
export function matchText(match: RoutePath): string {
  switch (match.kind) {
    case 'exact':
      return `is "${match.value}"`
    case 'prefix':
      return `starts with "${match.value}"`
    case 'segments':
      return `is "${match.value === '' ? '/' : match.value}" or below it`
    case 'suffix':
      return `ends with "${match.value}"`
    case 'regex':
      return `matches the expression ${match.value}`
    case 'present':
      return 'is there'
    default:
      return match satisfies never
  }
}

/** A pattern as Istio writes it. */
function patternText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if ('issuer' in value && 'subject' in value) return requestPrincipalText(value as RequestPrincipalMatch)
  if (!('kind' in value)) return String(value)
  const match = value as StringMatch
  if (match.kind === 'present') return '*'
  return match.kind === 'prefix' ? `${match.value}*` : match.kind === 'suffix' ? `*${match.value}` : match.value
}

/** `ISSUER/SUBJECT` as Istio writes it. */
function requestPrincipalText({ issuer, subject }: RequestPrincipalMatch): string {
  const parts = [issuer, subject].map(patternText)
  return parts.every((part) => part === '*') ? '*' : parts.join('/')
}

/** `notPrincipals` → `not principals`. */
const fieldText = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

/** The lists of a source or operation; also those that this page does not know by name, so that nothing is left out. */
function listsText(fields: object): string {
  return Object.entries(fields)
    .filter(([, value]) => Array.isArray(value))
    .map(([name, values]) => `${fieldText(name)} ${(values as readonly unknown[]).map(patternText).join(', ') || '(none)'}`)
    .join(' and ')
}

/** What a rule says: who, then what. */
export function ruleText(rule: PolicyRule): string {
  const who = rule.sources.length === 0 ? 'anyone' : rule.sources.map(listsText).join(', or ')
  const what = rule.operations.length === 0 ? 'anything' : rule.operations.map(listsText).join(', or ')
  const known = new Set(['policy', 'index', 'sources', 'operations'])
  const more = Object.entries(rule).filter(([name, value]) => !known.has(name) && Array.isArray(value) && value.length > 0)
  return `${who}: ${what}${more.map(([name]) => `, under further conditions (${fieldText(name)})`).join('')} (rule ${rule.index} of ${resourceText(rule.policy)})`
}

/** The calls that a route takes. */
export function routeWhenText(route: MeshRoute): string {
  if (route.matches.length === 0) return 'Every call'
  return `Calls whose ${route.matches.map(conditionText).join(', or whose ')}`
}

/** The connections of raw TCP that a route takes. */
export function connectionsWhenText({ matches }: MeshTcpRoute): string {
  if (matches.length === 0) return 'Every connection'
  return `Connections whose ${matches.map(connectionText).join(', or whose ')}`
}

function connectionText({ port, serverNames, sourceLabels, sourceNamespace }: TcpMatch): string {
  const parts = [
    port === undefined ? undefined : `port is ${port}`,
    serverNames && `server name is ${serverNames.join(' or ')}`,
    sourceLabels && labelsText(sourceLabels),
    sourceNamespace && `caller is in namespace ${sourceNamespace}`,
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? 'host is this one' : parts.join(' and ')
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return `caller has ${Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')}`
}

function conditionText(match: RouteMatch): string {
  const parts = [
    match.path && `path ${matchText(match.path.match)}${match.path.ignoreCase ? ' (ignoring case)' : ''}`,
    ...(match.methods ?? []).map((method) => `method ${matchText(method)}`),
    match.authority && `host ${matchText(match.authority)}`,
    ...match.headers.map(({ name, match: header, invert }) => `header ${name} ${invert ? 'is not one that ' : ''}${matchText(header)}`),
    ...(match.claims ?? []).map(({ path, match: claim, invert }) => `claim ${path.join('.')} ${invert ? 'is not one that ' : ''}${matchText(claim)}`),
    ...match.queryParameters.map(({ name, match: parameter }) => `query parameter ${name} ${matchText(parameter)}`),
    match.sourceLabels && labelsText(match.sourceLabels),
    match.sourceNamespace && `caller is in namespace ${match.sourceNamespace}`,
    match.port === undefined ? undefined : `port is ${match.port}`,
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? 'host is this one' : parts.join(' and ')
}
