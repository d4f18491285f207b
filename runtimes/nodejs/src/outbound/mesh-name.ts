/** Ports on which a mesh name is taken to speak HTTP, in either version: what comes goes to the proxy as it is. */
export const MESH_HTTP_PORTS: ReadonlySet<number> = new Set([80, 443, 3000, 5000, 8000, 8080, 8081, 8443, 9000, 9090, 50_051])

/** How a connection leaves the replica. */
export type Way = 'local' | 'mesh' | 'connect'

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '::1' || host === '::' || host === '0.0.0.0' || /^127(\.\d{1,3}){3}$/.test(host)

/** Whether `host` is a plain name of the mesh: `temp`, `temp.NS`, `*.svc`, `*.svc.cluster.local`. Case and a trailing dot do not count. */
function isMeshName(host: string, namespaces: ReadonlySet<string>): boolean {
  const name = (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase()
  if (name.endsWith('.svc') || name.endsWith('.svc.cluster.local')) return true
  const labels = name.split('.')
  // a bare number is an IPv4 address in short form, never a name
  if (!labels.every((label) => LABEL.test(label)) || /^\d+$/.test(name)) return false
  return labels.length === 1 || (labels.length === 2 && namespaces.has(labels[1] ?? ''))
}

/**
 * Which way a connection to `host` goes. TLS to a mesh name goes by CONNECT, since the proxy reads plain HTTP there, and so does what is for another port than those of
 * HTTP: it may be raw TCP, where the other side speaks first. The proxy knows, and reads HTTP out of the tunnel too.
 * Loopback is the replica's own: in a sandbox there is nothing else on it.
 */
export function wayOf(host: string, secure: boolean, namespaces: ReadonlySet<string>, port = 80): Way {
  if (isLoopback(host.toLowerCase())) return 'local'
  return !secure && MESH_HTTP_PORTS.has(port) && isMeshName(host, namespaces) ? 'mesh' : 'connect'
}

/** `host:port` for a CONNECT request. @returns undefined when the host cannot stand in a request line */
export function authorityOf(host: string, port: number): string | undefined {
  if (/^[0-9a-fA-F:.]+$/.test(host) && host.includes(':')) return `[${host}]:${port}`
  return /^[A-Za-z0-9._-]{1,253}$/.test(host) ? `${host}:${port}` : undefined
}
