/** Who called whom, from what the proxies counted. Pure. */
export { graphOf, quantile, type GraphEdge, type GraphLock, type GraphNode, type MeshGraph } from './graph.ts'
export { edgeText, graphDot } from './dot.ts'
