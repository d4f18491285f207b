/** A block of a documentation page that is run: commands, and what they should print, line by line as regular expressions. */
export interface PageBlock {
  readonly commands: string
  /** The commands must end with an error. */
  readonly fails: boolean
  readonly prints: readonly RegExp[]
  /** Line of the page, for messages. */
  readonly line: number
}

/** Reads the blocks marked `sh` (or `sh fails`) of a Markdown page, each with the `prints` block behind it, if there is one before the next. */
export function readBlocks(markdown: string): readonly PageBlock[] {
  const blocks: { commands: string; fails: boolean; prints: RegExp[]; line: number }[] = []
  const fence = /^```(\w+)?( \w+)?\n([\s\S]*?)^```$/gm
  for (const match of markdown.matchAll(fence)) {
    const [, language, mark, body = ''] = match
    const line = markdown.slice(0, match.index).split('\n').length
    if (language === 'sh') blocks.push({ commands: body, fails: mark?.trim() === 'fails', prints: [], line })
    if (language === 'prints') {
      for (const text of body.trimEnd().split('\n')) blocks.at(-1)?.prints.push(new RegExp(`^${text}$`, 'm'))
    }
  }
  return blocks
}
