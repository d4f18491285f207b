import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Where a program is: as its absolute path says, or in the first directory of PATH that has it. */
export async function findProgram(program: string, path: string = process.env['PATH'] ?? ''): Promise<string | undefined> {
  const candidates = program.startsWith('/') ? [program] : program.includes('/') ? [] : path.split(delimiter).map((directory) => join(directory, program))
  for (const candidate of candidates) {
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return candidate
  }
  return undefined
}
