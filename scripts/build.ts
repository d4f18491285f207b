/**
 * `npm run build`: makes the npm package `weft` in `apps/cli` ready for `npm pack` (which runs it): bundles in `dist/`, the files that they need beside
 * them, and the licences of all that was bundled. Only esbuild and Node.js itself stay dependencies.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleRuntimes } from '@weft/provider/process'
import { build, type Metafile } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PACKAGE = join(ROOT, 'apps/cli')
const DIST = join(PACKAGE, 'dist')

rmSync(DIST, { recursive: true, force: true })
mkdirSync(DIST)
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: {
    main: 'apps/cli/src/main.ts',
    kubeless: 'apps/cli/src/kubeless.ts',
    'mesh-worker': 'apps/mesh/src/worker/worker.ts',
    'build-worker': 'apps/builder/src/worker/main.ts',
  },
  outdir: DIST,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['esbuild'],
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
})
const runtimes = await bundleRuntimes(DIST)
for (const kind of ['nodejs', 'process'] as const) renameSync(runtimes[kind], join(DIST, `runtime-${kind}.cjs`))
cpSync(join(ROOT, 'apps/builder/catalogue.yaml'), join(DIST, 'catalogue.yaml'))
cpSync(join(ROOT, 'apps/builder/templates'), join(DIST, 'templates'), { recursive: true })
for (const name of ['LICENSE', 'README.md']) cpSync(join(ROOT, name), join(PACKAGE, name))
writeFileSync(join(DIST, 'LICENSES.txt'), licences(metafile))

/** The licence texts of the packages that went into the bundles. */
function licences({ inputs }: Metafile): string {
  const packages = new Set(Object.keys(inputs).flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []))
  const texts = [...packages].toSorted().map((path) => {
    const directory = join(ROOT, path)
    const { name, version, license } = JSON.parse(readFileSync(manifestOf(directory), 'utf8')) as { name: string; version: string; license?: string }
    const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry))
    return `${name} ${version} (${license ?? 'see below'})\n\n${file === undefined ? '' : readFileSync(join(directory, file), 'utf8')}`
  })
  return texts.join(`\n${'-'.repeat(80)}\n`)
}

function manifestOf(directory: string): string {
  const path = join(directory, 'package.json')
  return existsSync(path) || dirname(directory) === directory ? path : manifestOf(dirname(directory))
}
