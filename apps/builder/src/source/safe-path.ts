import { sourceRefused } from '../failures.ts'

// oxlint-disable-next-line no-control-regex -- these are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/
const DRIVE = /^[A-Za-z]:/

/**
 * Reads a path of an archive or of inline files as a path below the source directory.
 * @returns segments; none for the directory itself
 * @throws WeftError `SOURCE_REFUSED` for absolute paths, parent paths, back slashes, control characters and names that are too long
 */
export function safeSegments(raw: string): readonly string[] {
  const show = JSON.stringify(raw.slice(0, 200))
  if (CONTROL.test(raw)) throw sourceRefused(`the path ${show} has control characters`)
  if (raw.startsWith('/') || DRIVE.test(raw)) throw sourceRefused(`the path ${show} is absolute`)
  if (raw.includes('\\')) throw sourceRefused(`the path ${show} has a back slash`)
  const segments = raw.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) throw sourceRefused(`the path ${show} leads out of the source`)
  if (raw.length > 1024 || segments.some((segment) => Buffer.byteLength(segment) > 255)) throw sourceRefused(`the path ${show} is too long`)
  return segments
}

/** Case folding and Unicode forms that some file system takes for one name. */
const fold = (path: string) => path.normalize('NFKC').toLowerCase()

/**
 * Remembers the paths of one source and refuses what would overwrite: the same name twice, names that differ only in case or Unicode form, and a file where
 * a directory is.
 */
export class PathRegister {
  readonly #kinds = new Map<string, { readonly path: string; readonly kind: 'file' | 'directory' }>()

  /** @throws WeftError `SOURCE_REFUSED` */
  add(segments: readonly string[], kind: 'file' | 'directory'): void {
    for (let length = 1; length < segments.length; length++) this.#enter(segments.slice(0, length).join('/'), 'directory')
    if (segments.length > 0) this.#enter(segments.join('/'), kind)
  }

  #enter(path: string, kind: 'file' | 'directory'): void {
    const known = this.#kinds.get(fold(path))
    if (known === undefined) {
      this.#kinds.set(fold(path), { path, kind })
      return
    }
    if (known.path !== path) throw sourceRefused(`the names "${known.path}" and "${path}" differ only in case or Unicode form`, 'rename one of them')
    if (known.kind !== kind) throw sourceRefused(`"${path}" is a file and a directory at once`)
    if (kind === 'file') throw sourceRefused(`"${path}" is there twice`)
  }
}
