import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { ArtifactStore } from '@weft/artifacts'
import { openDirectoryArtifactStore } from '@weft/artifacts/directory'
import { createImageResolver, npmEnvironment, npmUserConfig, openBuilder, type Builder } from '@weft/builder'
import { startController } from '@weft/controller'
import { WeftError } from '@weft/core'
import { createGateway } from '@weft/gateway'
import { AddressGuard, runShutdown, type Log, type ShutdownStep } from '@weft/kit'
import { startMesh } from '@weft/mesh'
import type { Isolation } from '@weft/provider'
import { bundleRuntimes, ensureBubblewrap, startProcessProvider, type RuntimeBundles } from '@weft/provider/process'
import { openSealer } from '@weft/store/sealer'
import { openSqliteStore } from '@weft/store/sqlite'
import type { Config, ListenAddress } from './config.ts'
import { ensurePassword, lockDirectory, makeDirectories } from './data-directory.ts'
import { authorityFile, meshSettings, ownAddresses, telemetrySettings } from './mesh-settings.ts'
import { claimAddress, formatAddress } from './ports.ts'

/** The one user of basic authentication, as OpenFaaS has it. */
const ADMIN_USER = 'admin'

/** What the platform is given of the world. */
export interface PlatformWorld {
  readonly log: Log
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told of slow steps (downloading Envoy), one line each. */
  readonly progress: (text: string) => void
  /** Absent in a checkout, where every part finds its own. */
  readonly assets?: PlatformAssets
}

/** Files that a packaged install brings ready-made. */
export interface PlatformAssets {
  readonly runtimes: RuntimeBundles
  /** Program of the mesh's thread. */
  readonly meshWorker: URL
  /** Program of a build's process. */
  readonly buildWorker: string
  /** The catalogue of images that stand for programs. */
  readonly catalogue: string
}

