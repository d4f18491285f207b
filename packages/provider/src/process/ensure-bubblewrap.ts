import { spawn } from 'node:child_process'
import { findProgram } from './programs.ts'

/** How a user gets the sandbox. */
export const BUBBLEWRAP_COMMAND = 'sudo apt-get install -y bubblewrap'
const LAST_OUTPUT = 2000

/** What came of {@link ensureBubblewrap}. */
export interface BubblewrapResult {
  readonly path?: string
  /** A sentence for the user; says what to do when there is no path. */
  readonly message: string
}

function install(aptGet: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = ''
    const child = spawn(aptGet, ['install', '-y', '--no-install-recommends', 'bubblewrap'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' },
    })
    const take = (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-LAST_OUTPUT)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code === 0 ? undefined : said.trim().split('\n').slice(-2).join('; ')))
  })
}

/**
 * Set-up step: finds bubblewrap, or installs it from the distribution's packages when that is possible without asking (root, `apt-get`).
 * @param say told before something takes long
 */
export async function ensureBubblewrap(say: (message: string) => void): Promise<BubblewrapResult> {
  const found = findProgram('bwrap')
  if (found !== undefined) return { path: found, message: `bubblewrap is ${found}` }
  const aptGet = findProgram('apt-get')
  if (process.getuid?.() !== 0 || aptGet === undefined) return { message: `bubblewrap is not installed; install it with: ${BUBBLEWRAP_COMMAND}` }
  say('installing bubblewrap with apt-get')
  const failed = await install(aptGet)
  const path = findProgram('bwrap')
  if (path !== undefined) return { path, message: `bubblewrap was installed: ${path}` }
  return { message: `bubblewrap could not be installed (${failed ?? 'no bwrap on PATH afterwards'}); install it with: ${BUBBLEWRAP_COMMAND}` }
}
