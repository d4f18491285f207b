/** Why a module cannot be moved into a bundle as it is. */
export interface Hazards {
  /** Asks where its file is (`__dirname`, `import.meta.url`): the place must stay right. */
  readonly location: boolean
  /** Finds modules by computed names (`require(name)`, `require.resolve`, `createRequire`): they must be there as files. */
  readonly dynamic: boolean
}

const LOCATION = /\b__dirname\b|\b__filename\b|\bimport\.meta\b/
const DYNAMIC =
  /\brequire\s*\.\s*(?:resolve|main|cache|extensions)\b|\bmodule\s*\.\s*(?:paths|parent|children|require)\b|\bcreateRequire\b|\bimport\.meta\.resolve\b|\beval\s*\(\s*['"`]require/
/** `require(` or `import(` with anything else than one literal; a template literal counts as one when nothing is computed in it. */
const COMPUTED = /(?<![\w$.])(require|import)\s*\(\s*(?!\s*(?:\/\*[^*]*\*\/\s*)?(?:'[^'\n]*'|"[^"\n]*"|`[^`$]*`)\s*[,)])(?!\s*\))/
const COMPUTED_ALL = new RegExp(COMPUTED, 'g')
const RESOLVE = /(?<![\w$.])require(\s*\.\s*resolve\b)/g

/**
 * Looks for the constructs that tie a module to its place. A guess that errs towards "tied": what is taken for tied wrongly is shipped as files and still
 * works.
 */
export function hazardsOf(code: string): Hazards {
  const text = withoutComments(code)
  return { location: LOCATION.test(text), dynamic: DYNAMIC.test(text) || COMPUTED.test(text) }
}

/** Drops whole-line and block comments that start a line; those inside of code stay, which only errs to the safe side. */
function withoutComments(code: string): string {
  return code.replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, '').replaceAll(/^\s*\/\/.*$/gm, '')
}

/**
 * Has computed `require(…)`, `import(…)` and `require.resolve` go through the helpers of the bundle, which look from the place of the file.
 * Files that make a `require` of their own are left as they are: theirs is right already.
 */
export function lookFromPlace(code: string, file: string): string {
  const place = JSON.stringify(file)
  const imports = code.replaceAll(COMPUTED_ALL, (whole, word: string) => (word === 'import' ? whole.replace('import', `__weftImport(${place})`) : whole))
  if (/\bcreateRequire\b/.test(code)) return imports
  const requires = imports.replaceAll(COMPUTED_ALL, (whole, word: string) => (word === 'require' ? whole.replace('require', `__weftRequire(${place})`) : whole))
  return requires.replaceAll(RESOLVE, (_, resolve: string) => `__weftRequire(${place})${resolve}`)
}
