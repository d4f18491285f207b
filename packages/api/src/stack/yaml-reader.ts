import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import { WeftError } from '@weft/core'

interface Source {
  readonly document: Document
  readonly lines: LineCounter
  readonly file: string
}

/** A place in a YAML file, with readers that say line and column when the content is not what it must be. */
export class YamlNode {
  readonly #node: unknown
  readonly #source: Source
  readonly #path: string

  private constructor(node: unknown, source: Source, path: string) {
    this.#node = isAlias(node) ? node.resolve(source.document) : node
    this.#source = source
    this.#path = path
  }

  /**
   * Parses a file. Every scalar is read as the text that stands there (`1.10` stays `1.10`, `yes` stays `yes`).
   * @throws WeftError `INVALID_STACK` with the line
   */
  static parse(text: string, file: string): YamlNode {
    const lines = new LineCounter()
    const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, uniqueKeys: true })
    const [problem] = document.errors
    if (problem !== undefined) {
      const { line, col } = lines.linePos(problem.pos[0])
      const reason = problem.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? 'not YAML'
      throw new WeftError('INVALID_STACK', { file, position: `:${line}:${col}`, reason })
    }
    return new YamlNode(document.contents, { document, lines, file }, '')
  }

  /** Whether there is anything (an empty value counts as nothing). */
  get present(): boolean {
    return (
      this.#node !== undefined &&
      this.#node !== null &&
      !(isScalar(this.#node) && (this.#node.value === '' || this.#node.value === null || this.#node.source === '~'))
    )
  }

  /** An error about this place. */
  error(reason: string): WeftError {
    const range = (this.#node as Node | undefined)?.range
    const position = range === undefined || range === null ? undefined : this.#source.lines.linePos(range[0])
    const place = this.#path === '' ? '' : `${this.#path} `
    return new WeftError('INVALID_STACK', {
      file: this.#source.file,
      position: position === undefined ? '' : `:${position.line}:${position.col}`,
      reason: `${place}${reason}`,
    })
  }

  /** The entries of a mapping, in order; none when there is nothing. @throws WeftError `INVALID_STACK` */
  entries(): readonly (readonly [string, YamlNode])[] {
    if (!this.present) return []
    if (!isMap(this.#node)) throw this.error('must be a mapping')
    const own = this.#node.items.flatMap(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : String(key)
      return name === '<<' ? [] : [[name, this.#child(value, name)] as const]
    })
    return [...new Map([...this.#merged(), ...own])]
  }

  /** YAML 1.1 merge keys (`<<: *defaults`), which stack files use; own entries win. */
  #merged(): readonly (readonly [string, YamlNode])[] {
    if (!isMap(this.#node)) return []
    const merges = this.#node.items.filter(({ key }) => isScalar(key) && key.value === '<<')
    return merges.flatMap(({ value }) => {
      const source = this.#child(value, '<<')
      return isSeq(source.#node)
        ? source
            .items()
            .toReversed()
            .flatMap((item) => item.entries())
        : source.entries()
    })
  }

  /** One entry of a mapping. */
  get(key: string): YamlNode {
    return this.entries().find(([name]) => name === key)?.[1] ?? this.#child(undefined, key)
  }

  /** The items of a list; a single text counts as a list of one. @throws WeftError `INVALID_STACK` */
  items(): readonly YamlNode[] {
    if (!this.present) return []
    if (isScalar(this.#node)) return [this]
    if (!isSeq(this.#node)) throw this.error('must be a list')
    return this.#node.items.map((item, index) => this.#child(item, String(index)))
  }

  /** @throws WeftError `INVALID_STACK` */
  text(): string {
    if (!isScalar(this.#node)) throw this.error('must be a text')
    return typeof this.#node.value === 'string' ? this.#node.value : (this.#node.source ?? '')
  }

  /** Text, or nothing when there is none. */
  optionalText(): string | undefined {
    return this.present ? this.text() : undefined
  }

  /** @throws WeftError `INVALID_STACK` */
  optionalBoolean(): boolean | undefined {
    const text = this.optionalText()?.toLowerCase()
    if (text === undefined) return undefined
    if (['true', 'yes', 'on'].includes(text)) return true
    if (['false', 'no', 'off'].includes(text)) return false
    throw this.error('must be true or false')
  }

  /** A mapping of texts. */
  textMap(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.entries().map(([key, value]) => [key, value.present ? value.text() : '']))
  }

  /** A list of texts. */
  textList(): readonly string[] {
    return this.items().map((item) => item.text())
  }

  #child(node: unknown, key: string): YamlNode {
    return new YamlNode(node, this.#source, this.#path === '' ? key : `${this.#path}.${key}`)
  }
}
