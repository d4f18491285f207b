import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ArtifactInput } from '@weft/artifacts'
import { buildFailed } from '../failures.ts'
import type { NodeBuild } from '../task.ts'
import { bundle, formatOf, type Bundle } from './bundle.ts'
import { findEntry } from './entry.ts'
import { refuseEscapingDependencies } from './escaping.ts'
import { chooseExternals } from './externals.ts'
import { installDependencies, runTests } from './install.ts'
import { packageJsonOf } from './package-json.ts'
import { insideOnly, keepPlaces, leaveOut } from './plugins.ts'
import { checkSize, shipOwnFiles, shipPackages } from './ship.ts'

/**
 * Builds a Node.js handler: installs its dependencies, runs its tests where the template does, bundles, and puts the bundle beside the handler's own files
 * and the packages that must stay files.
 * @throws WeftError `BUILD_FAILED`, `SOURCE_REFUSED`
 */
export async function buildNode(task: NodeBuild): Promise<ArtifactInput> {
  const { source, request, runtime, output, progress } = task
  const { root } = source
  const manifest = await packageJsonOf(root, request.dependencies)
  const entry = await findEntry(source, request.handler, manifest)
  const format = await formatOf(root, entry.file, manifest.type)
  await refuseEscapingDependencies(root)
  await shipOwnFiles(root, output)
  await installDependencies(task, manifest)
  await runTests(task, manifest)
  progress('bundle', `${entry.file} (${format === 'esm' ? 'ES module' : 'CommonJS'})`)
  const external = await chooseExternals(root, entry.file, manifest)
  if (external.size > 0) progress('bundle', `shipped as files: ${summary([...external].toSorted())}`)
  const made = await bundle(root, entry.file, format, [insideOnly(root), leaveOut(root, entry.file, external), keepPlaces(root, entry.file)])
  checkExport(made, entry.exportName)
  for (const warning of made.warnings) progress('bundle', warning)
  await shipPackages(root, output, external)
  await writeBundle(output, made)
  await checkSize(output, task.limits.artifactBytes)
  return {
    directory: output,
    run: { runtime: runtime.name, contract: runtime.contract, entry: made.entry, ...(entry.exportName === undefined ? {} : { export: entry.exportName }) },
    env: request.env ?? {},
  }
}

function summary(packages: readonly string[]): string {
  const names = packages.map((directory) => directory.slice(directory.lastIndexOf('node_modules/') + 'node_modules/'.length))
  return names.length > 6 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more packages` : names.join(', ')
}

function checkExport(made: Bundle, name: string | undefined): void {
  if (name === undefined || made.exports === undefined || made.exports.includes(name) || made.exports.includes('default')) return
  const has = made.exports.length === 0 ? 'it exports nothing' : `it exports ${made.exports.join(', ')}`
  throw buildFailed('entry', `${made.entry} has no export "${name}" (${has})`, 'correct --handler FILE.EXPORT, or export the function')
}

async function writeBundle(output: string, made: Bundle): Promise<void> {
  await mkdir(dirname(join(output, made.entry)), { recursive: true })
  await writeFile(join(output, made.entry), made.code)
  await writeFile(join(output, `${made.entry}.map`), made.map)
}
