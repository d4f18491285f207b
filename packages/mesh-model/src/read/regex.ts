const MAX_LENGTH = 1024
/** RE2 refuses more repetitions than this. */
const MAX_REPEAT = 1000
/** What JavaScript knows and RE2 does not: look-around, back references, possessive and atomic groups. */
const NOT_RE2 = /\(\?(?:[=!>]|<[=!])|\\[1-9]|\\k</

/**
 * Why a pattern would be refused by Envoy (RE2), as far as that can be told without RE2; what still gets through is set aside by the xDS server.
 * Patterns are never run here, so that none can be slow.
 */
export function regexProblem(pattern: string): string | undefined {
  if (pattern.length > MAX_LENGTH) return `the regular expression is longer than ${MAX_LENGTH} characters`
  const bare = pattern.replace(/\\\\/g, '')
  if (NOT_RE2.test(bare)) return 'the regular expression has look-around or back references, which RE2 does not know'
  for (const [, low = '0', high = low] of bare.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    if (Math.max(Number(low), Number(high === '' ? low : high)) > MAX_REPEAT) return `the regular expression repeats more than ${MAX_REPEAT} times`
  }
  try {
    void new RegExp(pattern.replace(/\(\?[imsU-]+(:|\))/g, (_all, end: string) => (end === ':' ? '(?:' : '')).replaceAll('(?P<', '(?<'))
    return undefined
  } catch {
    return 'the regular expression cannot be parsed'
  }
}

/** A text as an RE2 expression that matches just it. */
export function escapeRe2(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|-]/g, '\\$&')
}
