import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { buildFailed } from '../failures.ts'
import type { NodeBuild } from '../task.ts'
import { condenseNpmError } from './npm-errors.ts'
import { runNpm, type NpmCall, type NpmResult } from './npm.ts'
import type { PackageJson } from './package-json.ts'

const PLACEHOLDER_TEST = /no test specified/

/** Whether there is a test script worth running. */
export function hasTests(manifest: PackageJson): boolean {
  return manifest.testScript !== undefined && manifest.testScript.trim() !== '' && !PLACEHOLDER_TEST.test(manifest.testScript)
}

const hasEntries = (...maps: object[]) => maps.some((map) => Object.keys(map).length > 0)

/**
 * Installs what package.json asks for: `npm ci` with a lock file, else `npm install`; development dependencies only for tests. Install scripts of packages
 * run only when the request allows them, and then without network, credentials and the shared cache.
 * @throws WeftError `BUILD_FAILED`
 */
export async function installDependencies(task: NodeBuild, manifest: PackageJson): Promise<void> {
  const testing = task.runtime.runsTests && hasTests(manifest)
  const wanted = hasEntries(manifest.dependencies, manifest.optionalDependencies, manifest.peerDependencies, testing ? manifest.devDependencies : {})
  if (!wanted) return
  const { root } = task.source
  const locked = await firstOf(root, ['package-lock.json', 'npm-shrinkwrap.json'])
  const foreign = await firstOf(root, ['yarn.lock', 'pnpm-lock.yaml'])
  const command = locked === undefined ? 'install' : 'ci'
  task.progress('dependencies', locked === undefined && foreign !== undefined ? `npm install (${foreign} is not npm's and is not used)` : `npm ${command}`)
  const lockless = locked === undefined ? ['--package-lock=false', '--save=false'] : []
  const result = await runNpm({ ...npmCall(task, true), args: [command, '--ignore-scripts', ...(testing ? ['--include=dev'] : ['--omit=dev']), ...lockless] })
  if (result.code !== 0) throw npmFailed(task, `npm ${command}`, result)
  if (task.request.allowScripts === true) await runInstallScripts(task)
}

async function runInstallScripts(task: NodeBuild): Promise<void> {
  task.progress('dependencies', 'install scripts of the dependencies (npm rebuild)')
  const result = await runNpm({ ...npmCall(task, false), args: ['rebuild', '--ignore-scripts=false', '--foreground-scripts'] })
  if (!result.isolated) task.progress('dependencies', 'there is no sandbox here: the install scripts ran as the user of the builder')
  if (result.code !== 0) throw npmFailed(task, 'the install scripts of the dependencies (npm rebuild)', result)
}

/**
 * Runs `npm test` as the templates of OpenFaaS do, and fails the build when it fails. The placeholder that `npm init` writes does not count.
 * @throws WeftError `BUILD_FAILED` with the end of the output
 */
export async function runTests(task: NodeBuild, manifest: PackageJson): Promise<void> {
  if (!task.runtime.runsTests || !hasTests(manifest)) return
  task.progress('test', 'npm test')
  const result = await runNpm({ ...npmCall(task, false), args: ['test'] })
  if (!result.isolated) task.progress('test', 'there is no sandbox here: npm test ran as the user of the builder')
  if (result.code === 0) return
  const tail = condensedTail(task, result.output)
  throw buildFailed('test', `npm test failed:\n${tail}`, 'correct the handler or its test; the same runs in the source directory with: npm test')
}

function condensedTail(task: NodeBuild, output: string): string {
  const lines = output
    .replaceAll(`${task.source.root}/`, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^npm (?:error|ERR!|warn|notice)/.test(line))
  return lines.slice(-40).join('\n')
}

function npmCall(task: NodeBuild, registry: boolean): Omit<NpmCall, 'args'> {
  return { root: task.source.root, scratch: task.scratch, settings: task.npm, buildArgs: task.request.buildArgs ?? {}, registry }
}

function npmFailed(task: NodeBuild, what: string, result: NpmResult) {
  const { reason, help } = condenseNpmError(result.output, [task.source.root, task.scratch, task.npm.cacheDirectory])
  return buildFailed('dependencies', `${what}: ${reason}`, help)
}

async function firstOf(root: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const found = await access(join(root, name)).then(
      () => true,
      () => false,
    )
    if (found) return name
  }
  return undefined
}
