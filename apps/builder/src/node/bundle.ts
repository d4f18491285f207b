import { basename, dirname, extname, join, posix } from 'node:path'
import { stat } from 'node:fs/promises'
import { build, type BuildFailure, type BuildOptions, type Message, type Plugin } from 'esbuild'
import { messageOf } from '@weft/core'
import { buildFailed } from '../failures.ts'
import { codeFrames } from './code-frame.ts'

/** Module format of a bundle; the one of its source. */
export type ModuleFormat = 'cjs' | 'esm'

/** A bundle that is not written yet. */
export interface Bundle {
  /** Path of the bundle below the source's root; it stands beside its source file, so that relative paths mean the same. */
  readonly entry: string
  readonly code: Uint8Array
  readonly map: Uint8Array
  /** Names that an ES module exports; `undefined` where only running tells. */
  readonly exports: readonly string[] | undefined
  readonly warnings: readonly string[]
}

/** A computed `import()` of a relative path, as seen from the file in which it stands. */
const IMPORT_BANNER = `const __weftImport = (path) => (name, options) => import(/^\\.{0,2}\\//.test(name) ? new URL(name, __weftUrl(path)).href : name, options);`

/** Helpers that a bundle may use; the names are ours alone. */
const BANNERS: Readonly<Record<ModuleFormat, string>> = {
  cjs: [
    `const __weftFile = (path) => require('node:path').join(__dirname, path);`,
    `const __weftUrl = (path) => require('node:url').pathToFileURL(__weftFile(path)).href;`,
    `const __weftRequire = (path) => require('node:module').createRequire(__weftFile(path));`,
    IMPORT_BANNER,
  ].join(' '),
  esm: [
    `import { createRequire as __weftCreateRequire } from 'node:module';`,
    `import { join as __weftJoin } from 'node:path';`,
    `const require = __weftCreateRequire(import.meta.url);`,
    `import { pathToFileURL as __weftPathToUrl } from 'node:url';`,
    `const __weftFile = (path) => __weftJoin(import.meta.dirname, path);`,
    `const __weftUrl = (path) => __weftPathToUrl(__weftFile(path)).href;`,
    `const __weftRequire = (path) => __weftCreateRequire(__weftFile(path));`,
    IMPORT_BANNER,
  ].join(' '),
}

/** What every run of the bundler shares. Paths are relative to the source, so that nothing of the machine gets into the output. */
export function commonOptions(root: string, entry: string): BuildOptions {
  return {
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    target: 'node24',
    charset: 'utf8',
    keepNames: true,
    metafile: true,
    write: false,
    logLevel: 'silent',
  }
}

/**
 * Bundles the entry and everything that it needs.
 * @throws WeftError `BUILD_FAILED` with code frames
 */
export async function bundle(root: string, entry: string, format: ModuleFormat, plugins: readonly Plugin[]): Promise<Bundle> {
  const output = await outputName(root, entry, format)
  const result = await runBundler(root, {
    ...commonOptions(root, entry),
    outfile: join(root, output),
    allowOverwrite: true,
    format,
    sourcemap: 'linked',
    sourcesContent: true,
    banner: { js: BANNERS[format] },
    plugins: [...plugins],
  })
  const files = new Map(result.outputFiles?.map((file) => [extname(file.path), file.contents]))
  const exported = Object.values(result.metafile?.outputs ?? {}).find((out) => out.entryPoint !== undefined)?.exports
  return {
    entry: output,
    code: files.get(extname(output)) ?? new Uint8Array(),
    map: files.get('.map') ?? new Uint8Array(),
    exports: format === 'esm' ? exported : undefined,
    warnings: result.warnings.map((warning) => codeFrames([warning], root)),
  }
}

/** Runs esbuild and turns its errors into ours. @throws WeftError `BUILD_FAILED` */
export async function runBundler(root: string, options: BuildOptions) {
  try {
    return await build(options)
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>
    if (errors === undefined) throw error
    throw buildFailed('bundle', codeFrames(errors, root) || messageOf(error), helpFor(errors), error)
  }
}

function helpFor(errors: readonly Message[]): string {
  const missing = errors.map((error) => /^Could not resolve "([^"./][^"]*)"/.exec(error.text)?.[1]).find((name) => name !== undefined)
  if (missing === undefined) return 'correct the named place and build again'
  return `put ${missing} into the dependencies (not devDependencies) of package.json: npm install ${missing}; or name a package.json with --dependencies`
}

const ENDINGS: Readonly<Record<ModuleFormat, string>> = { cjs: '.cjs', esm: '.mjs' }

async function outputName(root: string, entry: string, format: ModuleFormat): Promise<string> {
  const stem = posix.join(dirname(entry), basename(entry, extname(entry)))
  for (const name of [stem, `${stem}.bundle`, `${stem}.weft-bundle`]) {
    const taken = await stat(join(root, name + ENDINGS[format])).then(
      () => true,
      () => false,
    )
    // In the artifact the bundle may stand for the entry itself, but for no other file.
    if (!taken || name + ENDINGS[format] === entry) return name + ENDINGS[format]
  }
  throw buildFailed('bundle', `there is no free name for the bundle beside ${entry}`)
}

/**
 * The module format of an entry: what its ending, its package.json or its syntax says; TypeScript without any is an ES module.
 * @throws WeftError `BUILD_FAILED` for syntax errors
 */
export async function formatOf(root: string, entry: string, packageType: 'module' | 'commonjs' | undefined): Promise<ModuleFormat> {
  if (/\.[cm][jt]s$/.test(entry)) return entry.at(-3) === 'm' ? 'esm' : 'cjs'
  const alone: Plugin = {
    name: 'entry-alone',
    setup: (run) => run.onResolve({ filter: /.*/ }, ({ kind, path }) => (kind === 'entry-point' ? undefined : { path, external: true })),
  }
  const { metafile } = await runBundler(root, { ...commonOptions(root, entry), format: 'esm', plugins: [alone] })
  const syntax = Object.values(metafile?.inputs ?? {}).find((input) => input.format !== undefined)?.format
  if (syntax !== undefined) return syntax
  if (packageType !== undefined) return packageType === 'module' ? 'esm' : 'cjs'
  return /\.tsx?$/.test(entry) ? 'esm' : 'cjs'
}
