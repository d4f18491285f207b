import { join } from 'node:path'
import type { LogLine, LogQuery } from '../../port.ts'
import { FunctionLog } from './file.ts'
import { queryLog } from '../../logs/query.ts'

/** The logs of all functions, below one directory: `NAMESPACE/FUNCTION.log`. They outlive replicas and restarts of the platform. */
export class LogStore {
  readonly #directory: string
  readonly #limits: { readonly fileBytes: number; readonly files: number }
  readonly #onError: (error: unknown) => void
  readonly #logs = new Map<string, FunctionLog>()
  readonly #closed = new AbortController()

  constructor(directory: string, limits: { fileBytes: number; files: number }, onError: (error: unknown) => void) {
    this.#directory = directory
    this.#limits = limits
    this.#onError = onError
  }

  append(line: LogLine): boolean {
    return this.#log(line.workload.namespace, line.function).append(line)
  }

  query(query: LogQuery): AsyncIterable<LogLine> {
    return queryLog(this.#log(query.namespace, query.function), query, this.#closed.signal)
  }

  /** Writes everything out and ends all followers. */
  async close(): Promise<void> {
    await Promise.all([...this.#logs.values()].map((log) => log.flush()))
    this.#closed.abort()
  }

  #log(namespace: string, name: string): FunctionLog {
    const key = `${namespace}/${name}`
    const known = this.#logs.get(key)
    if (known !== undefined) return known
    const path = join(this.#directory, `${fileName(namespace)}/${fileName(name)}.log`)
    const log = new FunctionLog(path, { namespace, function: name }, this.#limits, this.#onError)
    this.#logs.set(key, log)
    return log
  }
}

// Names are DNS labels, checked at the door; here nothing else can become part of a path either.
function fileName(label: string): string {
  return encodeURIComponent(label).replaceAll('.', '%2E')
}
