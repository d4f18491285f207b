import { chmod, rm } from 'node:fs/promises'
import { createServer as createHttpServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { isWeftError, SYSTEM_NAMESPACE, DEFAULT_NAMESPACE, type Resource } from '@weft/core'
import type { Store } from '@weft/store'
import { createControl, type Control } from './control.ts'
import type { GatewayAddresses, GatewayListening, GatewayOptions } from './options.ts'

/**
 * The control API and the metrics listener. Life: made → `listen` → serving → `close` (readiness 503, streams end, no new connection, what is under way
 * ends or is cut at the deadline).
 */
export interface Gateway {
  /** The server of the control API, for `inject` in tests. */
  readonly app: FastifyInstance
  /** The server of metrics, for `inject` in tests. */
  readonly metrics: FastifyInstance
  /** Makes the platform's namespaces and listens. Rejects with the system's error when an address cannot be had. */
  listen(addresses: GatewayAddresses): Promise<GatewayListening>
  /** Drains and closes within `deadlineMs`. Idempotent. */
  close(deadlineMs?: number): Promise<void>
}

const DEFAULT_DRAIN_MS = 5_000

/** Makes a gateway from its collaborators; nothing is opened yet. */
export function createGateway(options: GatewayOptions): Gateway {
  const control = createControl(options)
  const servers: Server[] = []
  let closing: Promise<void> | undefined
  return {
    app: control.app,
    metrics: control.metrics,
    listen: async (addresses) => {
      await ensureNamespaces(options.store)
      return listenOn(control, addresses, servers)
    },
    close: (deadlineMs = DEFAULT_DRAIN_MS) => (closing ??= close(control, servers, deadlineMs)),
  }
}

/** The namespaces that are there always. */
async function ensureNamespaces(store: Store): Promise<void> {
  for (const name of [DEFAULT_NAMESPACE, SYSTEM_NAMESPACE]) {
    const namespace: Resource = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
    try {
      await store.create(namespace)
    } catch (error) {
      if (!isWeftError(error, 'ALREADY_EXISTS')) throw error
    }
  }
}

async function listenOn(control: Control, addresses: GatewayAddresses, servers: Server[]): Promise<GatewayListening> {
  await Promise.all([control.app.ready(), control.metrics.ready()])
  if (addresses.socketPath !== undefined) await listenOnSocket(serverOf(control.app, servers), addresses.socketPath)
  const tcp = addresses.tcp && (await listenOnTcp(serverOf(control.app, servers), addresses.tcp))
  const metrics = addresses.metrics && (await listenOnTcp(serverOf(control.metrics, servers), addresses.metrics))
  return { ...(tcp === undefined ? {} : { tcp }), ...(metrics === undefined ? {} : { metrics }) }
}

/** One more door to the same routes. An idle connection is never closed from here: the ingress keeps a pool of them. */
function serverOf(app: FastifyInstance, servers: Server[]): Server {
  const server = createHttpServer({ keepAliveTimeout: 0, headersTimeout: 15_000, requestTimeout: 300_000 }, (request, response) =>
    app.routing(request, response),
  )
  servers.push(server)
  return server
}

async function listenOnSocket(server: Server, path: string): Promise<void> {
  await rm(path, { force: true })
  await opened(server, () => {
    const before = process.umask(0o177) // the socket is made within this call: nobody else can open it in between
    server.listen(path)
    process.umask(before)
  })
  await chmod(path, 0o600)
}

async function listenOnTcp(server: Server, address: { readonly host: string; readonly port: number }): Promise<{ host: string; port: number }> {
  await opened(server, () => server.listen(address.port, address.host))
  const { port } = server.address() as AddressInfo
  return { host: address.host, port }
}

function opened(server: Server, open: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    open()
  })
}

const IDLE_SWEEP_MS = 20

/** 1. say 503 and end the streams 2. take no new connection 3. let what is under way end, until the deadline 4. cut the rest. */
async function close(control: Control, servers: readonly Server[], deadlineMs: number): Promise<void> {
  control.drain()
  const ended = servers.map((server) => (server.listening ? new Promise<void>((resolve) => server.close(() => resolve())) : Promise.resolve()))
  // A connection whose stream was ended is idle a moment later, and would be kept for the next call.
  const sweeper = setInterval(() => servers.forEach((server) => server.closeIdleConnections()), IDLE_SWEEP_MS)
  const timer = setTimeout(() => servers.forEach((server) => server.closeAllConnections()), deadlineMs)
  await Promise.all(ended)
  clearTimeout(timer)
  clearInterval(sweeper)
  await Promise.all([control.app.close(), control.metrics.close()])
}
