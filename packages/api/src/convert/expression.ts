/** A comparison of an attribute with a text; `negated`: must not hold. */
export interface Atom {
  /** Such as `request.path` or `source.labels["function"]`, quotes always double. */
  readonly attribute: string
  readonly how: 'equals' | 'prefix' | 'suffix'
  readonly value: string
  readonly negated: boolean
}

type Tree = { readonly kind: 'atom'; readonly atom: Atom } | { readonly kind: 'and' | 'or'; readonly parts: readonly Tree[] }

const TOKEN =
  /\s*(?:(&&|\|\||==|!=|[!()|,])|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`([^`]*)`|([A-Za-z_][\w.]*(?:\[(?:"[^"]*"|'[^']*')\])?(?:\.[A-Za-z]\w*)*))/y

type Token = { readonly kind: 'sign' | 'text' | 'name'; readonly value: string }

const MOST_ALTERNATIVES = 64

/**
 * Reads an expression of Mixer's language (comparisons with texts, `match`, `startsWith`, `endsWith`, `|` with a default, `&&`, `||`, `!`, parentheses).
 * @returns alternatives, each a list of what must all hold
 * @throws RangeError with what cannot be read
 */
export function readExpression(text: string): readonly (readonly Atom[])[] {
  const alternatives = expand(new Parser(tokensOf(text)).whole())
  if (alternatives.length > MOST_ALTERNATIVES) throw new RangeError(`the expression has more than ${MOST_ALTERNATIVES} alternatives`)
  return alternatives
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  const reader = new RegExp(TOKEN)
  let at = 0
  while (text.slice(at).trim() !== '') {
    reader.lastIndex = at
    const match = reader.exec(text)
    if (match === null) throw new RangeError(`"${text.slice(at).trim().slice(0, 20)}" cannot be read`)
    const [, sign, double, single, raw, name] = match
    const value = double ?? single ?? raw
    tokens.push(sign !== undefined ? { kind: 'sign', value: sign } : value !== undefined ? { kind: 'text', value } : { kind: 'name', value: name ?? '' })
    at = reader.lastIndex
  }
  return tokens
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  whole(): Tree {
    const tree = this.#or(false)
    const rest = this.#tokens[this.#at]
    if (rest !== undefined) throw new RangeError(`"${rest.value}" is not expected`)
    return tree
  }

  #take(sign: string): boolean {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'sign' || token.value !== sign) return false
    this.#at += 1
    return true
  }

  #need(sign: string): void {
    if (!this.#take(sign)) throw new RangeError(`"${sign}" is missing`)
  }

  #next(kind: Token['kind']): string {
    const token = this.#tokens[this.#at]
    if (token?.kind !== kind) throw new RangeError(token === undefined ? 'it ends too soon' : `"${token.value}" is not expected`)
    this.#at += 1
    return token.value
  }

  #or(negated: boolean): Tree {
    const parts = [this.#and(negated)]
    while (this.#take('||')) parts.push(this.#and(negated))
    return joined(negated ? 'and' : 'or', parts)
  }

  #and(negated: boolean): Tree {
    const parts = [this.#not(negated)]
    while (this.#take('&&')) parts.push(this.#not(negated))
    return joined(negated ? 'or' : 'and', parts)
  }

  #not(negated: boolean): Tree {
    if (this.#take('!')) return this.#not(!negated)
    if (!this.#take('(')) return this.#comparison(negated)
    const tree = this.#or(negated)
    this.#need(')')
    return tree
  }

  #comparison(negated: boolean): Tree {
    const name = this.#next('name').replaceAll("'", '"')
    if (name === 'match') return this.#matchCall(negated)
    const call = /^(.*)\.(startsWith|endsWith)$/.exec(name)
    if (call !== null) {
      this.#need('(')
      const value = this.#next('text')
      this.#need(')')
      return atom({ attribute: call[1] ?? '', how: call[2] === 'startsWith' ? 'prefix' : 'suffix', value, negated })
    }
    // What an absent attribute counts as does not matter for what it is compared with, unless it is that.
    const without = this.#take('|') ? this.#next('text') : undefined
    const differs = this.#take('!=')
    if (!differs) this.#need('==')
    const value = this.#next('text')
    if (without === value) throw new RangeError(`${name} is compared with what stands for its absence`)
    return atom({ attribute: name, how: 'equals', value, negated: negated !== differs })
  }

  /** `match(attribute, "a*")`: a star at one end. */
  #matchCall(negated: boolean): Tree {
    this.#need('(')
    const attribute = this.#next('name').replaceAll("'", '"')
    this.#need(',')
    const pattern = this.#next('text')
    this.#need(')')
    if (pattern.endsWith('*')) return atom({ attribute, how: 'prefix', value: pattern.slice(0, -1), negated })
    if (pattern.startsWith('*')) return atom({ attribute, how: 'suffix', value: pattern.slice(1), negated })
    return atom({ attribute, how: 'equals', value: pattern, negated })
  }
}

function atom(value: Atom): Tree {
  return { kind: 'atom', atom: value }
}

function joined(kind: 'and' | 'or', parts: readonly Tree[]): Tree {
  const [first] = parts
  return parts.length === 1 && first !== undefined ? first : { kind, parts }
}

/** The disjunctive normal form. */
function expand(tree: Tree): readonly (readonly Atom[])[] {
  switch (tree.kind) {
    case 'atom':
      return [[tree.atom]]
    case 'or':
      return tree.parts.flatMap(expand)
    case 'and':
      return tree.parts.map(expand).reduce((all, part) => bounded(all.flatMap((one) => part.map((other) => [...one, ...other]))))
    default:
      return tree satisfies never
  }
}

function bounded<T>(alternatives: readonly T[]): readonly T[] {
  if (alternatives.length > MOST_ALTERNATIVES) throw new RangeError(`the expression has more than ${MOST_ALTERNATIVES} alternatives`)
  return alternatives
}
