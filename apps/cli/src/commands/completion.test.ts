import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, it } from '@jest/globals'
import { cli } from '../testing/world.ts'
import { weftProgram } from '../program.ts'
import { completionScript } from './completion.ts'

/** What a real bash offers after these words. */
function offered(...words: string[]): string[] {
  const script = `${completionScript('weft', weftProgram.commands, 'bash')}
COMP_WORDS=(weft "$@"); COMP_CWORD=$#; _weft; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', script, 'bash', ...words], { cwd: '/', encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
}

describe('completion in bash', () => {
  it.each([
    ['commands', ['de'], ['deploy', 'describe', 'delete']],
    ['groups', ['me'], ['mesh']],
    ['commands of a group', ['namespace', ''], ['list', 'create', 'remove']],
    ['options', ['deploy', '--from'], ['--from-file']],
    ['options behind an argument', ['deploy', 'hello', '--from'], ['--from-file']],
    ['options of the connection', ['mesh', 'status', '--tls'], ['--tls-no-verify']],
    ['options of a command in a group', ['secret', 'create', '--from-l'], ['--from-literal']],
  ])('offers %s', (_name, words, wanted) => {
    expect(offered(...words)).toEqual(wanted)
  })

  it('does not offer what is refused', () => {
    expect(offered('deploy', '--net')).toEqual([])
  })

  it('offers files where no word fits', () => {
    expect(offered('apply', '-f', 'et')).toEqual(['etc'])
  })
})

describe('the script', () => {
  it.each(['bash', 'zsh', 'fish'])('for %s is one that the shell reads, where it is installed', (shell) => {
    const script = completionScript('weft', weftProgram.commands, shell)
    const { error, status, stderr } = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' })
    if (error === undefined) expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(script).toContain('weft')
  })

  it('is printed, and another shell is refused', async () => {
    expect((await cli(['completion', 'fish'])).out).toContain('complete -c weft')
    expect(await cli(['completion', 'tcsh'])).toMatchObject({ code: 2, err: expect.stringContaining('"tcsh" is not one of bash, zsh, fish') })
  })
})
