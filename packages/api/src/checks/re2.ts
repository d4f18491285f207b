const MAX_LENGTH = 1024
const MAX_REPEAT = 1000

/**
 * Why RE2 (https://github.com/google/re2/wiki/Syntax) would refuse an expression, or `undefined` when it takes it. The expression is read and never run,
 * so that none can be slow.
 */
export function re2Problem(pattern: string): string | undefined {
  if (pattern.length > MAX_LENGTH) return `the regular expression has more than ${MAX_LENGTH} characters`
  if (!pattern.isWellFormed()) return 'the regular expression is not valid Unicode'
  try {
    const reader = new Reader(pattern)
    reader.alternatives(0)
    return reader.atEnd ? undefined : 'the regular expression has a ")" without its "("'
  } catch (problem) {
    if (problem instanceof Refusal) return `the regular expression ${problem.reason}`
    throw problem
  }
}

class Refusal {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

const MAX_NESTING = 100

class Reader {
  readonly #chars: readonly string[]
  #at = 0
  readonly #names = new Set<string>()

  constructor(pattern: string) {
    this.#chars = Array.from(pattern)
  }

  get atEnd(): boolean {
    return this.#at >= this.#chars.length
  }

  /** Reads up to a `)` or the end. @returns the largest product of repetitions inside */
  alternatives(depth: number): number {
    if (depth > MAX_NESTING) throw new Refusal(`is nested deeper than ${MAX_NESTING} groups`)
    let most = 1
    while (!this.atEnd && this.#peek() !== ')') {
      if (this.#take('|')) continue
      most = Math.max(most, this.#repeated(depth))
    }
    return most
  }

  #repeated(depth: number): number {
    const inside = this.#atom(depth)
    const count = this.#quantifier()
    if (count === undefined) return inside
    this.#take('?')
    if (this.#startsQuantifier()) throw new Refusal('has one repetition after another')
    const product = inside * Math.max(1, count)
    if (product > MAX_REPEAT) throw new Refusal(`repeats more than ${MAX_REPEAT} times`)
    return product
  }

  #atom(depth: number): number {
    if (this.#startsCount()) throw new Refusal('has nothing before its "{"')
    const char = this.#next()
    if (char === '(') return this.#group(depth)
    if (char === '[') this.#set()
    else if (char === '\\') this.#escape(false)
    else if (char === '*' || char === '+' || char === '?') throw new Refusal(`has nothing before its "${char}"`)
    return 1
  }

  #group(depth: number): number {
    if (this.#take('?')) {
      if (this.#take('P') || this.#peek() === '<') this.#groupName()
      else if (this.#groupFlags()) return 1
    }
    const most = this.alternatives(depth + 1)
    if (!this.#take(')')) throw new Refusal('has a "(" without its ")"')
    return most
  }

  #groupName(): void {
    if (!this.#take('<')) throw new Refusal('has a group that RE2 does not know')
    if (this.#peek() === '=' || this.#peek() === '!') throw new Refusal('looks behind, which RE2 does not know')
    const name = this.#until('>')
    if (!/^\w+$/.test(name)) throw new Refusal(`has a group with the name "${name}"`)
    if (this.#names.has(name)) throw new Refusal(`has two groups with the name ${name}`)
    this.#names.add(name)
  }

  /** Reads `i:` of `(?i:…)` or `i)` of `(?i)`. @returns whether the group ends with it */
  #groupFlags(): boolean {
    if (this.#peek() === '=' || this.#peek() === '!') throw new Refusal('looks ahead, which RE2 does not know')
    let flags = ''
    while (!this.atEnd && /[imsU-]/.test(this.#peek())) flags += this.#next()
    if (!/^([imsU]*|[imsU]*-[imsU]+)$/.test(flags)) throw new Refusal(`has the flags "${flags}"`)
    if (flags !== '' && this.#take(')')) return true
    if (!this.#take(':')) throw new Refusal(`has a group "(?${this.#peek()}" that RE2 does not know`)
    return false
  }

  #set(): void {
    this.#take('^')
    for (let first = true; ; first = false) {
      if (this.atEnd) throw new Refusal('has a "[" without its "]"')
      if (!first && this.#take(']')) return
      const low = this.#setItem()
      if (this.#peek() !== '-' || this.#peek(1) === ']' || this.#peek(1) === '') continue
      this.#next()
      const high = this.#setItem()
      if (low === undefined || high === undefined || low > high) throw new Refusal('has a range in "[ ]" that runs backwards')
    }
  }

  /** @returns the code point, `undefined` for a class */
  #setItem(): number | undefined {
    if (this.#peek() === '[' && this.#peek(1) === ':') {
      const name = this.#rest().match(/^\[:(\^?)(alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/)
      if (name === null) throw new Refusal('has a class "[: :]" that RE2 does not know')
      this.#at += name[0].length
      return undefined
    }
    const char = this.#next()
    return char === '\\' ? this.#escape(true) : char.codePointAt(0)
  }

  /** @returns the code point where it is one character */
  #escape(inSet: boolean): number | undefined {
    if (this.atEnd) throw new Refusal('ends with a "\\"')
    const char = this.#next()
    if (/[afnrtv]/.test(char)) return { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }[char]
    if (/[dDsSwW]/.test(char)) return undefined
    if (char === 'p' || char === 'P') return this.#property()
    if (char === 'x') return this.#hexadecimal()
    if (char === 'Q') throw new Refusal('has "\\Q", which is not taken here: escape each character')
    if (/[bBAz]/.test(char) && !inSet) return undefined
    if (/[1-9k]/.test(char)) throw new Refusal('refers back to a group, which RE2 does not know')
    if (/[A-Za-z0-9]/.test(char)) throw new Refusal(`has "\\${char}", which RE2 does not know`)
    if ((char.codePointAt(0) ?? 0) > 127) throw new Refusal(`has "\\${char}", which RE2 does not know`)
    return char.codePointAt(0)
  }

  #property(): undefined {
    const name = this.#take('{') ? this.#until('}') : this.#next()
    if (!/^\^?[A-Z][A-Za-z_]*$/.test(name)) throw new Refusal(`has the character class "${name}"`)
    try {
      void new RegExp(`\\p{${name.length > 2 ? `Script=${name.replace('^', '')}` : name.replace('^', '')}}`, 'u')
    } catch {
      throw new Refusal(`has the character class "${name}", which is not known`)
    }
    return undefined
  }

  #hexadecimal(): number {
    const digits = this.#take('{') ? this.#until('}') : this.#next() + this.#next()
    const point = /^[0-9A-Fa-f]{1,8}$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
    if (Number.isNaN(point) || point > 0x10ffff) throw new Refusal('has a "\\x" without a character number')
    return point
  }

  /** @returns how often at most (1 for `*`, `+`, `?`), `undefined` when there is no quantifier */
  #quantifier(): number | undefined {
    if (this.#take('*') || this.#take('+') || this.#take('?')) return 1
    if (!this.#startsCount()) return undefined
    const [text = '', low = '0', , high] = this.#count() ?? []
    this.#at += text.length
    const most = Math.max(Number(low), Number(high === undefined || high === '' ? low : high))
    if (most > MAX_REPEAT) throw new Refusal(`repeats more than ${MAX_REPEAT} times`)
    if (high !== undefined && high !== '' && Number(high) < Number(low)) throw new Refusal('repeats at least more often than at most')
    return most
  }

  #startsQuantifier(): boolean {
    return /[*+?]/.test(this.#peek()) || this.#startsCount()
  }

  #startsCount(): boolean {
    return this.#count() !== null
  }

  /** `{2}`, `{2,}`, `{2,3}`; anything else in braces is just text. */
  #count(): RegExpMatchArray | null {
    return this.#peek() === '{'
      ? this.#chars
          .slice(this.#at, this.#at + 24)
          .join('')
          .match(/^\{(\d+)(,(\d*))?\}/)
      : null
  }

  #rest(): string {
    return this.#chars.slice(this.#at).join('')
  }

  #peek(ahead = 0): string {
    return this.#chars[this.#at + ahead] ?? ''
  }

  #next(): string {
    const char = this.#chars[this.#at] ?? ''
    this.#at += 1
    return char
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false
    this.#at += 1
    return true
  }

  #until(end: string): string {
    let text = ''
    while (!this.atEnd && this.#peek() !== end) text += this.#next()
    if (!this.#take(end)) throw new Refusal(`lacks a "${end}"`)
    return text
  }
}
