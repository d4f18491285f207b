import { access } from 'node:fs/promises'
import { join } from 'node:path'

const PASSED = /^(?:https?_proxy|no_proxy|all_proxy|node_extra_ca_certs|ssl_cert_file|npm_config_(?:registry|cafile|ca|strict_ssl|proxy|https_proxy|noproxy))$/i

/** The variables of an environment that npm needs to reach its registry, and no others (no tokens, nothing of the platform). */
export function npmEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (PASSED.test(key) && value !== undefined && value !== '' ? [[key, value]] : [])))
}

/** The user's own npm configuration file, when there is one. */
export async function npmUserConfig(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const home = env['HOME']
  const path = env['NPM_CONFIG_USERCONFIG'] ?? env['npm_config_userconfig'] ?? (home === undefined ? undefined : join(home, '.npmrc'))
  if (path === undefined) return undefined
  return access(path).then(
    () => path,
    () => undefined,
  )
}
