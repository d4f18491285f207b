import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ArtifactInput } from '@weft/artifacts'
import { buildFailed } from '../failures.ts'
import { listFiles } from '../source/tree.ts'
import type { NodeBuild } from '../worker/steps.ts'
import { bundle, formatOf, type Bundle } from './bundle.ts'
import { findEntry } from './entry.ts'
import { packageJsonOf } from './package-json.ts'

/** Never part of an artifact: credentials, and what is installed only for the build. */
const LEFT_OUT = new Set(['node_modules', '.npmrc', '.git'])

/**
 * Builds a Node.js handler: installs its dependencies, runs its tests where the template does, bundles, and puts the bundle beside the handler's own files.
 * @throws WeftError `BUILD_FAILED`
 */
export async function buildNode(task: NodeBuild): Promise<ArtifactInput> {
  const { source, request, runtime, output, progress } = task
  const manifest = await packageJsonOf(source.root, request.dependencies)
  const entry = await findEntry(source, request.handler, manifest)
  const format = await formatOf(source.root, entry.file, manifest.type)
  progress('bundle', `${entry.file} (${format === 'esm' ? 'ES module' : 'CommonJS'})`)
  const made = await bundle(source.root, entry.file, format, [])
  checkExport(made, entry.exportName)
  for (const warning of made.warnings) progress('bundle', warning)
  await copyOwnFiles(source.root, output)
  await writeBundle(output, made)
  return {
    directory: output,
    run: { runtime: runtime.name, contract: runtime.contract, entry: made.entry, ...(entry.exportName === undefined ? {} : { export: entry.exportName }) },
    env: request.env ?? {},
  }
}

function checkExport(made: Bundle, name: string | undefined): void {
  if (name === undefined || made.exports === undefined || made.exports.includes(name) || made.exports.includes('default')) return
  const has = made.exports.length === 0 ? 'it exports nothing' : `it exports ${made.exports.join(', ')}`
  throw buildFailed('entry', `${made.entry} has no export "${name}" (${has})`, 'correct --handler FILE.EXPORT, or export the function')
}

/** All own files, code too: what is read, required or listed by a computed name must be where it was. */
async function copyOwnFiles(root: string, output: string): Promise<void> {
  for (const path of await listFiles(root, (name) => LEFT_OUT.has(name.slice(name.lastIndexOf('/') + 1)))) {
    await mkdir(dirname(join(output, path)), { recursive: true })
    await copyFile(join(root, path), join(output, path))
  }
}

async function writeBundle(output: string, made: Bundle): Promise<void> {
  await mkdir(dirname(join(output, made.entry)), { recursive: true })
  await writeFile(join(output, made.entry), made.code)
  await writeFile(join(output, `${made.entry}.map`), made.map)
}
