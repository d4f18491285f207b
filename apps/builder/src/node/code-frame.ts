import { isAbsolute, relative } from 'node:path'
import type { Message } from 'esbuild'

/** At most this many errors are shown in full. */
const SHOWN = 5

/**
 * Errors of the bundler as text: file, line and column (from 1), the reason, and the line with a mark under the place.
 * @param root of the source, so that paths are those of the user
 */
export function codeFrames(errors: readonly Message[], root: string): string {
  const frames = errors.slice(0, SHOWN).map((error) => codeFrame(error, root))
  const more = errors.length > SHOWN ? [`and ${errors.length - SHOWN} more errors`] : []
  return [...frames, ...more].join('\n')
}

function codeFrame({ text, location, notes }: Message, root: string): string {
  // esbuild's advice is about its own options, which nobody sets here.
  const said = notes.filter((note) => !note.text.startsWith('You can mark the path')).map((note) => `  note: ${note.text}`)
  if (location === null) return [text, ...said].join('\n')
  const file = isAbsolute(location.file) ? relative(root, location.file) : location.file
  const line = String(location.line)
  // Tabs are kept in the padding, so that the mark stands under its column in any terminal.
  const padding = location.lineText.slice(0, location.column).replace(/[^\t]/g, ' ')
  const mark = '^'.repeat(Math.max(1, Math.min(location.length, location.lineText.length - location.column)))
  const frame = [`${file}:${line}:${location.column + 1}: ${text}`, `  ${line} | ${location.lineText}`, `  ${' '.repeat(line.length)} | ${padding}${mark}`]
  return [...frame, ...said].join('\n')
}
