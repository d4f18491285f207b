import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A file of a tree, hashed. */
export interface TreeFile {
  readonly path: string
  readonly executable: boolean
  readonly hash: string
}

/** All plain files below a directory, sorted by path (code units), whatever order the file system has. */
export async function listFiles(root: string, skip: (path: string) => boolean = () => false): Promise<string[]> {
  const found: string[] = []
  const walk = async (path: string): Promise<void> => {
    for (const entry of await readdir(join(root, path), { withFileTypes: true })) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`
      if (skip(child)) continue
      if (entry.isDirectory()) await walk(child)
      else if (entry.isFile()) found.push(child)
    }
  }
  await walk('')
  return found.toSorted()
}

/** {@link listFiles} with content hashes. */
export async function readTree(root: string): Promise<TreeFile[]> {
  const files: TreeFile[] = []
  for (const path of await listFiles(root)) {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(join(root, path)) as AsyncIterable<Buffer>) hash.update(chunk)
    files.push({ path, executable: ((await stat(join(root, path))).mode & 0o111) !== 0, hash: hash.digest('hex') })
  }
  return files
}
