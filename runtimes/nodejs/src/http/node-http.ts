import type * as Http from 'node:http'

/**
 * `node:http` without its ES module facade: importing it there evaluates every export, and the lazy ones (`WebSocket`) load undici, crypto and more,
 * 15 ms of a start.
 */
const http: typeof Http = process.getBuiltinModule('node:http')

export const { createServer, IncomingMessage, ServerResponse, STATUS_CODES } = http
/** Type of the class of the same name. */
export type IncomingMessage = Http.IncomingMessage
/** Type of the class of the same name. */
export type ServerResponse<R extends Http.IncomingMessage = Http.IncomingMessage> = Http.ServerResponse<R>
