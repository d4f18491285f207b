import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts the CPU time of processes in hundredths of a second, whatever the kernel's own tick is (proc(5), `sysconf(_SC_CLK_TCK)`). */
const TICK_US = 10_000

interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  readonly name: string
  /** User and system time, in microseconds. */
  readonly cpuUs: number
}

/** CPU time of one process and its descendants so far, in microseconds, by what `classify` calls each of them. Ended descendants are not counted. */
export function cpuOfTree(root: number, classify: (facts: { readonly pid: number; readonly name: string }) => string): Readonly<Record<string, number>> {
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => readFacts(Number(entry)))
  const members = new Set([root])
  for (let size = 0; size !== members.size;) {
    size = members.size
    for (const facts of all) if (members.has(facts.parent)) members.add(facts.pid)
  }
  const sums: Record<string, number> = {}
  for (const facts of all) {
    if (!members.has(facts.pid)) continue
    const group = classify(facts)
    sums[group] = (sums[group] ?? 0) + facts.cpuUs
  }
  return sums
}

/** Reads `/proc/PID/stat`; the name may hold spaces and brackets, so fields are counted from its last bracket. */
function readFacts(pid: number): readonly ProcessFacts[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const end = text.lastIndexOf(')')
    const fields = text.slice(end + 2).split(' ')
    return [{ pid, parent: Number(fields[1]), name: text.slice(text.indexOf('(') + 1, end), cpuUs: (Number(fields[11]) + Number(fields[12])) * TICK_US }]
  } catch {
    return [] // it ended in between
  }
}
