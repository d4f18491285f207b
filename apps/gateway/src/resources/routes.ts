import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import { WeftError, type Resource, type ResourceRef } from '@weft/core'
import type { Log } from '@weft/kit'
import type { Selection, Store } from '@weft/store'
import { isObject } from '../http/json.ts'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import { streamLines, type OpenStreams } from '../http/stream.ts'
import { redacted } from '../secrets/redaction.ts'
import { PATCH_TYPES, type PatchBody, type ResourceEditor } from './editor.ts'
import type { Kinds } from './kinds.ts'
import { pageOf } from './list.ts'
import type { Resources, WriteOptions } from './resources.ts'
import { fieldPredicate, labelPredicate } from './selectors.ts'
import { tableOf, wantsTable } from './table.ts'
import { refAt, targetOf, underVersion, type PathParams, type Target } from './target.ts'
import { watchLines } from './watch.ts'

const integer = (description: string) => Type.Optional(Type.String({ pattern: '^\\d{0,9}$', description }))
const flag = (description: string) => Type.Optional(Type.String({ pattern: '^(1|0|true|false|)$', description }))
const ReadQuery = Type.Object({
  labelSelector: Type.Optional(Type.String({ maxLength: 4096, description: 'for example "app=temp,tier in (a,b)"' })),
  fieldSelector: Type.Optional(Type.String({ maxLength: 4096, description: 'metadata.name and metadata.namespace' })),
  resourceVersion: Type.Optional(Type.String({ maxLength: 64, description: 'with watch: continue after this version' })),
  limit: integer('most items of a page'),
  continue: Type.Optional(Type.String({ maxLength: 1024, description: 'token of the next page' })),
  watch: flag('1: changes as lines of {type, object}'),
  allowWatchBookmarks: flag('tell versions in between'),
  sendInitialEvents: flag('with watch: what is there comes first, then an annotated bookmark'),
  timeoutSeconds: integer('ends a watch'),
  reveal: flag('1: with the values of Secrets'),
})
const WriteQuery = Type.Object({
  dryRun: Type.Optional(Type.String({ pattern: '^(All)?$', description: 'All: check and write nothing' })),
  fieldManager: Type.Optional(Type.String({ pattern: '^[-A-Za-z0-9_.]{1,64}$', description: 'with an apply: whose fields these are' })),
  reveal: flag('1: with the values of Secrets'),
})
type ReadQuery = Static<typeof ReadQuery>
type WriteQuery = Static<typeof WriteQuery>
type One = PathParams & { readonly name: string }

/** Collaborators of the routes. */
export interface ResourceRoutesOptions {
  readonly kinds: Kinds
  readonly resources: Resources
  readonly editor: ResourceEditor
  /** Removes a namespace with everything in it. */
  readonly removeNamespace: (name: string) => Promise<void>
  readonly store: Store
  readonly streams: OpenStreams
  readonly log: Log
  readonly now: () => number
}

const failures = { 400: { description: 'Status' }, 404: { description: 'Status' }, 409: { description: 'Status' }, 422: { description: 'Status' } }
const ok = { 200: { description: 'the resource' } }

/** The places at which resources are served; `*` of them are registered for core and for groups. */
const PLACES = [
  { prefix: '/api/:version', what: 'core' },
  { prefix: '/apis/:group/:version', what: 'group' },
] as const

/** Verbs on a collection and on one resource, as data. */
function specsOf(prefix: string, what: string) {
  const collection = { tag: 'resources', url: `${prefix}/:plural` } as const
  const namespaced = { tag: 'resources', url: `${prefix}/namespaces/:namespace/:plural` } as const
  const ones = [`${prefix}/:plural/:name`, `${prefix}/namespaces/:namespace/:plural/:name`]
  const list = {
    method: 'GET',
    query: ReadQuery,
    summary: `List or watch (${what})`,
    responses: { 200: { description: 'a list, or lines of {type, object}' }, ...failures },
  } as const
  const create = { method: 'POST', query: WriteQuery, summary: `Create (${what})`, responses: { 201: { description: 'the resource' }, ...failures } } as const
  const one = (method: RouteSpec['method'], summary: string, rest: Partial<RouteSpec> = {}): RouteSpec[] =>
    ones.map((url) => ({ tag: 'resources', url, method, summary: `${summary} (${what})`, query: WriteQuery, responses: { ...ok, ...failures }, ...rest }))
  const status = (specs: readonly RouteSpec[]) =>
    specs.map((spec) => ({ ...spec, url: `${spec.url}/status`, summary: spec.summary.replace(' (', ', status (') }))
  const get = one('GET', 'Read', { query: ReadQuery })
  const put = one('PUT', 'Replace')
  const patch = one('PATCH', 'Patch', { consumes: PATCH_TYPES })
  return {
    list: [collection, namespaced].map((place): RouteSpec => ({ ...place, ...list })),
    create: [collection, namespaced].map((place): RouteSpec => ({ ...place, ...create })),
    get,
    put,
    patch,
    remove: one('DELETE', 'Remove'),
    getStatus: status(get),
    putStatus: status(put),
    patchStatus: status(patch),
  }
}

