import { pino, type Logger } from 'pino'

/** The logger that is handed to every part: constant messages, variables as fields. */
export type Log = Logger

/** How the log is written. */
export interface LogOptions {
  /** `json`: one object per line; `text`: for a person at a terminal. */
  readonly format: 'json' | 'text'
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Where lines go: a file descriptor's write function. */
  readonly write: (line: string) => void
}

const LEVEL_NAMES: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }
const OWN_FIELDS = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'part'])

/** One line for a terminal: time, level, part, message, and the other fields as `key=value`. */
export function textLine(json: string): string {
  const entry = JSON.parse(json) as Record<string, unknown>
  const time = new Date(Number(entry['time'])).toISOString().slice(11, 23)
  const level = (LEVEL_NAMES[Number(entry['level'])] ?? 'info').padEnd(5)
  const part = typeof entry['part'] === 'string' ? `${entry['part']}: ` : ''
  const fields = Object.entries(entry)
    .filter(([key]) => !OWN_FIELDS.has(key))
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return `${time} ${level} ${part}${String(entry['msg'])}${fields.join('')}\n`
}

/** Makes the logger of a process. Secrets have no business in fields; `authorization` and `password` are cut out all the same. */
export function createLog(options: LogOptions): Log {
  const write = (line: string) => options.write(options.format === 'json' ? line : textLine(line))
  return pino({ level: options.level, base: null, redact: ['authorization', 'password', '*.authorization', '*.password'] }, { write })
}

/** A logger that says nothing; for tests and libraries. */
export function silentLog(): Log {
  return pino({ level: 'silent' })
}
