import { describeError, logLine } from '../boot/report.ts'
import type { Call } from '../server/call.ts'
import { type RuntimeError, sendError } from '../server/reply.ts'

/** 504 of a call that took too long. */
export function gatewayTimeout(_call: Call, timeoutMs: number): RuntimeError {
  return {
    status: 504,
    code: 'FUNCTION_TIMEOUT',
    message: `the function did not answer within ${timeoutMs} ms`,
    help: 'raise its timeout, or let it do less in one call; its log has a line of this call',
  }
}

/** Logs what a handler threw and answers 500 without its text: a stack trace is for the log, never for a caller. */
export function internalError(call: Call, error: unknown): void {
  logLine(`${call.request.method} ${call.request.url} failed: ${describeError(error)}`)
  sendError(call.response, { status: 500, code: 'FUNCTION_FAILED', message: 'the function failed', help: 'its log has the error' })
}
