/**
 * Shell patterns without regular expressions (a pattern from a file cannot take long): `*`, `?`, `[abc]`, `[a-z]`, `[!x]`, `\` before a literal.
 * The time is proportional to pattern times text.
 */
export function globMatches(pattern: string, text: string): boolean {
  const units = parseUnits(pattern)
  const characters = Array.from(text)
  let [unit, at, star, resume] = [0, 0, -1, 0]
  while (at < characters.length) {
    const current = units[unit]
    if (current === 'star') {
      star = unit++
      resume = at
    } else if (current !== undefined && current(characters[at] ?? '')) {
      unit++
      at++
    } else if (star >= 0) {
      unit = star + 1
      at = ++resume
    } else return false
  }
  return units.slice(unit).every((rest) => rest === 'star')
}

type Unit = 'star' | ((character: string) => boolean)

function parseUnits(pattern: string): Unit[] {
  const units: Unit[] = []
  const source = Array.from(pattern)
  for (let i = 0; i < source.length; i++) {
    const character = source[i] ?? ''
    const close = character === '[' ? source.indexOf(']', i + 2) : -1
    if (character === '*') units.push('star')
    else if (character === '?') units.push(() => true)
    else if (close > 0) {
      units.push(classOf(source.slice(i + 1, close)))
      i = close
    } else {
      const literal = character === '\\' && i + 1 < source.length ? (source[++i] ?? '') : character
      units.push((given) => given === literal)
    }
  }
  return units
}

function classOf(members: readonly string[]): (character: string) => boolean {
  const negated = members[0] === '!' || members[0] === '^'
  const set = negated ? members.slice(1) : members
  return (character) => {
    let inside = false
    for (let i = 0; i < set.length; i++) {
      const [from = '', dash, to] = set.slice(i, i + 3)
      if (dash === '-' && to !== undefined) {
        inside ||= from <= character && character <= to
        i += 2
      } else inside ||= from === character
    }
    return inside !== negated
  }
}
