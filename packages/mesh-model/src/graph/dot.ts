import type { GraphConnections, GraphEdge, MeshGraph } from './graph.ts'

/** A graph in the language of Graphviz: namespaces are boxes, a locked edge is drawn through, one that is not is dashed, failures are red. */
export function graphDot({ nodes, edges }: MeshGraph): string {
  const groups = [...Map.groupBy(nodes, (node) => node.namespace)].map(
    ([namespace, members], index) =>
      `  subgraph cluster_${index} {\n    label=${quoted(namespace)};\n${members.map(({ id, workload, version }) => `    ${quoted(id)} [label=${quoted(version === 'unknown' ? workload : `${workload}\nversion ${version}`)}];\n`).join('')}  }\n`,
  )
  const lines = edges.map(
    (edge) =>
      `  ${quoted(edge.from)} -> ${quoted(edge.to)} [label=${quoted(edgeText(edge))}, style=${edge.lock === 'all' ? 'solid' : 'dashed'}, color=${edge.errors > 0 ? 'red' : 'black'}];\n`,
  )
  return `digraph mesh {\n  rankdir=LR;\n  node [shape=box];\n${groups.join('')}${lines.join('')}}\n`
}

const LOCKS = { all: 'mTLS', some: 'partly mTLS', none: 'plain text', unknown: 'mTLS unknown' } as const

/** What stands at an edge. */
export function edgeText({ requests, rate, errors, p50, p99, lock, connections }: GraphEdge): string {
  if (requests === 0 && connections !== undefined) return `${connectionsText(connections)}, ${LOCKS[lock]}`
  const times = p50 === undefined || p99 === undefined ? [] : [`p50 ${rounded(p50)} ms`, `p99 ${rounded(p99)} ms`]
  return [rate === undefined ? `${requests} calls` : `${rounded(rate)}/s`, `${rounded(errors * 100)} % errors`, ...times, LOCKS[lock]].join(', ')
}

function connectionsText({ opened, closed, sentBytes, receivedBytes, rates }: GraphConnections): string {
  const [sent, received] = [rates?.sentBytes ?? sentBytes, rates?.receivedBytes ?? receivedBytes].map(
    (bytes) => bytesText(bytes) + (rates === undefined ? '' : '/s'),
  )
  return `tcp, ${opened} opened, ${closed} closed, ${sent} sent, ${received} received`
}

/** Bytes for a person: `512 B`, `1.5 KB`, `2 MB`. */
export function bytesText(bytes: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3))
  return `${rounded(bytes / 1000 ** power)} ${BYTE_UNITS[power]}`
}

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB']

const rounded = (value: number): string => String(Math.round(value * 10) / 10)

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`
}
