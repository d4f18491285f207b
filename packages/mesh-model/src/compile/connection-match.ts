import type { TcpMatch } from '../snapshot.ts'

/** A connection: whose, and where to, as its caller wrote it. */
export interface AskedConnection {
  /** Without a port. */
  readonly name: string
  readonly port: number
  readonly callerNamespace: string
  readonly callerLabels: Readonly<Record<string, string>>
}

/** Whether a condition holds for a connection. */
export function tcpMatchHolds(match: TcpMatch, { name, port, callerNamespace, callerLabels }: AskedConnection): boolean {
  return (
    (match.port === undefined || match.port === port) &&
    (match.serverNames === undefined || match.serverNames.some((pattern) => serverNameHolds(pattern, name))) &&
    (match.sourceNamespace === undefined || match.sourceNamespace === callerNamespace) &&
    Object.entries(match.sourceLabels ?? {}).every(([key, value]) => callerLabels[key] === value)
  )
}

/** `*.example.com` holds for every name below it. */
export function serverNameHolds(pattern: string, name: string): boolean {
  return pattern === '*' || (pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern)
}
