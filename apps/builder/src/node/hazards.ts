/** Why a module cannot be moved into a bundle as it is. */
export interface Hazards {
  /** Asks where its file is (`__dirname`, `import.meta.url`): the place must stay right. */
  readonly location: boolean
  /** Finds modules by computed names (`require(name)`, `require.resolve`, `createRequire`): they must be there as files. */
  readonly dynamic: boolean
}

const LOCATION = /\b__dirname\b|\b__filename\b|\bimport\.meta\b/
const DYNAMIC = /\brequire\s*\.\s*(?:resolve|main|cache|extensions)\b|\bmodule\s*\.\s*(?:paths|parent|children|require)\b|\bcreateRequire\b|\bimport\.meta\.resolve\b|\beval\s*\(\s*['"`]require/
/** `require(` or `import(` with anything else than one literal; a template literal counts as one when nothing is computed in it. */
const COMPUTED = /(?<![\w$.])(?:require|import)\s*\(\s*(?!\s*(?:\/\*[^*]*\*\/\s*)?(?:'[^'\n]*'|"[^"\n]*"|`[^`$]*`)\s*[,)])(?!\s*\))/

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
