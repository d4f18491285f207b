import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { existsSync, readFileSync, statSync, writeFileSync, appendFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogLine, LogQuery } from '../../port.ts'
import { collect, eventually } from '../../test-support.ts'
import { LogLimiter } from './limiter.ts'
import { LineSplitter, LINE_LIMIT_BYTES } from './splitter.ts'
import { LogStore } from './store.ts'

const split = (...chunks: (string | number[])[]): string[] => {
  const lines: string[] = []
  const splitter = new LineSplitter((line) => lines.push(line))
  for (const chunk of chunks) splitter.push(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk))
  splitter.end()
  return lines
}

describe('cutting output into lines', () => {
  it.each<[string, (string | number[])[], string[]]>([
    ['one line', ['a\n'], ['a']],
    ['several lines in a chunk', ['a\nb\n\nc\n'], ['a', 'b', '', 'c']],
    ['a line over several chunks', ['a', 'b', 'c\n'], ['abc']],
    ['a last line without an end', ['a\nb'], ['a', 'b']],
    ['line ends of other systems', ['a\r\nb\r\n'], ['a', 'b']],
    ['a character torn by a chunk', [[0xc3], [0xbc, 10]], ['ü']],
    ['bytes that are not UTF-8', [[0x61, 0xff, 0x62, 10]], ['a\ufffdb']],
    ['zero bytes', ['a\0b\n'], ['a\0b']],
    ['nothing', [], []],
  ])('%s', (_what, chunks, lines) => {
    expect(split(...chunks)).toEqual(lines)
  })

  it('cuts a line that is too long into pieces, never inside a character', () => {
    const text = 'ü'.repeat(LINE_LIMIT_BYTES)
    for (const pieces of [split(`${text}\n`), split(text), split(...[...text.matchAll(/.{1,9999}/g)].map(([piece]) => piece))]) {
      expect(pieces.join('')).toBe(text)
      for (const piece of pieces) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(LINE_LIMIT_BYTES)
    }
  })
})

describe('the limit on output', () => {
  it('lets a burst of five seconds through, then so many lines a second', () => {
    const limiter = new LogLimiter(10, 1_000_000, 0)
    const taken = (count: number, at: number) => Array.from({ length: count }, () => limiter.take(1, at)).filter(Boolean).length
    expect(taken(100, 0)).toBe(50)
    expect(taken(100, 1000)).toBe(10)
    expect(taken(100, 60_000)).toBe(50)
    expect(limiter.takeDropped()).toBe(50 + 90 + 50)
    expect(limiter.takeDropped()).toBe(0)
  })

  it('counts bytes too', () => {
    const limiter = new LogLimiter(1000, 100, 0)
    expect(limiter.take(500, 0)).toBe(true)
    expect(limiter.take(1, 0)).toBe(false)
    expect(limiter.take(100, 1000)).toBe(true)
  })

  it('takes a clock that goes back for one that stands still', () => {
    const limiter = new LogLimiter(1, 100, 10_000)
    for (let count = 0; count < 5; count++) limiter.take(1, 10_000)
    expect(limiter.take(1, 0)).toBe(false)
  })
})

const line = (text: string, change: Partial<LogLine> = {}): LogLine => ({
  workload: { namespace: 'default', name: 'temp-1' },
  function: 'temp',
  replica: 'temp-1-a',
  timestamp: 1000,
  stream: 'stdout',
  text,
  ...change,
})

