import type { RuntimeError } from '../server/reply.ts'

/** The answer for a call that took too long. */
export const timeoutError = (limitMs: number): RuntimeError => ({
  status: 504,
  code: 'FUNCTION_TIMEOUT',
  message: `the function did not answer within ${limitMs} ms`,
  help: 'raise its timeout (and exec_timeout and write_timeout, if they are set), or make it faster',
})
