import { canonicalNamespace } from '@weft/core'
import type { BackendReference, HeaderModifier, HttpRouteFilter, PathModifier, RequestMirror, RequestRedirect } from '@weft/api'
import type { Redirect, Rewrite } from '../../route-actions.ts'
import type { HeaderOperations, MeshRoute } from '../../snapshot.ts'
import { MILLION } from '../route-actions.ts'
import { isReservedHeader } from '../routing.ts'
import type { BackendModel } from './models.ts'

/** Of an HTTPRoute, a GRPCRoute, or a share of either. */
export type Filter = { readonly type: HttpRouteFilter['type'] } & Omit<HttpRouteFilter, 'type'>

/** Where filters stand, and what is to be said about them: a note keeps the whole route from having an effect. */
export interface FilterPlace {
  readonly namespace: string
  readonly notes: string[]
}

type Effects = Pick<MeshRoute, 'requestHeaders' | 'responseHeaders' | 'answer' | 'rewrite'>

/** What the filters of a rule do, the copies aside. */
export function readFilters(filters: readonly Filter[] | undefined, place: FilterPlace): Effects {
  return (filters ?? []).reduce<Effects>((effects, filter) => ({ ...effects, ...readFilter(filter, place) }), {})
}

function readFilter(filter: Filter, { notes }: FilterPlace): Effects {
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return { requestHeaders: readModifier(filter.requestHeaderModifier, notes) }
    case 'ResponseHeaderModifier':
      return { responseHeaders: readModifier(filter.responseHeaderModifier, notes) }
    case 'RequestRedirect':
      return { answer: readRedirect(filter.requestRedirect ?? {}) }
    case 'URLRewrite':
      return { rewrite: readRewrite(filter.urlRewrite ?? {}) }
    case 'RequestMirror':
      return {}
    default:
      return filter.type satisfies never
  }
}

/** What the filters of a share do. */
export function readShareFilters(filters: readonly Filter[] | undefined, place: FilterPlace): Pick<BackendModel, 'requestHeaders' | 'responseHeaders'> {
  const { requestHeaders, responseHeaders } = readFilters(filters, place)
  return { ...(requestHeaders === undefined ? {} : { requestHeaders }), ...(responseHeaders === undefined ? {} : { responseHeaders }) }
}

function readModifier({ set = [], add = [], remove = [] }: HeaderModifier = {}, notes: string[]): HeaderOperations {
  const pairs = (list: NonNullable<HeaderModifier['set']>) => list.map(({ name, value }) => ({ name: name.toLowerCase(), value }))
  const operations = { set: pairs(set), add: pairs(add), remove: remove.map((name) => name.toLowerCase()) }
  for (const name of [...operations.set, ...operations.add].map((pair) => pair.name).concat(operations.remove)) {
    if (isReservedHeader(name)) notes.push(`the header ${name} belongs to the mesh`)
  }
  return operations
}

/** A path without the slash at its end: `''` for `/`. */
export function segments(path: string): string {
  return path.replace(/\/+$/, '')
}

function fullPath({ replaceFullPath = '' }: PathModifier): string {
  return replaceFullPath.startsWith('/') ? replaceFullPath : `/${replaceFullPath}`
}

function prefixPath({ replacePrefixMatch = '' }: PathModifier): string {
  const path = segments(replacePrefixMatch)
  return path === '' || path.startsWith('/') ? path : `/${path}`
}

function readRewrite({ hostname, path }: NonNullable<HttpRouteFilter['urlRewrite']>): Rewrite {
  const to: Pick<Rewrite, 'path'> =
    path === undefined
      ? {}
      : { path: path.type === 'ReplaceFullPath' ? { kind: 'whole', value: fullPath(path) } : { kind: 'segments', value: prefixPath(path) } }
  return { ...to, ...(hostname === undefined ? {} : { authority: hostname }) }
}

const DEFAULT_REDIRECT = 302
const WELL_KNOWN_PORTS = { http: 80, https: 443 } as const

/** A redirect; where a scheme is named and no port, the port is that of the scheme. Beside another host it need not be written. */
function readRedirect({ scheme, hostname, path, port, statusCode }: RequestRedirect): Redirect {
  const usual = scheme === undefined ? undefined : WELL_KNOWN_PORTS[scheme]
  const named = port ?? usual
  const toPort = hostname !== undefined && named === usual ? undefined : named
  const toPath = path === undefined ? {} : path.type === 'ReplaceFullPath' ? { path: fullPath(path) } : { pathPrefix: prefixPath(path) }
  return {
    kind: 'redirect',
    status: statusCode ?? DEFAULT_REDIRECT,
    ...toPath,
    ...(hostname === undefined ? {} : { authority: hostname }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(toPort === undefined ? {} : { port: toPort }),
  }
}

// -- shares and copies -------------------------------------------------------------------------------------------------------

/** A reference, in the namespace of the route unless it names another. */
export function readBackend({ group = '', kind = 'Service', namespace, name, port }: BackendReference, own: string): Omit<BackendModel, 'weight'> {
  return { group, kind, namespace: canonicalNamespace(namespace ?? own), name, port }
}

/** Where copies go, with their shares in millionths. */
export function readMirrors(filters: readonly Filter[] | undefined, place: FilterPlace): readonly BackendModel[] {
  return (filters ?? []).flatMap(({ requestMirror: mirror }) =>
    mirror === undefined ? [] : [{ ...readBackend(mirror.backendRef, place.namespace), weight: mirrorShare(mirror) }],
  )
}

function mirrorShare({ percent, fraction }: RequestMirror): number {
  if (fraction !== undefined) return Math.round((fraction.numerator / (fraction.denominator ?? 100)) * MILLION)
  return percent === undefined ? MILLION : percent * (MILLION / 100)
}
