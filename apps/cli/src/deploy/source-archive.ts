import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { pack, type Pack } from 'tar-stream'
import type { BuildRequest } from '@weft/artifacts/build'

/** Never uploaded: what the builder installs afresh, and what belongs to version control. */
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', '.git', '.DS_Store'])

/** Packs the source of a build as tar.gz, with the package.json of `--dependencies` put beside a single file. */
export function sourceArchive(request: BuildRequest): Readable {
  const archive = pack()
  const done = fill(archive, request).then(() => archive.finalize())
  done.catch((error: Error) => archive.destroy(error))
  return archive.pipe(createGzip())
}

async function fill(archive: Pack, { source, dependencies }: BuildRequest): Promise<void> {
  if (source.kind === 'directory') await addDirectory(archive, source.path, '')
  else if (source.kind === 'file') archive.entry({ name: source.name }, await readFile(source.path))
  else for (const [name, text] of Object.entries(source.files)) archive.entry({ name }, text)
  if (dependencies !== undefined) archive.entry({ name: 'package.json' }, dependencies)
}

async function addDirectory(archive: Pack, root: string, relative: string): Promise<void> {
  for (const name of (await readdir(join(root, relative))).toSorted()) {
    if (LEFT_OUT.has(name)) continue
    const path = relative === '' ? name : `${relative}/${name}`
    const found = await lstat(join(root, path))
    if (found.isDirectory()) await addDirectory(archive, root, path)
    else if (found.isFile()) archive.entry({ name: path, mode: found.mode & 0o777 }, await readFile(join(root, path)))
  }
}
