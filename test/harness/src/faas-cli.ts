import { access, constants, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { run } from './platform.ts'

/** The real client of OpenFaaS, or why there is none. */
export type FaasCli = { readonly path: string } | { readonly path?: undefined; readonly reason: string; readonly isSkip: boolean }

const MODULE = 'github.com/openfaas/faas-cli@latest'
/** A proxy that says no: nothing that set-up could mend. Anything else that goes wrong is a failure. */
const REFUSED = /: (403 Forbidden|404 Not Found|410 Gone)/

/**
 * Finds today's `faas-cli`: `WEFT_FAAS_CLI`, the PATH, the cache, else built there from its source with Go. Without Go, or where the module proxy
 * refuses it, there is none, and tests that need it are skipped by name; a build that fails is a failure.
 */
export async function ensureFaasCli(env: Readonly<Record<string, string | undefined>>): Promise<FaasCli> {
  const named = env['WEFT_FAAS_CLI']
  if (named !== undefined && named !== '') return { path: named }
  const cache = join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'weft', 'test')
  const found = await findProgram('faas-cli', [...pathOf(env), cache])
  if (found !== undefined) return { path: found }
  const go = await findProgram('go', pathOf(env))
  if (go === undefined) return { reason: 'Go is not installed, so that faas-cli cannot be built (or set WEFT_FAAS_CLI to a faas-cli)', isSkip: true }
  await mkdir(cache, { recursive: true })
  const built = await run(go, ['install', MODULE], { env: { ...known(env), GOBIN: cache } })
  if (built.code === 0) return { path: join(cache, 'faas-cli') }
  const said = built.stderr.trim()
  if (REFUSED.test(said)) return { reason: `the module proxy of this machine does not give out ${MODULE} (set WEFT_FAAS_CLI to a faas-cli)`, isSkip: true }
  return { reason: `go install ${MODULE} ended with ${built.code}: ${said} (or set WEFT_FAAS_CLI to a faas-cli)`, isSkip: false }
}

function pathOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return (env['PATH'] ?? '').split(delimiter).filter((part) => part !== '')
}

function known(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

async function findProgram(name: string, directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    const path = join(directory, name)
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}
