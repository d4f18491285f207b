import { randomUUID } from 'node:crypto'
import { isWeftError, WeftError } from '@weft/core'

/** What a caller is told of an error, before it is written in one of the forms. */
export interface Problem {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly help: string
  /** Of an unknown error: under this id the log has it. */
  readonly id?: string
}

interface FrameworkError {
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly message?: unknown
  readonly validation?: readonly { readonly instancePath?: string; readonly message?: string; readonly params?: Readonly<Record<string, unknown>> }[]
  readonly validationContext?: string
}

/** Errors of Fastify by their code, in our words; anything else of it with a 4xx keeps its own sentence. */
const FRAMEWORK: Readonly<Record<string, (error: FrameworkError) => WeftError>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new WeftError('MALFORMED_BODY', { reason: 'it is empty, JSON was expected' }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => new WeftError('MALFORMED_BODY', { reason: 'its length is not what Content-Length says' }),
  FST_ERR_BAD_URL: () => new WeftError('INVALID_VALUE', { field: 'path', reason: 'it is not valid percent-encoding' }),
  FST_ERR_MAX_PARAM_LENGTH: () => new WeftError('INVALID_VALUE', { field: 'path', reason: 'a part of it is too long' }),
}

/**
 * The one table that turns whatever was thrown into what the caller is told. Unknown errors become a 500 with an id; `unknown` is told of them so
 * that they can be logged under it.
 */
export function problemOf(error: unknown, unknown: (id: string) => void): Problem {
  const known = isWeftError(error) ? error : fromFramework(error)
  if (known !== undefined && known.code !== 'INTERNAL') {
    return { status: known.status, code: known.code, message: known.message, help: known.help }
  }
  const id = randomUUID()
  unknown(id)
  const internal = new WeftError('INTERNAL', { id })
  return { status: 500, code: internal.code, message: internal.message, help: internal.help, id }
}

function fromFramework(error: unknown): WeftError | undefined {
  if (error === null || typeof error !== 'object') return undefined
  const thrown = error as FrameworkError
  if (thrown.validation !== undefined) return fromValidation(thrown)
  const known = typeof thrown.code === 'string' ? FRAMEWORK[thrown.code] : undefined
  if (known !== undefined) return known(thrown)
  const isClientError = typeof thrown.code === 'string' && thrown.code.startsWith('FST_') && typeof thrown.statusCode === 'number' && thrown.statusCode < 500
  return isClientError ? new WeftError('MALFORMED_BODY', { reason: String(thrown.message) }) : undefined
}

function fromValidation(error: FrameworkError): WeftError {
  const first = error.validation?.[0]
  const where = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'body')
  const path = (first?.instancePath ?? '').slice(1).replaceAll('/', '.')
  const extra = first?.params?.['additionalProperty']
  const reason = `${first?.message ?? 'is not valid'}${typeof extra === 'string' ? ` (${extra})` : ''}`
  return new WeftError('INVALID_VALUE', { field: path === '' ? where : `${where}.${path}`, reason })
}

/** Our own form: `{ error: { code, message, help, id? } }`. */
export function problemJson(problem: Problem): string {
  const { code, message, help, id } = problem
  return JSON.stringify({ error: { code, message, help, ...(id === undefined ? {} : { id }) } })
}

/** For clients of OpenFaaS, which print a body as it is. */
export function problemText(problem: Problem): string {
  return `${problem.message}\n${problem.help}\n`
}

/** Reasons of Kubernetes by status (apimachinery `metav1.StatusReason`). */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
}

/** A `Status` object as Kubernetes clients expect one. */
export function kubernetesStatus(problem: Problem) {
  const reason = problem.code === 'ALREADY_EXISTS' ? 'AlreadyExists' : (REASONS[problem.status] ?? 'InternalError')
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${problem.message}; ${problem.help}`,
    reason,
    details: { causes: [{ reason: problem.code, message: problem.message }], ...(problem.id === undefined ? {} : { uid: problem.id }) },
    code: problem.status,
  }
}
