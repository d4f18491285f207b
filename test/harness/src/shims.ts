import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Makes a directory with `weft` and `kubeless` as an installed package would have them on the PATH. @returns the directory */
export async function makeShims(parent: string): Promise<string> {
  const directory = join(parent, 'bin')
  await mkdir(directory, { recursive: true })
  for (const [name, entry] of Object.entries({ weft: 'apps/cli/src/main.ts', kubeless: 'apps/cli/src/kubeless.ts' })) {
    const path = join(directory, name)
    await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, entry)}' "$@"\n`)
    await chmod(path, 0o755)
  }
  return directory
}
