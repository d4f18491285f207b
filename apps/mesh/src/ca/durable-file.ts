import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes a file of the owner alone (0600) so that after a crash it is there whole, or as it was before. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(`${path}.tmp`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
