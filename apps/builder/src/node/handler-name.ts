/** A `--handler` read: the module and the export in it, as far as it names them. */
export interface HandlerName {
  readonly module?: string
  readonly exportName?: string
}

const EXTENSION = /\.(?:[cm]?[jt]s)$/
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u

/**
 * Reads `file.export` (Kubeless), `file.js`, `./dir/file.export` or `export`.
 * With a single file only the export part counts (contracts/kubeless §7.4: `--handler temp.sample` for `tempv1.js`).
 */
export function readHandlerName(text: string | undefined, singleFile: boolean): HandlerName {
  if (text === undefined || text === '' || text === '.') return {}
  if (EXTENSION.test(text)) return singleFile ? {} : { module: text }
  const dot = text.lastIndexOf('.')
  const exportName = text.slice(dot + 1)
  if (dot < 0) return IDENTIFIER.test(text) ? { exportName: text } : { module: text }
  if (!IDENTIFIER.test(exportName)) return { module: text }
  const module = text.slice(0, dot)
  return singleFile || module === '' ? { exportName } : { module, exportName }
}
