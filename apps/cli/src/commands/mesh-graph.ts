import { setTimeout as wait } from 'node:timers/promises'
import { parseDurationMs } from '@weft/core'
import type { TrafficStatistics } from '@weft/mesh-model'
import type { GraphConnections, GraphEdge, MeshGraph } from '@weft/mesh-model/graph'
import type { GatewayClient } from '../client/gateway-client.ts'
import { GATEWAY_OPTION } from '../cli.ts'
import type { Command, Invocation } from '../command.ts'
import { structured } from '../output/render.ts'
import { table } from '../output/table.ts'
import { textOption } from './options.ts'

const PATH = '/apis/mesh.weft.dev/v1alpha1/traffic'

interface Reading {
  readonly at: number
  readonly traffic: readonly TrafficStatistics[]
}

/** `weft mesh graph`. */
export const meshGraphCommand: Command = {
  name: 'mesh graph',
  summary: 'who calls whom now: versions, rates, errors, times, and whether every call was mutual TLS',
  description: 'Looks for the time of --window; with --window 0s: all calls since the platform started, without rates.',
  options: [
    GATEWAY_OPTION,
    { flags: '--window <duration>', description: 'how long to look', default: '5s' },
    { flags: '-o, --output <format>', description: 'how to print', choices: ['json', 'yaml', 'dot'] },
  ],
  examples: ['weft mesh graph', 'weft mesh graph --window 0s', 'weft mesh graph -o dot | dot -Tsvg > mesh.svg'],
  run,
}

async function run({ world, options, client }: Invocation): Promise<void> {
  const windowMs = parseDurationMs(textOption(options, 'window') ?? '5s', '--window')
  const { bytesText, graphDot, graphOf } = await import('@weft/mesh-model/graph')
  const gateway = await client()
  const before = windowMs === 0 ? undefined : await readingOf(gateway)
  if (before !== undefined) await wait(windowMs, undefined, { signal: world.signal })
  const after = await readingOf(gateway)
  const graph = before === undefined ? graphOf([], after.traffic) : graphOf(before.traffic, after.traffic, Math.max(1, after.at - before.at))
  const format = textOption(options, 'output')
  world.stdout.write(format === undefined ? graphText(graph, bytesText) : format === 'dot' ? graphDot(graph) : structured(graph, format))
}

function readingOf(gateway: GatewayClient): Promise<Reading> {
  return gateway.json<Reading>({ method: 'GET', path: PATH })
}

const LOCKS: Readonly<Record<GraphEdge['lock'], string>> = { all: 'mTLS', some: 'PARTLY', none: 'PLAIN', unknown: '?' }

/** What a person reads: who calls whom, and below that who has connections of raw TCP to whom. `bytes` writes a number of them. */
export function graphText({ nodes, edges, windowMs }: MeshGraph, bytes: (count: number) => string): string {
  if (edges.length === 0)
    return windowMs === undefined ? 'No call was made yet.\n' : 'No call was made in this time. All since the platform started: weft mesh graph --window 0s\n'
  const names = new Map(nodes.map(({ id, version }) => [id, version === 'unknown' ? id : `${id} (${version})`]))
  const ends = ({ from, to }: GraphEdge) => [names.get(from) ?? from, `-> ${names.get(to) ?? to}`]
  const calls = edges.filter(({ requests }) => requests > 0).map((edge) => [...ends(edge), ...callCells(edge)])
  const connections = edges.flatMap((edge) =>
    edge.connections === undefined ? [] : [[...ends(edge), ...connectionCells(edge.connections, bytes), LOCKS[edge.lock]]],
  )
  const tables = [
    calls.length === 0 ? '' : table([['CALLER', 'CALLED', windowMs === undefined ? 'CALLS' : 'RATE', 'ERRORS', 'P50 MS', 'P99 MS', 'LOCK'], ...calls]),
    connections.length === 0 ? '' : table([['CALLER', 'CALLED (TCP)', 'OPENED', 'CLOSED', 'SENT', 'RECEIVED', 'LOCK'], ...connections]),
  ]
  return tables.filter((text) => text !== '').join('\n')
}

function callCells(edge: GraphEdge): readonly string[] {
  return [
    edge.rate === undefined ? String(edge.requests) : `${edge.rate.toFixed(1)}/s`,
    `${(edge.errors * 100).toFixed(1)}%`,
    edge.p50 === undefined ? '-' : edge.p50.toFixed(1),
    edge.p99 === undefined ? '-' : edge.p99.toFixed(1),
    LOCKS[edge.lock],
  ]
}

function connectionCells({ opened, closed, sentBytes, receivedBytes, rates }: GraphConnections, bytes: (count: number) => string): readonly string[] {
  if (rates === undefined) return [String(opened), String(closed), bytes(sentBytes), bytes(receivedBytes)]
  return [`${rates.opened.toFixed(1)}/s`, `${rates.closed.toFixed(1)}/s`, `${bytes(rates.sentBytes)}/s`, `${bytes(rates.receivedBytes)}/s`]
}
