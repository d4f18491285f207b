import type { FastifyReply, FastifyRequest } from 'fastify'
import { isWeftError, messageOf, WeftError } from '@weft/core'
import type { Log } from '@weft/kit'
import { kubernetesStatus, problemJson, problemOf, problemText, type Problem } from './problem.ts'

/** How errors are written on a path: our JSON, text (unless JSON is asked for) or the `Status` of Kubernetes. */
export type ErrorForm = 'json' | 'text' | 'kubernetes'

/** The form of a path: Kubernetes-shaped paths have theirs; the paths of OpenFaaS are text for who does not ask for JSON. */
export function errorForm(path: string, accept: string | undefined): ErrorForm {
  if (/^\/(apis?|openapi|version)(\/|\?|$)/.test(path)) return path.startsWith('/apis/mesh.weft.dev/') ? 'json' : 'kubernetes'
  return accept?.includes('json') === true ? 'json' : 'text'
}

/** Sends what the table makes of an error; logs what is the platform's fault. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const problem = problemOf(withLimit(error, request), (id) =>
    log.error({ id, method: request.method, route: request.routeOptions.url, err: error }, 'a request failed inside'),
  )
  if (isWeftError(error) && error.fault === 'system' && problem.id === undefined)
    log.warn({ code: error.code, reason: messageOf(error) }, 'a request could not be served')
  return sendProblem(problem, request, reply)
}

/** Sends a problem in the form that belongs to the path. */
export function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  void reply.code(problem.status).header('x-openfaas-internal', 'proxy')
  const form = errorForm(request.url, request.headers.accept)
  if (form === 'kubernetes') return reply.type('application/json').send(JSON.stringify(kubernetesStatus(problem)))
  if (form === 'json') return reply.type('application/json').send(problemJson(problem))
  return reply.type('text/plain; charset=utf-8').send(problem.code === 'UNAUTHORIZED' ? problem.message : problemText(problem))
}

/** Fastify's error for a large body does not say the limit; the route knows it. */
function withLimit(error: unknown, request: FastifyRequest): unknown {
  const isTooLarge = error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_BODY_TOO_LARGE'
  return isTooLarge ? new WeftError('BODY_TOO_LARGE', { limit: request.routeOptions.bodyLimit ?? 0 }) : error
}
