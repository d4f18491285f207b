import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { dirname, extname, posix, relative } from 'node:path'
import type { Loader, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import { hazardsOf, lookFromPlace } from './hazards.ts'
import { isInside, packageOf } from './packages.ts'

const LOADERS: Readonly<Record<string, Loader>> = {
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
}

/** Refuses files outside the source: what a bundle imports must have been sent, not merely lie on the machine that builds. */
export function insideOnly(root: string): Plugin {
  return {
    name: 'inside-only',
    setup(run) {
      run.onLoad({ filter: /.*/ }, async ({ path }) => {
        if (await isInside(root, path)) return undefined
        return { errors: [{ text: 'the file is outside the source and is not bundled' }] }
      })
    },
  }
}

/** Leaves native modules (`*.node`) and the given packages out of the bundle; they are found as files. */
export function leaveOut(root: string, entry: string, external: ReadonlySet<string>): Plugin {
  return {
    name: 'leave-out',
    setup(run) {
      run.onResolve({ filter: /.*/ }, (args) => resolveOutside(run, args, root, entry, external))
    },
  }
}

const ASKED = Symbol('already asked')

async function resolveOutside(
  run: PluginBuild,
  args: OnResolveArgs,
  root: string,
  entry: string,
  external: ReadonlySet<string>,
): Promise<OnResolveResult | undefined> {
  const bare = !/^(?:\.{0,2}\/|\.{1,2}$|#)/.test(args.path)
  if (args.pluginData === ASKED || args.kind === 'entry-point' || isBuiltin(args.path)) return undefined
  if (!bare && !args.path.endsWith('.node')) return undefined
  const { kind, importer, resolveDir, namespace } = args
  const found = await run.resolve(args.path, { kind, importer, resolveDir, namespace, pluginData: ASKED })
  if (found.errors.length > 0 || found.external) return undefined
  const path = relative(root, found.path)
  const owner = packageOf(path)
  const native = path.endsWith('.node')
  // A JSON module needs import attributes in ES modules, and is the same wherever it is.
  if (path.endsWith('.json') || !(native || (owner !== undefined && external.has(owner)))) return undefined
  const atTop = owner !== undefined && bare && owner.indexOf('node_modules/') === owner.lastIndexOf('node_modules/') && owner.startsWith('node_modules/')
  const own = packageOf(relative(root, importer)) === undefined
  return { path: own && atTop ? args.path : fromEntry(entry, path), external: true }
}

function fromEntry(entry: string, path: string): string {
  const way = posix.relative(dirname(entry), path)
  return way.startsWith('.') ? way : `./${way}`
}

const DECLARES_PLACE = /\b(?:const|let|var)\b[^;=]*\b__(?:dirname|filename)\b/

/** Makes `__dirname`, `__filename`, `import.meta` and computed imports in the handler's own files mean the place of that file, where it also is in the artifact. */
export function keepPlaces(root: string, entry: string): Plugin {
  return {
    name: 'keep-places',
    setup(run) {
      run.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
        const file = relative(root, path)
        if (packageOf(file) !== undefined) return undefined
        const code = await readFile(path, 'utf8')
        const { location, dynamic } = hazardsOf(code)
        if (!location && !dynamic) return undefined
        return { contents: lookFromPlace(placed(code, fromEntry(entry, file)), fromEntry(entry, file)), loader: LOADERS[extname(path)] ?? 'js' }
      })
    },
  }
}

function placed(code: string, file: string): string {
  const [self, directory] = [`__weftFile(${JSON.stringify(file)})`, `__weftFile(${JSON.stringify(posix.dirname(file))})`]
  const meta = code
    .replaceAll(/\bimport\.meta\.url\b/g, `__weftUrl(${JSON.stringify(file)})`)
    .replaceAll(/\bimport\.meta\.filename\b/g, self)
    .replaceAll(/\bimport\.meta\.dirname\b/g, directory)
  return DECLARES_PLACE.test(code) ? meta : meta.replaceAll(/\b__filename\b/g, self).replaceAll(/\b__dirname\b/g, directory)
}
