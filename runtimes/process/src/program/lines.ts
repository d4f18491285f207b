import type { Readable, Writable } from 'node:stream'

/** How lines of a program are written to our log. */
export interface LineOptions {
  /** Puts the date and the stream before each line, as the watchdogs' `prefix_logs`. */
  readonly prefix?: string
  /** Longer lines are cut into pieces. */
  readonly limitBytes: number
  readonly now: () => Date
}

const pad = (value: number): string => String(value).padStart(2, '0')

/** The date as Go's `log` package writes it, in UTC. */
export function goDate(date: Date): string {
  const day = [date.getUTCFullYear(), pad(date.getUTCMonth() + 1), pad(date.getUTCDate())].join('/')
  return `${day} ${[date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(pad).join(':')}`
}

const NEWLINE = 10

/** Copies whole lines from a program's stream to ours, with backpressure. @returns resolves when the stream has ended and all is handed over */
export function copyLines(from: Readable, to: Writable, options: LineOptions): Promise<void> {
  let rest: Buffer = Buffer.alloc(0)
  const write = (line: Buffer): boolean => {
    const prefix = options.prefix === undefined ? '' : `${goDate(options.now())} ${options.prefix}: `
    return to.write(Buffer.concat([Buffer.from(prefix), line, Buffer.from('\n')]))
  }
  const take = (chunk: Buffer): boolean => {
    let room = true
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const end = rest.indexOf(NEWLINE)
      const length = end < 0 || end > options.limitBytes ? options.limitBytes : end
      if (end < 0 && rest.length <= length) return room
      room = write(rest.subarray(0, length))
      rest = rest.subarray(length === end ? length + 1 : length)
    }
  }
  from.on('data', (chunk: Buffer) => {
    if (take(chunk)) return
    from.pause()
    to.once('drain', () => from.resume())
  })
  return new Promise((done) => {
    from.once('error', () => done())
    from.once('close', () => {
      if (rest.length > 0) write(rest)
      rest = Buffer.alloc(0)
      done()
    })
  })
}