describe('the logs on disk', () => {
  let directory: string
  let store: LogStore
  let errors: unknown[]
  const path = () => join(directory, 'default', 'temp.log')
  const open = (fileBytes = 1_000_000, files = 3) => new LogStore(directory, { fileBytes, files }, (error) => errors.push(error))
  const ask = (query: Partial<LogQuery> = {}) => collect(store.query({ namespace: 'default', function: 'temp', follow: false, ...query }))
  const texts = async (query: Partial<LogQuery> = {}) => (await ask(query)).map(({ text }) => text)

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wp-'))
    errors = []
    store = open()
  })
  afterEach(async () => {
    await store.close()
    await rm(directory, { recursive: true, force: true })
  })

  it('gives back what was put in, also to the next run of the platform', async () => {
    const lines = [line('a'), line('b\u2028"ü'), line('c', { stream: 'stderr', replica: 'temp-1-b', workload: { namespace: 'default', name: 'temp-2' } })]
    for (const each of lines) store.append(each)
    expect(await ask()).toEqual(lines)
    await store.close()
    store = open()
    expect(await ask()).toEqual(lines)
  })

  it('are readable by their owner alone', async () => {
    store.append(line('a'))
    await ask()
    expect(statSync(path()).mode & 0o077).toBe(0)
  })

  it('are rotated by size, and read over all files in order', async () => {
    await store.close()
    store = open(2000, 3)
    for (let round = 0; round < 200; round++) {
      store.append(line(`line ${round}`))
      if (round % 5 === 0) await ask({ tail: 1 })
    }
    const kept = await texts()
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => `line ${200 - kept.length + index}`))
    expect(kept.length).toBeGreaterThan(20)
    expect(kept.length).toBeLessThan(100)
    expect(existsSync(`${path()}.2`)).toBe(true)
    expect(existsSync(`${path()}.3`)).toBe(false)
    for (const file of [path(), `${path()}.1`, `${path()}.2`]) expect(statSync(file).size).toBeLessThan(2600)
  })

  it('pass over a line that a crash cut short', async () => {
    store.append(line('a'))
    await ask()
    appendFileSync(path(), '{"t":1,"w":"te\n')
    store.append(line('b'))
    expect(await texts()).toEqual(['a', 'b'])
  })

  it('miss nothing and repeat nothing for a follower, however the writer and rotation run beside it', async () => {
    await store.close()
    store = open(3000, 50)
    const reader = new AbortController()
    const seen: string[] = []
    for (let number = 0; number < 50; number++) store.append(line(`${number}`))
    const following = (async () => {
      for await (const { text } of store.query({ namespace: 'default', function: 'temp', follow: true, signal: reader.signal })) seen.push(text)
    })()
    for (let number = 50; number < 500; number++) {
      store.append(line(`${number}`))
      if (number % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await eventually('everything is read', () => seen.length >= 500)
    reader.abort()
    await following
    expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => `${index}`))
  })

  it('drop lines for a reader that stands still, and tell it so', async () => {
    const reading = store.query({ namespace: 'default', function: 'temp', follow: true })[Symbol.asyncIterator]()
    store.append(line('first'))
    await reading.next()
    for (let number = 0; number < 12_000; number++) store.append(line('x'))
    let system: LogLine | undefined
    for (let count = 0; count < 10_001; count++) {
      const { value } = (await reading.next()) as { value: LogLine }
      if (value.stream === 'system') system = value
    }
    expect(system?.text).toMatch(/^\d+ lines were dropped/)
    await reading.return?.(undefined)
  })

  it('let a reader leave in the middle of a long log', async () => {
    for (let number = 0; number < 20_000; number++) store.append(line(`${number} ${'x'.repeat(100)}`))
    await ask({ tail: 1 })
    for (let round = 0; round < 20; round++) {
      let read = 0
      for await (const { text } of store.query({ namespace: 'default', function: 'temp', follow: round % 2 === 0 })) {
        expect(text).toContain('xxx')
        read += 1
        if (read > round * 40) break
      }
    }
    expect((await ask({ tail: 3 })).length).toBe(3)
    expect(errors).toEqual([])
  })

  it('go on when the disk refuses, and say so', async () => {
    writeFileSync(join(directory, 'default'), 'in the way')
    store.append(line('a'))
    await eventually('it is said', () => errors.length > 0)
    store.append(line('b'))
    await rm(join(directory, 'default'))
    store.append(line('c'))
    expect(await texts()).toContain('c')
  })

  it.each(['../../etc/passwd', '..', '/etc/passwd', 'a/b'])('never leave their directory for a function named %s', async (name) => {
    store.append(line('x', { function: name }))
    await collect(store.query({ namespace: 'default', function: name, follow: false }))
    await collect(store.query({ namespace: name, function: 'temp', follow: false }))
    expect(readFileSync('/etc/passwd', 'utf8')).not.toContain('"m":"x"')
    expect(existsSync(join(directory, 'default'))).toBe(true)
  })
})
