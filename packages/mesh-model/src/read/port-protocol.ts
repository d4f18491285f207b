/** What a port of a Service was said to carry: `http` in any version, `tls` that nobody ends on the way, `tcp` anything else. */
export type PortKind = 'http' | 'tls' | 'tcp' | 'udp'

/** By word: a prefix of a port's name, or an `appProtocol`. https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/ */
const KINDS: Readonly<Record<string, PortKind>> = {
  http: 'http',
  http2: 'http',
  grpc: 'http',
  'grpc-web': 'http',
  'kubernetes.io/h2c': 'http',
  'kubernetes.io/ws': 'http',
  https: 'tls',
  tls: 'tls',
  'kubernetes.io/wss': 'tls',
  tcp: 'tcp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
  udp: 'udp',
}

/** What name and `appProtocol` say; the latter wins. `undefined`: nothing. */
export function declaredKind({ name, appProtocol }: { readonly name?: string; readonly appProtocol?: string }): PortKind | undefined {
  if (appProtocol !== undefined) return kindOf(appProtocol.toLowerCase())
  const text = name?.toLowerCase() ?? ''
  return text.startsWith('grpc-web') ? 'http' : kindOf(text.split('-')[0] ?? '')
}

function kindOf(word: string): PortKind | undefined {
  return Object.hasOwn(KINDS, word) ? KINDS[word] : undefined
}