const SPECS = PLACES.map(({ prefix, what }) => specsOf(prefix, what))

/** All routes of resources, for the OpenAPI document. */
export const RESOURCE_ROUTES: readonly RouteSpec[] = SPECS.flatMap((specs) => Object.values(specs).flat())

/** Attaches the handlers. */
export function registerResourceRoutes(parent: FastifyInstance, options: ResourceRoutesOptions): void {
  void parent.register((app, _options, done) => {
    app.addContentTypeParser([...PATCH_TYPES], { parseAs: 'string' }, (request, body, parsed) => {
      parsed(null, { contentType: request.headers['content-type'] ?? '', text: String(body) } satisfies PatchBody)
    })
    for (const specs of SPECS) registerReads(app, specs, options)
    for (const specs of SPECS) registerWrites(app, specs, options)
    done()
  })
}

type Specs = (typeof SPECS)[number]

function registerReads(app: FastifyInstance, specs: Specs, options: ResourceRoutesOptions): void {
  const { kinds, resources } = options
  for (const spec of specs.list) {
    app.route<{ Params: PathParams; Querystring: ReadQuery }>({
      ...routeOptions(spec),
      handler: (request, reply) => {
        const target = readable(targetOf(kinds, request.params))
        return isOn(request.query.watch) ? watch(target, request.query, reply, options) : listed(target, request.query, request, options)
      },
    })
  }
  for (const spec of [...specs.get, ...specs.getStatus]) {
    app.route<{ Params: One; Querystring: ReadQuery }>({
      ...routeOptions(spec),
      handler: async ({ params, query, headers }) => {
        const target = readable(targetOf(kinds, params))
        const resource = presented(await resources.get(refAt(target, params.name)), target, query)
        return wantsTable(headers.accept) ? tableOf(target.kind.kind, [resource], {}, options.now()) : resource
      },
    })
  }
}

async function listed(target: Target, query: ReadQuery, request: FastifyRequest, { resources, now }: ResourceRoutesOptions) {
  const found = await resources.list(selectionOf(target))
  const matches = matching(query)
  const page = pageOf(found.items.filter(matches), Number(query.limit ?? 0), query.continue)
  const items = page.items.map((item) => presented(item, target, query))
  const metadata = { resourceVersion: found.resourceVersion, ...(page.next === undefined ? {} : { continue: page.next, remainingItemCount: page.remaining }) }
  if (wantsTable(request.headers.accept)) return tableOf(target.kind.kind, items, metadata, now())
  return { apiVersion: target.apiVersion, kind: `${target.kind.kind}List`, metadata, items }
}

async function watch(target: Target, query: ReadQuery, reply: FastifyReply, { store, streams, log }: ResourceRoutesOptions): Promise<FastifyReply> {
  const matches = matching(query)
  const seconds = Number(query.timeoutSeconds ?? 0)
  const isFresh = query.resourceVersion === undefined || query.resourceVersion === '' || query.resourceVersion === '0' || isOn(query.sendInitialEvents)
  await streamLines(reply, {
    contentType: 'application/json;stream=watch',
    streams,
    log,
    lines: (signal) =>
      watchLines(store, {
        selection: selectionOf(target),
        matches,
        ...(isFresh ? {} : { since: query.resourceVersion ?? '' }),
        bookmarks: isOn(query.allowWatchBookmarks),
        markInitial: isOn(query.sendInitialEvents),
        signal: seconds > 0 ? AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]) : signal,
        present: (resource) => presented(resource, target, query),
        kind: { apiVersion: target.apiVersion, kind: target.kind.kind },
        log: (id, error) => log.error({ id, err: error }, 'a watch failed inside'),
      }),
  })
  return reply
}

