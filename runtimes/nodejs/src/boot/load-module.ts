import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const codeOf = (error: unknown): unknown => (typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined)

/**
 * What the user's module exports: `module.exports` of CommonJS, the namespace of an ES module. TypeScript runs by type stripping.
 * `require` comes first, as it gives `module.exports` itself; only a module with top-level await needs `import`.
 */
export async function loadModule(entry: string, directory: string): Promise<unknown> {
  const path = resolve(directory, entry)
  const require = createRequire(path)
  try {
    return require(path) as unknown
  } catch (error) {
    if (codeOf(error) === 'ERR_REQUIRE_ASYNC_MODULE') return import(pathToFileURL(path).href)
    throw error
  }
}

/** Adds to some errors of loading what the user can do about them. */
export function loadHint(error: unknown): string | undefined {
  switch (codeOf(error)) {
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return 'this TypeScript needs a build (enum, namespace, parameter properties): deploy it with weft build, or set erasableSyntaxOnly'
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return 'the entry must be .js, .cjs, .mjs, .ts, .cts or .mts'
    case 'MODULE_NOT_FOUND':
    case 'ERR_MODULE_NOT_FOUND':
      return 'a module is missing: name it in package.json (or --dependencies) so that the build installs it'
    default:
      return undefined
  }
}
