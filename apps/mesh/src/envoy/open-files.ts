import { readFileSync } from 'node:fs'

/** What a proxy opens beside connections: listeners of functions, logs, the control plane. */
const RESERVED_FILES = 1_000
/** A client's connection may need one more to a replica, and two more while its call waits for one. */
const FILES_PER_CONNECTION = 4
const MOST_CONNECTIONS = 50_000
const LEAST_CONNECTIONS = 100

/**
 * How many files a process that we start may have open, as `/proc/self/limits` says it.
 * @returns `undefined` where there is no limit, or none is told
 */
export function openFilesLimit(read: () => string = () => readFileSync('/proc/self/limits', 'utf8')): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)\s/m.exec(read())?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}

/** Connections from clients and functions that a proxy may take: it must never have no file left for its own, since Envoy ends then. One replica may have half of them. */
export function connectionsFor(openFiles: number | undefined): { readonly all: number; readonly ofReplica: number } {
  const all = allConnections(openFiles)
  return { all, ofReplica: Math.floor(all / 2) }
}

function allConnections(openFiles: number | undefined): number {
  if (openFiles === undefined) return MOST_CONNECTIONS
  return Math.min(MOST_CONNECTIONS, Math.max(LEAST_CONNECTIONS, Math.floor((openFiles - RESERVED_FILES) / FILES_PER_CONNECTION)))
}
