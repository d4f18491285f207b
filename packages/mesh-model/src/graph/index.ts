/** Who called whom, from what the proxies counted. Pure. */
export { graphOf, quantile, type GraphConnections, type GraphEdge, type GraphLock, type GraphNode, type MeshGraph } from './graph.ts'
export { bytesText, edgeText, graphDot } from './dot.ts'
