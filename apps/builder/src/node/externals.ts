import { access, readFile, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { build, type BuildFailure, type BuildResult, type Message } from 'esbuild'
import { commonOptions } from './bundle.ts'
import { hazardsOf } from './hazards.ts'
import type { PackageJson } from './package-json.ts'
import { dependencyClosure, findPackage, packageOf, productionNames } from './packages.ts'
import { insideOnly, leaveOut } from './plugins.ts'

/** Each round leaves out at least one more package; nobody needs this many. */
const MAX_ROUNDS = 50

/** What the look through the module graph found. */
interface Graph {
  /** Files that a bundle would hold, below the root. */
  readonly inputs: readonly string[]
  /** Imported file by importing file. */
  readonly imports: ReadonlyMap<string, readonly string[]>
}

/**
 * Chooses the packages that are shipped as files beside the bundle, with everything that they need: native modules, those that find files or modules by
 * their own place, and those that the bundler cannot read. When the handler itself looks up modules by computed names, all of them.
 */
export async function chooseExternals(root: string, entry: string, manifest: PackageJson): Promise<ReadonlySet<string>> {
  const { graph, unreadable } = await explore(root, entry)
  const tied = new Set(unreadable)
  for (const file of graph.inputs) {
    const owner = packageOf(file)
    const hazards = file.endsWith('.json') ? { dynamic: false, location: false } : hazardsOf(await readFile(join(root, file), 'utf8'))
    if (owner === undefined && hazards.dynamic) return everything(root, manifest)
    if (owner === undefined || tied.has(owner)) continue
    if (hazards.dynamic || hazards.location || (await isNative(root, owner))) tied.add(owner)
  }
  return withImports(root, graph, tied)
}

async function explore(root: string, entry: string): Promise<{ graph: Graph; unreadable: ReadonlySet<string> }> {
  const unreadable = new Set<string>()
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const outcome = await tryBundle(root, entry, unreadable)
    if ('graph' in outcome) return { graph: outcome.graph, unreadable }
    const blamed = outcome.errors.flatMap((error) => packageOf(relativeTo(root, error.location?.file ?? '')) ?? [])
    if (blamed.length === 0) break
    for (const name of blamed) unreadable.add(name)
  }
  // The errors are in the handler's own files: the real run of the bundler reports them.
  return { graph: { inputs: [], imports: new Map() }, unreadable }
}

const relativeTo = (root: string, file: string) => (file.startsWith('/') ? relative(root, file) : file)

async function tryBundle(root: string, entry: string, external: ReadonlySet<string>): Promise<{ graph: Graph } | { errors: readonly Message[] }> {
  try {
    const result = await build({ ...commonOptions(root, entry), format: 'esm', plugins: [insideOnly(root), leaveOut(root, entry, external)] })
    return { graph: graphOf(result) }
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>
    if (errors === undefined) throw error
    return { errors }
  }
}

function graphOf({ metafile }: BuildResult): Graph {
  const inputs = Object.entries(metafile?.inputs ?? {})
  const imports = inputs.map(([file, input]) => [file, input.imports.filter((found) => found.external !== true).map((found) => found.path)] as const)
  return { inputs: inputs.map(([file]) => file), imports: new Map(imports) }
}

async function isNative(root: string, directory: string): Promise<boolean> {
  const marks = ['binding.gyp', 'prebuilds', 'build/Release']
  const found = await Promise.all(
    marks.map((mark) =>
      access(join(root, directory, mark)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}

/** Adds what the chosen packages declare, and what they import without declaring it, so that each module exists once: as a file or in the bundle. */
async function withImports(root: string, graph: Graph, tied: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  let closure = await dependencyClosure(root, tied)
  for (;;) {
    const imported = [...graph.imports].flatMap(([file, targets]) =>
      closure.has(packageOf(file) ?? '') ? targets.flatMap((target) => packageOf(target) ?? []) : [],
    )
    const next = await dependencyClosure(root, [...closure, ...imported])
    if (next.size === closure.size) return closure
    closure = next
  }
}

async function everything(root: string, manifest: PackageJson): Promise<ReadonlySet<string>> {
  const names = productionNames(manifest)
  const found = await Promise.all((names.length > 0 ? names : await installedNames(root)).map((name) => findPackage(root, '.', name)))
  return dependencyClosure(
    root,
    found.filter((directory) => directory !== undefined),
  )
}

/** A `node_modules` that came with the source and no package.json that declares it. */
async function installedNames(root: string): Promise<string[]> {
  const modules = join(root, 'node_modules')
  const names = await readdir(modules).catch(() => [])
  const nested = names.map(async (name) => (name.startsWith('@') ? (await readdir(join(modules, name))).map((inner) => `${name}/${inner}`) : [name]))
  return (await Promise.all(nested)).flat().filter((name) => !name.startsWith('.'))
}
