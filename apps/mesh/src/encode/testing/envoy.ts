import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { findEnvoy } from '../../envoy/binary.ts'
import { ACTIVATOR_CLUSTER, ENVOY_RUNTIME, STATS_INCLUSION, TAP_CLUSTER, XDS_CLUSTER } from '../names.ts'

/** A real Envoy for tests. */
export interface TestEnvoy {
  /** Standard error so far. */
  log(): string
  admin(path: string): Promise<string>
  stop(): Promise<void>
}

const HTTP2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
}

function overSocket(name: string, path: string): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: HTTP2,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }] },
  }
}

function bootstrap(node: string, directory: string, socket: string): object {
  return {
    node: { id: node, cluster: 'weft' },
    admin: { address: { pipe: { path: join(directory, 'admin'), mode: 0o600 } } },
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener' },
      },
    ],
    stats_config: { stats_matcher: { inclusion_list: { patterns: STATS_INCLUSION } } },
    layered_runtime: {
      layers: [
        { name: 'static', static_layer: ENVOY_RUNTIME },
        { name: 'admin', admin_layer: {} },
      ],
    },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: XDS_CLUSTER } }],
        set_node_on_first_message_only: true,
      },
      cds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '10s' },
      lds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '10s' },
    },
    static_resources: { clusters: [overSocket(XDS_CLUSTER, socket), overSocket(ACTIVATOR_CLUSTER, socket), overSocket(TAP_CLUSTER, socket)] },
  }
}

/** GET on a Unix socket. */
export function getUnix(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ socketPath, path, agent: false }, (response) => {
        let body = ''
        response
          .setEncoding('utf8')
          .on('data', (text: string) => (body += text))
          .on('end', () => resolve(body))
      })
      .on('error', reject)
  })
}

/** Starts Envoy against the control plane on `socket`; resolves when it is ready to serve. */
export async function startEnvoy(node: string, directory: string, socket: string): Promise<TestEnvoy> {
  const config = join(directory, 'bootstrap.json')
  writeFileSync(config, JSON.stringify(bootstrap(node, directory, socket)))
  const { path: program } = await findEnvoy({ env: process.env, progress: () => undefined })
  const child = spawn(
    program,
    ['-c', config, '--concurrency', '1', '--disable-hot-restart', '--file-flush-interval-msec', '100', '-l', process.env['WEFT_ENVOY_LOG'] ?? 'warning'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let log = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text))
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  const envoy = { log: () => log, admin: (path: string) => getUnix(join(directory, 'admin'), path), stop: () => stop(child, exited) }
  const deadline = Date.now() + 15_000
  while (!(await envoy.admin('/ready').catch(() => '')).startsWith('LIVE')) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`Envoy did not get ready: ${log}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return envoy
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill('SIGKILL')
  await exited
}
