/**
 * The mesh as a compiler: resources in, a `MeshSnapshot` out. Nothing here reads a clock, a file or a socket.
 *
 *     const compiler = createCompiler({ proxies: ['node-1'] })
 *     compiler.apply([{ type: 'set', resource: fn }, { type: 'set', resource: revision }])
 *     const { snapshot, difference } = compiler.apply([{ type: 'removed', ref }])
 *
 * Three steps, a folder each: `read` turns each resource into what the mesh understands of it (or into findings), `world` keeps that with indexes and says what
 * a change touches, `compile` makes hosts and workloads. A host notes what it has read, so that a change compiles just the hosts that read it; a workload
 * finds its policies by its labels. Entries that say the same as before stay the same objects, which is what `difference` and the encoder go by.
 *
 * Laws (held by property tests): no resource makes `apply` throw; whatever the order and the batches, the same resources give the same content; a policy that
 * is not understood denies.
 */
export * from './snapshot.ts'
export * from './resource-status.ts'
export type * from './external.ts'
export { externalKeysOf, externalSettings, findExternal, isVisible, rulesOf, type FoundExternal } from './find-external.ts'
export type * from './route-actions.ts'
export type * from './workload-traffic.ts'
export { keySourceName, keySourcesOf, outputHeadersOf, type IngressAuthentication, type JwtKeys, type JwtRule, type KeySource } from './authentication.ts'
export * from './plane.ts'
export * from './tap.ts'
export { isPlatformPlace, type PlatformPlaces } from './compile/external.ts'
export { createCompiler, type Compilation, type CompilerSettings, type MeshCompiler } from './compiler.ts'
export { placedOn } from './compile/placement.ts'
export { difference } from './difference.ts'
export { describeChanges, type CausedChange } from './diff/describe-changes.ts'
export * from './explain/index.ts'
export { evaluatePolicy, namedHeaders, remarksOn, type PolicyCall, type Remarks, type Verdict } from './policy/evaluate.ts'
export { gatewayHostKey, listenerKey, listenerOfKey, type IngressPorts } from './world/gateways.ts'
export { asksForHttp, namedConnectionPolicy, tcpPolicy } from './policy/tcp.ts'
export { EGRESS_ACCOUNT } from './egress.ts'
export { serverNameHolds, tcpMatchHolds } from './compile/connection-match.ts'
export { covers } from './world/gateway-names.ts'
export type { FindingReason } from './read/finding.ts'
export { resolveHost } from './read/names.ts'
export { MESH_KINDS, type Change } from './world/change.ts'
export { isAddress } from './policy/address.ts'
export { SPACE_DELIMITED_CLAIMS } from './policy/claims.ts'
export { everyValueRegex, templateRegex, textHolds } from './policy/text.ts'
export { ownsSplit, SPLIT_OWNER_KINDS } from './split-owner.ts'
export { escapeRe2 } from './read/regex.ts'
