import { createHash } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { chmod, mkdir, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { WeftError, messageOf } from '@weft/core'
import type { ArtifactFile } from '../digest.ts'

const refused = (reason: string, cause?: unknown) => new WeftError('ARTIFACT_REFUSED', { reason }, { cause })

/**
 * Copies a tree into a new directory, hashing what it writes (so that a change of the source meanwhile cannot make digest and content differ). Files become
 * 0444 or 0555, directories 0755, everything is flushed to the disk.
 * @throws WeftError `ARTIFACT_REFUSED` for links, devices, sockets and pipes
 */
export async function copyTree(from: string, to: string): Promise<ArtifactFile[]> {
  const files: ArtifactFile[] = []
  await copyDirectory(from, to, '', files)
  return files
}

async function copyDirectory(from: string, to: string, path: string, files: ArtifactFile[]): Promise<void> {
  await mkdir(join(to, path), { recursive: true })
  for (const entry of await list(join(from, path))) {
    const child = path === '' ? entry.name : `${path}/${entry.name}`
    if (entry.isDirectory()) await copyDirectory(from, to, child, files)
    else if (entry.isFile()) files.push(await copyFile(from, to, child))
    else throw refused(`${child} is neither a file nor a directory (links and devices are not kept)`)
  }
  await chmod(join(to, path), 0o755)
  await flushDirectory(join(to, path))
}

async function list(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true })
  } catch (error) {
    throw refused(`${directory} cannot be read (${messageOf(error)})`, error)
  }
}

async function copyFile(from: string, to: string, path: string): Promise<ArtifactFile> {
  await using source = await open(join(from, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const stat = await source.stat()
  if (!stat.isFile()) throw refused(`${path} is not a plain file`)
  const executable = (stat.mode & 0o111) !== 0
  await using target = await open(join(to, path), 'wx', 0o600)
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of source.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    sizeBytes += chunk.length
    await target.writeFile(chunk)
  }
  await target.chmod(executable ? 0o555 : 0o444)
  await target.sync()
  return { path, executable, hash: hash.digest('hex'), sizeBytes }
}

/** Flushes the names in a directory to the disk. */
export async function flushDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r')
  await handle.sync()
}
