import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { bootId, readAll, readStat, signal, treeOf } from './proc.ts'

/** Lines about processes that have ended, after which the file is written anew. */
const COMPACT_AFTER = 1000

interface Started {
  readonly pid: number
  readonly ticks: number
}

interface Head {
  readonly boot: string
  readonly platform: Started
}

/**
 * The process ids of everything that was started, on disk before it runs: after a platform that could not clean up (`kill -9`), the next start
 * ends what is left. A process is known by its id, its start time and the boot of the machine; an id that was given to another program since
 * then is left alone.
 */
export class StartRecord {
  readonly #path: string
  readonly #living = new Map<number, Started>()
  #ended = 0

  constructor(path: string) {
    this.#path = path
  }

  /** The platform process that uses this record now, if it is not us. */
  owner(): number | undefined {
    const { head } = this.#read()
    if (head === undefined || head.boot !== bootId() || head.platform.pid === process.pid) return undefined
    return readStat(head.platform.pid)?.startTicks === head.platform.ticks ? head.platform.pid : undefined
  }

  /** Ends what an earlier platform left and begins a new record. @returns how many processes were ended */
  begin(): number {
    const { head, started } = this.#read()
    const killed = head?.boot === bootId() ? started.reduce((count, entry) => count + endTree(entry), 0) : 0
    this.#rewrite()
    return killed
  }

  add(pid: number): void {
    const stat = readStat(pid)
    if (stat === undefined) return
    const entry = { pid, ticks: stat.startTicks }
    this.#living.set(pid, entry)
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`)
  }

  /** Forgets a process that has ended. The file is written anew now and then, not each time. */
  remove(pid: number): void {
    if (!this.#living.delete(pid)) return
    this.#ended += 1
    if (this.#ended % COMPACT_AFTER === 0) this.#rewrite()
    else appendFileSync(this.#path, `${JSON.stringify({ gone: pid })}\n`)
  }

  /** To be called when everything has ended. */
  close(): void {
    rmSync(this.#path, { force: true })
  }

  #rewrite(): void {
    const platform = readStat(process.pid)
    const head: Head = { boot: bootId(), platform: { pid: process.pid, ticks: platform?.startTicks ?? 0 } }
    writeFileSync(this.#path, [head, ...this.#living.values()].map((entry) => `${JSON.stringify(entry)}\n`).join(''), { mode: 0o600 })
  }

  #read(): { readonly head?: Head; readonly started: readonly Started[] } {
    let lines: string[]
    try {
      lines = readFileSync(this.#path, 'utf8').split('\n').filter(Boolean)
    } catch {
      return { started: [] }
    }
    const entries = lines.flatMap(parse)
    const head = entries.find((entry): entry is Head => 'boot' in entry)
    const started = new Map<number, Started>()
    for (const entry of entries) {
      if ('gone' in entry) started.delete(entry.gone)
      else if ('pid' in entry) started.set(entry.pid, entry)
    }
    return { started: [...started.values()], ...(head === undefined ? {} : { head }) }
  }
}

function parse(line: string): (Head | Started | { readonly gone: number })[] {
  try {
    return [JSON.parse(line) as Head | Started | { readonly gone: number }]
  } catch {
    return []
  }
}

// A replica leads its own process group; both its descendants and its group are ended, the root last, so that nothing is re-parented in between.
function endTree(entry: Started): number {
  const stat = readStat(entry.pid)
  const all = readAll()
  const members = stat?.startTicks === entry.ticks ? treeOf(entry.pid, all) : []
  const orphans = stat === undefined ? all.filter(({ group, startTicks }) => group === entry.pid && startTicks >= entry.ticks) : []
  const doomed = [...members.toReversed(), ...orphans]
  return doomed.filter(({ pid, startTicks }) => readStat(pid)?.startTicks === startTicks && signal(pid, 'SIGKILL')).length
}
