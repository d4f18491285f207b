import { WeftError } from '@weft/core'
import { globMatches } from './glob.ts'

/** Value of a variable; `undefined` when it is not set. */
export type Lookup = (name: string) => string | undefined

/**
 * Expands `${…}` as drone/envsubst does, which faas-cli runs over stack.yaml (its documented table of functions, and `:+`, `+`, `:?`, `?` of POSIX beside):
 * defaults, length, case, offset, stripping and replacing by shell patterns; arguments may hold `${…}` again. `$${` stands for `${`, a `$` without a brace
 * for itself, a variable that is not set for nothing.
 * @param file name of the text, for messages
 * @throws WeftError `INVALID_STACK` with the line
 */
export function envsubst(text: string, lookup: Lookup, file: string): string {
  return new Expander(text, lookup, file).run()
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*|[0-9]+/y
const OPERATOR = /:-|:=|:\+|:\?|-|=|\+|\?|##|#|%%|%|\/\/|\/#|\/%|\/|\^\^|\^|,,|,|:/y
/** Expansions in arguments of expansions; more is a mistake. */
const MAX_DEPTH = 32

class Expander {
  readonly #text: string
  readonly #lookup: Lookup
  readonly #file: string
  #at = 0
  #depth = 0

  constructor(text: string, lookup: Lookup, file: string) {
    this.#text = text
    this.#lookup = lookup
    this.#file = file
  }

  run(): string {
    return this.#until(() => false)
  }

  #until(stop: () => boolean): string {
    let out = ''
    while (this.#at < this.#text.length && !stop()) {
      if (this.#text.startsWith('$${', this.#at)) {
        out += '${'
        this.#at += 3
      } else if (this.#text.startsWith('${', this.#at)) out += this.#expansion()
      else out += this.#text[this.#at++] ?? ''
    }
    return out
  }

  #expansion(): string {
    const start = this.#at
    this.#at += 2
    if (++this.#depth > MAX_DEPTH) throw this.#error(start, 'substitutions are nested too deeply')
    const length = this.#peek() === '#' && this.#at++ > 0
    const name = this.#match(NAME)
    if (name === undefined) throw this.#error(start, 'after ${ must come the name of a variable')
    if (this.#peek() === undefined) throw this.#error(start, '${ is not closed by }')
    const operator = this.#peek() === '}' ? '' : this.#match(OPERATOR)
    if (operator === undefined || (length && operator !== '')) throw this.#error(start, `\${${name} is followed by something that is no substitution`)
    const args = this.#arguments(operator, start)
    this.#depth -= 1
    const value = this.#lookup(name)
    if (length) return String(Array.from(value ?? '').length)
    return this.#apply({ name, value, operator, args, start })
  }

  /** What stands between the operator and the closing brace, split where the operator has a second part. */
  #arguments(operator: string, start: number): readonly string[] {
    const separator = operator.startsWith('/') ? '/' : operator === ':' ? ':' : undefined
    const args: string[] = []
    for (;;) {
      const splits = () => args.length === 0 && separator !== undefined && this.#peek() === separator
      args.push(this.#until(() => this.#peek() === '}' || splits()))
      if (this.#at >= this.#text.length) throw this.#error(start, '${ is not closed by }')
      if (this.#text[this.#at++] === '}') return args
    }
  }

  #apply({ name, value, operator, args, start }: Expansion): string {
    const [first = '', second] = args
    const [set, given] = [value !== undefined, value !== undefined && value !== '']
    const current = value ?? ''
    switch (operator) {
      case '':
        return current
      case ':-':
      case ':=':
        return given ? current : first
      case '-':
      case '=':
        return set ? current : first
      case ':+':
        return given ? first : ''
      case '+':
        return set ? first : ''
      case ':?':
      case '?':
        if (operator === '?' ? set : given) return current
        throw this.#error(start, `the variable ${name} is not set${first === '' ? '' : `: ${first}`}`)
      case ':':
        return this.#offset(current, first, second, start)
      default:
        return transform(current, operator, first, second ?? '')
    }
  }

  #offset(value: string, from: string, length: string | undefined, start: number): string {
    const [offset, count] = [Number(from.trim()), length === undefined ? undefined : Number(length.trim())]
    if (!Number.isInteger(offset) || (count !== undefined && !Number.isInteger(count))) throw this.#error(start, 'offset and length must be whole numbers')
    const characters = Array.from(value)
    const begin = offset < 0 ? Math.max(0, characters.length + offset) : offset
    return characters.slice(begin, count === undefined ? undefined : count < 0 ? count : begin + count).join('')
  }

  #peek(): string | undefined {
    return this.#text[this.#at]
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #error(at: number, reason: string): WeftError {
    const before = this.#text.slice(0, at).split('\n')
    return new WeftError('INVALID_STACK', { file: this.#file, position: `:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`, reason })
  }
}

interface Expansion {
  readonly name: string
  readonly value: string | undefined
  readonly operator: string
  readonly args: readonly string[]
  readonly start: number
}

function transform(value: string, operator: string, pattern: string, replacement: string): string {
  switch (operator) {
    case '^':
      return value.slice(0, 1).toUpperCase() + value.slice(1)
    case '^^':
      return value.toUpperCase()
    case ',':
      return value.slice(0, 1).toLowerCase() + value.slice(1)
    case ',,':
      return value.toLowerCase()
    case '#':
      return value.slice(prefixLength(value, pattern, 'shortest') ?? 0)
    case '##':
      return value.slice(prefixLength(value, pattern, 'longest') ?? 0)
    case '%':
      return value.slice(0, suffixStart(value, pattern, 'shortest') ?? value.length)
    case '%%':
      return value.slice(0, suffixStart(value, pattern, 'longest') ?? value.length)
    case '/#': {
      const length = prefixLength(value, pattern, 'longest')
      return length === undefined ? value : replacement + value.slice(length)
    }
    case '/%': {
      const from = suffixStart(value, pattern, 'longest')
      return from === undefined ? value : value.slice(0, from) + replacement
    }
    default:
      return replace(value, pattern, replacement, operator === '//')
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

function prefixLength(value: string, pattern: string, wanted: 'shortest' | 'longest'): number | undefined {
  const lengths = range(0, value.length)
  return (wanted === 'shortest' ? lengths : lengths.toReversed()).find((length) => globMatches(pattern, value.slice(0, length)))
}

function suffixStart(value: string, pattern: string, wanted: 'shortest' | 'longest'): number | undefined {
  const starts = range(0, value.length)
  return (wanted === 'longest' ? starts : starts.toReversed()).find((start) => globMatches(pattern, value.slice(start)))
}

function replace(value: string, pattern: string, replacement: string, all: boolean): string {
  if (pattern === '') return value
  let out = ''
  for (let at = 0; at < value.length;) {
    const length = prefixLength(value.slice(at), pattern, 'longest')
    if (length === undefined || length === 0) out += value[at++] ?? ''
    else {
      out += replacement
      at += length
      if (!all) return out + value.slice(at)
    }
  }
  return out
}
