import { homedir } from 'node:os'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

/**
 * Keeps what Node.js made of our source text (types stripped, code compiled) for the next command: more than half of what a short command takes.
 * Only what is imported afterwards is kept. In a directory of the user's own, since code comes from there; without one nothing is kept.
 */
export function useCompileCache(env: Readonly<Record<string, string | undefined>>): void {
  const cache = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache')
  enableCompileCache(join(cache, 'weft', 'compile'))
}
