import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type, type Static } from 'typebox'
import { CONTRACTS } from '@weft/api'
import type { ArtifactManifest } from '@weft/artifacts'
import type { BuildProgress, BuildRequest, SourceBuilder } from '@weft/artifacts/build'
import { isDnsLabel, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import { problemJson, problemOf } from '../http/problem.ts'
import { routeOptions, type RouteSpec } from '../http/route.ts'
import { streamLines, type OpenStreams } from '../http/stream.ts'
import { LineQueue } from './line-queue.ts'
import type { Upload, Uploads } from './uploads.ts'

const pairs = (description: string) =>
  Type.Optional(Type.Union([Type.String({ maxLength: 8192 }), Type.Array(Type.String({ maxLength: 8192 }), { maxItems: 256 })], { description }))
const BuildQuery = Type.Object({
  name: Type.String({ description: 'name of the function' }),
  runtime: Type.String({ maxLength: 63, description: 'node22, nodejs14, process, …' }),
  file: Type.Optional(Type.String({ maxLength: 255, description: 'file name of the upload, from which its type is told with its content' })),
  contract: Type.Optional(Type.Enum(CONTRACTS)),
  handler: Type.Optional(Type.String({ maxLength: 512, description: 'file.export or export' })),
  process: Type.Optional(Type.String({ maxLength: 4096, description: 'command line of a program' })),
  image: Type.Optional(Type.String({ maxLength: 512, description: 'reference to record, for clients that deploy by image' })),
  env: pairs('NAME=VALUE, several times'),
  buildArg: pairs('NAME=VALUE, several times'),
  allowScripts: Type.Optional(Type.String({ pattern: '^(1|0|true|false)$', description: 'run the install scripts of dependencies' })),
})
type BuildQuery = Static<typeof BuildQuery>

/** Content types of an upload. */
export const ARCHIVE_TYPES = [
  'application/octet-stream',
  'application/zip',
  'application/x-tar',
  'application/gzip',
  'application/x-gzip',
  'application/x-bzip2',
  'application/x-xz',
]

/** The route that builds an artifact of an uploaded archive or file. */
export const BUILD_ROUTES = {
  build: {
    method: 'POST',
    url: '/system/builds',
    summary: 'Build an artifact of a source archive (zip, tar, tar.gz, tar.bz2, tar.xz) or of one source file',
    description:
      'The body is the archive. The answer is the manifest; its digest is what POST /system/functions takes as `artifact`. With `Accept: application/x-ndjson` lines of {step, text} come first, and the last line is {manifest} or {error}.',
    tag: 'builds',
    query: BuildQuery,
    consumes: ARCHIVE_TYPES,
    responses: {
      201: { description: 'the manifest of the artifact' },
      400: { description: 'the source was refused' },
      413: { description: 'the archive is too large' },
      422: { description: 'the build failed: with file, line and code frame' },
    },
  },
} as const satisfies Record<string, RouteSpec>

/** Collaborators of the route. */
export interface BuildRoutesOptions {
  readonly builder: SourceBuilder
  readonly streams: OpenStreams
  readonly log: Log
  readonly uploads: Uploads
}

/** Attaches the handler. The upload goes to a file and is never held in memory. */
export function registerBuildRoutes(parent: FastifyInstance, options: BuildRoutesOptions): void {
  void parent.register((app, _options, done) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload))
    app.route<{ Querystring: BuildQuery; Body: Readable | undefined }>({
      ...routeOptions(BUILD_ROUTES.build),
      handler: async ({ query, body, headers }, reply) => {
        const request = buildRequest(query)
        if (body === undefined || body === null) throw new WeftError('MALFORMED_BODY', { reason: 'it is empty, a source archive was expected' })
        const upload = await options.uploads.receive(body, query.file ?? 'source', Number(headers['content-length'] ?? 0))
        const complete: BuildRequest = { ...request, source: { kind: 'file', path: upload.path, name: upload.name } }
        const run = headers.accept?.includes('application/x-ndjson') === true ? stream : once
        return run(complete, upload, reply, options)
      },
    })
    done()
  })
}

async function once(request: BuildRequest, upload: Upload, reply: FastifyReply, { builder, streams }: BuildRoutesOptions): Promise<FastifyReply> {
  const { signal, leave } = streams.enter(reply)
  try {
    return await reply.code(201).send(await built(upload, builder.build(request, undefined, signal)))
  } finally {
    leave()
  }
}

async function stream(request: BuildRequest, upload: Upload, reply: FastifyReply, { builder, streams, log }: BuildRoutesOptions): Promise<FastifyReply> {
  const onError = (error: unknown) => problemJson(problemOf(error, (id) => log.error({ id, err: error }, 'a build failed inside')))
  const build = (signal: AbortSignal) => (progress: BuildProgress) => built(upload, builder.build(request, progress, signal))
  await streamLines(reply, { contentType: 'application/x-ndjson', streams, log, onError, lines: (signal) => progressLines(build(signal)) })
  return reply
}

/** What a build gives, once its upload is removed. */
async function built(upload: Upload, build: Promise<ArtifactManifest>): Promise<ArtifactManifest> {
  try {
    return await build
  } finally {
    await upload.remove()
  }
}

/** The lines of a build as they come, and its manifest as the last. Throws what the build throws. */
async function* progressLines(build: (progress: BuildProgress) => Promise<ArtifactManifest>): AsyncGenerator<string> {
  const lines = new LineQueue()
  const result = build((line) => lines.push(JSON.stringify(line)))
  void result.then(
    () => lines.end(),
    () => lines.end(),
  )
  yield* lines
  yield JSON.stringify({ manifest: await result })
}

function buildRequest(query: BuildQuery): Omit<BuildRequest, 'source'> {
  const { name, runtime, contract, handler, process, image, allowScripts } = query
  if (!isDnsLabel(name)) throw new WeftError('INVALID_NAME', { what: 'name', value: name })
  return {
    name,
    runtime,
    ...(contract === undefined ? {} : { contract }),
    ...(handler === undefined ? {} : { handler }),
    ...(process === undefined ? {} : { process }),
    ...(image === undefined ? {} : { reference: image }),
    ...(query.env === undefined ? {} : { env: mapOf(query.env, 'env') }),
    ...(query.buildArg === undefined ? {} : { buildArgs: mapOf(query.buildArg, 'buildArg') }),
    ...(allowScripts === '1' || allowScripts === 'true' ? { allowScripts: true } : {}),
  }
}

function mapOf(given: string | readonly string[], field: string): Readonly<Record<string, string>> {
  const texts = typeof given === 'string' ? [given] : given
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([^]*)$/.exec(text) ?? []
      if (name === undefined || value === undefined || name === '__proto__')
        throw new WeftError('INVALID_VALUE', { field: `query.${field}`, reason: `"${text}" is not NAME=VALUE` })
      return [name, value]
    }),
  )
}
