import { escapeRe2 } from '../read/regex.ts'
import type { PathMatch, StringMatch } from '../snapshot.ts'

/** Whether a text fulfils a condition of a policy. Policies have no regular expressions; one would hold for nothing. */
export function textHolds(match: StringMatch, text: string): boolean {
  switch (match.kind) {
    case 'exact':
      return text === match.value
    case 'prefix':
      return text.startsWith(match.value)
    case 'suffix':
      return text.endsWith(match.value)
    case 'present':
      return text !== ''
    case 'regex':
      return false
    default:
      return match satisfies never
  }
}

/** Whether a path fulfils a condition. */
export function pathHolds(match: PathMatch, path: string): boolean {
  return match.kind === 'template' ? new RegExp(`^(?:${templateRegex(match.value)})$`, 's').test(path) : textHolds(match, path)
}

/** A path template as a regular expression that JavaScript and RE2 read alike; it never backtracks over more than one segment. */
export function templateRegex(template: string): string {
  return template
    .split(/(\{\*{1,2}\})/)
    .map((part) => (part === '{*}' ? '[^/]+' : part === '{**}' ? '.*' : escapeRe2(part)))
    .join('')
}

/**
 * All values of a header, joined by commas as a proxy keeps them, as an expression over the whole: each is one of what `matches` allow. A comma with a
 * blank behind it is part of a value, for no value begins with a blank (RFC 9110 §5.5); any other comma may part two values, and is taken to.
 */
export function everyValueRegex(matches: readonly StringMatch[]): string {
  const one = `(?:${matches.map(valueRegex).join('|')})`
  return `${one}(?:,${one})*`
}

const ANYTHING = '(?:[^,]|, )*'

function valueRegex(match: StringMatch): string {
  switch (match.kind) {
    case 'exact':
      return escapeRe2(match.value)
    case 'prefix':
      return escapeRe2(match.value) + ANYTHING
    case 'suffix':
      return ANYTHING + escapeRe2(match.value)
    case 'present':
      return `(?:[^,]|, )+`
    case 'regex':
      return '[^\\s\\S]'
    default:
      return match satisfies never
  }
}