/** A running platform. */
export interface Platform {
  /** `http://HOST:PORT` of the ingress. */
  readonly gateway: string
  /** `https://HOST:PORT`; whether anything is served there depends on the certificate of the platform and on Gateways. */
  readonly tls: string
  readonly metrics: string
  /** Unix socket of the control API. */
  readonly socket: string
  /** Absent without authentication. */
  readonly passwordFile: string | undefined
  readonly isolation: Isolation
  readonly builder: Builder
  /** Puts what can be changed while it runs into force: `tracing` and `accessLog`. */
  reconfigure(config: Pick<Config, 'tracing' | 'accessLog'>): Promise<void>
  /** Drains and ends: the steps of {@link startPlatform} in reverse. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts everything, in this order: directory lock → addresses → store → artifacts and builder → mesh (certificates, xDS, Envoy) → provider →
 * controller → gateway → `instance.json`. What fails undoes what was done before it; the end is the same list backwards.
 * @throws WeftError saying what to do
 */
export async function startPlatform(config: Config, world: PlatformWorld): Promise<Platform> {
  const down: ShutdownStep[] = []
  try {
    return await start(config, world, down)
  } catch (error) {
    await runShutdown(down, config.drainTimeoutMs, world.log)
    throw error
  }
}

/** Each part is followed by its step of the way down, put before those of the parts that it needs. */
async function start(config: Config, world: PlatformWorld, down: ShutdownStep[]): Promise<Platform> {
  const { log } = world
  const part = (name: string) => log.child({ part: name })
  const undo = (name: string, run: ShutdownStep['run']) => void down.unshift({ name, run })

  const layout = await makeDirectories(config.dataDir, config.runDir)
  const lock = await lockDirectory(config.dataDir, process.pid)
  undo('directory lock', () => lock.release())
  const listen = await claimAddress(config.listen, '--listen')
  // Without a certificate it is bound when a Gateway asks for it; that it is taken is a finding of the Gateway then.
  const lazy = config.tlsCertificate === undefined && config.tlsListen.port !== 0
  const tlsListen = lazy ? config.tlsListen : await claimAddress(config.tlsListen, '--tls-listen')
  const metricsListen = await claimAddress(config.metricsListen, '--metrics-listen')
  const password = config.auth === 'basic' ? await ensurePassword(layout.passwordFile) : ''

  const store = await openSqliteStore({ file: layout.database, sealer: openSealer(join(layout.secrets, 'store.key')) })
  undo('store', () => store.close())
  const artifacts = await openDirectoryArtifactStore({ directory: layout.artifacts })
  const images = createImageResolver({
    artifacts,
    catalogueFiles: [join(config.dataDir, 'catalogue.yaml'), ...(config.catalogue === undefined ? [] : [config.catalogue])],
    ...(world.assets === undefined ? {} : { shippedCatalogue: world.assets.catalogue }),
  })
  const builder = await openPlatformBuilder(config, world, artifacts)
  undo('builder', () => builder.close())

  const socket = join(config.runDir, 'gateway.sock')
  const authorities = authorityFile(world.env, existsSync)
  const settings = meshSettings({
    config,
    layout,
    listen,
    tlsListen,
    gatewaySocket: socket,
    ownAddresses: ownAddresses(networkInterfaces()),
    metricsPort: metricsListen.port,
    authorities,
  })
  const mesh = await startMesh({
    store,
    log: part('mesh'),
    settings,
    env: world.env,
    progress: world.progress,
    ...(world.assets === undefined ? {} : { worker: world.assets.meshWorker }),
  })
  undo('mesh', (remainingMs) => mesh.stop(remainingMs))

  const bubblewrap = config.isolation === 'none' ? undefined : await ensureBubblewrap(world.progress)
  const provider = await startProcessProvider({
    runDirectory: join(config.runDir, 'r'),
    dataDirectory: config.dataDir,
    runtimeBundles: world.assets?.runtimes ?? (await bundleRuntimes(join(config.dataDir, 'runtimes'))),
    isolation: config.isolation,
    spans: (spans) => mesh.record(spans),
    log: part('provider'),
    ...(bubblewrap?.path === undefined ? {} : { bubblewrap: bubblewrap.path }),
  })
  undo('provider', (remainingMs) => provider.close(remainingMs))
  if (provider.isolation.level !== 'sandbox') {
    requireLoopback('--listen', listen, provider.isolation)
    requireLoopback('--tls-listen', tlsListen, provider.isolation)
  }

  const guard = new AddressGuard({ allowed: config.canary.allowedAddresses, own: ownAddresses(networkInterfaces()) })
  const outside = { guard, gateway: ingressUrl(listen), prometheus: config.canary.prometheus }
  const controller = await startController({ store, provider, mesh, artifacts, images, outside, log: part('controller') })
  undo('controller', () => controller.close())
  const gateway = createGateway({
    store,
    provider,
    mesh,
    artifacts,
    builder,
    imageResolver: images,
    auth: { enabled: config.auth === 'basic', user: ADMIN_USER, password },
    version: { release: world.version, sha: '' },
    log: part('gateway'),
  })
  await gateway.listen({ socketPath: socket, metrics: metricsListen })
  // on the way down the proxy ends first: it takes nothing new, finishes the calls under way, and then no connection keeps a replica from ending
  undo('calls under way', (remainingMs) => mesh.stop(remainingMs))
  undo('gateway', (remainingMs) => gateway.close(remainingMs))

  const platform = {
    gateway: `http://${formatAddress(listen)}`,
    tls: `https://${formatAddress(tlsListen)}`,
    metrics: `http://${formatAddress(metricsListen)}`,
    socket,
    passwordFile: config.auth === 'basic' ? layout.passwordFile : undefined,
    isolation: provider.isolation,
    builder,
    reconfigure: (changed: Pick<Config, 'tracing' | 'accessLog'>) => mesh.changeTelemetry(telemetrySettings(changed, authorities)),
  }
  await writeInstanceFile(layout.instanceFile, platform)
  undo('instance file', () => rm(layout.instanceFile, { force: true }))
  let closing: Promise<void> | undefined
  return { ...platform, close: () => (closing ??= runShutdown(down, config.drainTimeoutMs, log)) }
}

async function openPlatformBuilder(config: Config, { env, assets }: PlatformWorld, artifacts: ArtifactStore): Promise<Builder> {
  const npmUserConfigFile = await npmUserConfig(env)
  return openBuilder({
    artifacts,
    cacheDirectory: join(config.dataDir, 'build-cache'),
    npmEnv: npmEnvironment(env),
    ...(assets === undefined ? {} : { workerEntry: assets.buildWorker }),
    ...(npmUserConfigFile === undefined ? {} : { npmUserConfig: npmUserConfigFile }),
  })
}

/** Where this machine reaches its own ingress. */
function ingressUrl(listen: ListenAddress): string {
  const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
  return `http://${formatAddress({ ...listen, host: everywhere[listen.host] ?? listen.host })}`
}

/** Without a sandbox any process of the machine could take a function's identity, so nobody else's machine gets in. @throws WeftError `INVALID_CONFIG` */
function requireLoopback(flag: string, listen: ListenAddress, isolation: Isolation): void {
  if (listen.host === 'localhost' || listen.host === '::1' || listen.host.startsWith('127.')) return
  const problems = `${flag} ${formatAddress(listen)} is refused without a sandbox: identities are only advisory then (${isolation.summary}); listen on 127.0.0.1 or use --isolation required`
  throw new WeftError('INVALID_CONFIG', { problems })
}

/** Lets the command line of the same user find this platform. */
async function writeInstanceFile(path: string, platform: Pick<Platform, 'gateway' | 'tls' | 'metrics' | 'socket' | 'passwordFile'>): Promise<void> {
  const { gateway, tls, metrics, socket, passwordFile } = platform
  const text = JSON.stringify({ pid: process.pid, gateway, tls, metrics, socket, ...(passwordFile === undefined ? {} : { passwordFile }) })
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
