/**
 * The mesh in operation: the compiler's Envoy back end, certificate authority, xDS server, activator and the Envoy process itself, in a thread of its own.
 *
 *     const mesh = await startMesh({ store, log, settings, env: process.env, progress })
 *     mesh.onWake(async (workload) => ({ ok: true }))
 *     await mesh.setReplicas(workload, replicas)
 *     await mesh.stop(10_000)
 */
export { startMesh, type Mesh, type MeshOptions } from './mesh.ts'
export { connectionsFor, openFilesLimit } from './envoy/open-files.ts'
export type { MeshSettings } from './plane/options.ts'
export type { NodeLayout, NodeLimits, TelemetrySettings } from './encode/types.ts'
