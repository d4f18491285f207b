import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { WeftError } from '@weft/core'
import type { GatewayTarget } from './gateway-client.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What a running platform writes into `instance.json` of its data directory, for the CLI of the same user. */
export interface InstanceFile {
  readonly pid: number
  readonly gateway: string
  readonly socket: string
  readonly metrics: string
  readonly passwordFile?: string
}

const DEFAULT_URL = 'http://127.0.0.1:8080'

/**
 * Finds the gateway: `--gateway`, `WEFT_GATEWAY`, `OPENFAAS_URL`, the platform of the data directory on this machine, else http://127.0.0.1:8080.
 * Credentials are those of `weft login` (or `faas-cli login`) for that URL, else the local platform's, else the token given.
 */
export async function locateGateway(env: Env, gatewayFlag: string | undefined, token?: string): Promise<GatewayTarget> {
  const instance = await readInstance(dataDirectory(env))
  const named = firstNamed([
    ['--gateway', gatewayFlag],
    ['WEFT_GATEWAY', env['WEFT_GATEWAY']],
    ['OPENFAAS_URL', env['OPENFAAS_URL']],
  ])
  const url = named === undefined ? (instance?.gateway ?? DEFAULT_URL) : normaliseUrl(named.value)
  const isLocal = instance !== undefined && instance.gateway === url
  const stored = await storedAuthorization(env, url)
  const known = stored ?? (isLocal ? await localAuthorization(instance) : undefined)
  const authorization = known ?? (token === undefined ? undefined : `Bearer ${token}`)
  return {
    url,
    ...(isLocal ? { socketPath: instance.socket } : {}),
    ...(authorization === undefined ? {} : { authorization }),
    source: named?.source ?? (instance === undefined ? 'the default' : 'the local platform'),
  }
}

/** The data directory of the platform on this machine. */
export function dataDirectory(env: Env): string {
  return env['WEFT_DATA_DIR'] ?? join(env['XDG_DATA_HOME'] ?? join(env['HOME'] ?? '.', '.local', 'share'), 'weft')
}

/** `http://` is assumed, slashes at the end are cut off, as faas-cli does. @throws WeftError `INVALID_VALUE` */
export function normaliseUrl(text: string): string {
  const withScheme = /^https?:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(withScheme)) throw new WeftError('INVALID_VALUE', { field: 'gateway', reason: `"${text}" is not a URL` })
  return new URL(withScheme).href.replace(/\/+$/, '')
}

/** The header for basic authentication. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

async function readInstance(dataDir: string): Promise<InstanceFile | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, 'instance.json'), 'utf8')) as InstanceFile
  } catch {
    return undefined // no platform has run here, or it is another user's
  }
}

async function localAuthorization(instance: InstanceFile): Promise<string | undefined> {
  if (instance.passwordFile === undefined) return undefined
  try {
    return basicAuthorization('admin', (await readFile(instance.passwordFile, 'utf8')).trim())
  } catch {
    return undefined
  }
}

function firstNamed(sources: readonly (readonly [string, string | undefined])[]): { source: string; value: string } | undefined {
  for (const [source, value] of sources) if (value !== undefined && value !== '') return { source, value }
  return undefined
}

/** Form of faas-cli's `~/.openfaas/config.yml`; ours has the same form. */
interface AuthFile {
  auths?: { gateway: string; auth: string; token: string }[]
}

/** Our file of credentials. */
export function credentialsPath(env: Env): string {
  return join(env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? '.', '.config'), 'weft', 'credentials.yaml')
}

async function storedAuthorization(env: Env, url: string): Promise<string | undefined> {
  const openfaas = join(env['OPENFAAS_CONFIG'] ?? join(env['HOME'] ?? '.', '.openfaas'), 'config.yml')
  for (const path of [credentialsPath(env), openfaas]) {
    const entry = (await readAuthFile(path)).auths?.find((auth) => auth.gateway === url)
    if (entry !== undefined) return entry.auth === 'oauth2' ? `Bearer ${entry.token}` : `Basic ${entry.token}`
  }
  return undefined
}

/** Reads a file of credentials; one that is not there or not readable has none. */
export async function readAuthFile(path: string): Promise<AuthFile> {
  try {
    return (parse(await readFile(path, 'utf8')) as AuthFile | null) ?? {}
  } catch {
    return {}
  }
}

/** Text of a file of credentials. */
export function authFileText(file: AuthFile): string {
  return stringify(file)
}
