import { spawn } from 'node:child_process'
import { WeftError } from '@weft/core'
import type { World } from '../command.ts'

/**
 * Clones the newest state of a repository with the machine's `git`, which never asks for a password.
 * @param repository URL or path, with `#BRANCH` or `#TAG` behind it
 * @throws WeftError `GIT_NOT_FOUND`, `GIT_FAILED` with what git said
 */
export async function cloneRepository(repository: string, target: string, { env, cwd, signal }: Pick<World, 'env' | 'cwd' | 'signal'>): Promise<void> {
  const [url = '', reference] = repository.split('#')
  if (url === '' || url.startsWith('-')) throw new WeftError('INVALID_VALUE', { field: 'repository', reason: `"${repository}" is not a repository` })
  const args = ['clone', '--quiet', '--depth', '1', ...(reference === undefined ? [] : [`--branch=${reference}`]), '--', url, target]
  const child = spawn('git', args, { cwd, env: { ...env, GIT_TERMINAL_PROMPT: '0' }, stdio: ['ignore', 'ignore', 'pipe'], signal })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-2000)))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? new WeftError('GIT_NOT_FOUND', {}, { cause: error }) : error))
    child.on('close', resolve)
  })
  if (code !== 0) throw new WeftError('GIT_FAILED', { repository, reason: complaint.trim().split('\n').at(-1) ?? `git ended with ${code}` })
}