function registerWrites(app: FastifyInstance, specs: Specs, deps: ResourceRoutesOptions): void {
  const { kinds, editor } = deps
  for (const spec of specs.create) {
    app.route<{ Params: PathParams; Querystring: WriteQuery }>({
      ...routeOptions(spec),
      handler: async ({ params, query, body }, reply) => {
        const target = targetOf(kinds, params)
        return reply.code(201).send(presented(await editor.create(target, body, writeOptions(query)), target, query))
      },
    })
  }
  const write = (routes: readonly RouteSpec[], act: (target: Target, name: string, body: unknown, options: WriteOptions) => Promise<Resource>) => {
    for (const spec of routes) {
      app.route<{ Params: One; Querystring: WriteQuery }>({
        ...routeOptions(spec),
        handler: async ({ params, query, body }) => {
          const target = targetOf(kinds, params)
          return presented(await act(target, params.name, body, writeOptions(query)), target, query)
        },
      })
    }
  }
  write(specs.put, (target, name, body, options) => editor.replace(target, name, body, options))
  write(specs.putStatus, (target, name, body, options) => editor.replaceStatus(readable(target), name, body, options))
  write(specs.patchStatus, (target, name, body, options) => editor.patchStatus(readable(target), name, patchBody(body), options))
  for (const spec of specs.patch) {
    app.route<{ Params: One; Querystring: WriteQuery }>({
      ...routeOptions(spec),
      handler: async ({ params, query, body }, reply) => {
        const target = targetOf(kinds, params)
        const { resource, created } = await editor.patch(target, params.name, patchBody(body, query.fieldManager), writeOptions(query))
        return reply.code(created ? 201 : 200).send(presented(resource, target, query))
      },
    })
  }
  for (const spec of specs.remove) {
    app.route<{ Params: One; Querystring: WriteQuery }>({
      ...routeOptions(spec),
      handler: ({ params, query, body }) => removed(refAt(readable(targetOf(kinds, params)), params.name), query, body, deps),
    })
  }
}

async function removed(ref: ResourceRef, query: WriteQuery, body: unknown, { resources, removeNamespace }: ResourceRoutesOptions) {
  const preconditions = isObject(body) && isObject(body['preconditions']) ? body['preconditions'] : {}
  const version = preconditions['resourceVersion']
  const expected = typeof version === 'string' ? version : undefined
  const isNamespace = ref.group === '' && ref.kind === 'Namespace'
  const { metadata } = await resources.remove(ref, expected, isNamespace ? { dryRun: true } : writeOptions(query))
  if (isNamespace && query.dryRun !== 'All') await removeNamespace(ref.name)
  const details = { name: ref.name, group: ref.group, kind: ref.kind, ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

function patchBody(body: unknown, manager?: string): PatchBody {
  if (isObject(body) && typeof body['contentType'] === 'string' && typeof body['text'] === 'string') {
    return { contentType: body['contentType'], text: body['text'], ...(manager === undefined ? {} : { manager }) }
  }
  throw new WeftError('UNSUPPORTED_MEDIA_TYPE', { type: 'of this patch', allowed: PATCH_TYPES.join(', ') })
}

/** A legacy kind is converted when it comes in; there is nothing to read under its own path. */
function readable(target: Target): Target {
  if (!target.kind.legacy) return target
  const allowed = 'POST, PUT or an apply; what it was converted to is under /apis/weft.dev/v1alpha1/functions'
  throw new WeftError('METHOD_NOT_ALLOWED', { method: 'reading', what: `${target.apiVersion} ${target.kind.kind}`, allowed })
}

function selectionOf({ kind, namespace }: Target): Selection {
  return { group: kind.group, kind: kind.kind, ...(namespace === undefined ? {} : { namespace }) }
}

function matching(query: ReadQuery): (resource: Resource) => boolean {
  const byLabel = labelPredicate(query.labelSelector)
  const byField = fieldPredicate(query.fieldSelector)
  return (resource) => byLabel(resource) && byField(resource)
}

/** As the client may see it: values of Secrets only when asked for. */
function presented(resource: Resource, target: Target, query: { readonly reveal?: string }): Resource {
  const shown = target.kind.legacy ? resource : underVersion(resource, target)
  return isOn(query.reveal) ? shown : redacted(shown)
}

function writeOptions(query: WriteQuery): WriteOptions {
  return { dryRun: query.dryRun === 'All' }
}

function isOn(value: string | undefined): boolean {
  return value === '1' || value === 'true'
}
