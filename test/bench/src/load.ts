import { Agent } from 'node:http'
import { ask, run } from '@weft/test-harness'
import { quantile } from './statistics.ts'

/** What one stretch of load measured. */
export interface LoadFigures {
  readonly requests: number
  readonly rps: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were not 2xx, and connections that broke. */
  readonly errors: number
}

/** Loads one URL. */
export type Loader = (url: string, connections: number, seconds: number) => Promise<LoadFigures>

/** `wrk` when it is installed, else a loader in this process, which is slower and takes CPU time from what is measured. */
export async function chooseLoader(): Promise<{ readonly name: string; readonly load: Loader }> {
  const found = await run('wrk', ['-v']).then(
    ({ stdout }) => /^wrk \S+/.exec(stdout)?.[0],
    () => undefined,
  )
  return found === undefined ? { name: 'node:http in this process', load: ownLoad } : { name: found, load: wrkLoad }
}

const wrkLoad: Loader = async (url, connections, seconds) => {
  const { code, stdout, stderr } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '10s', url])
  if (code !== 0) throw new Error(`wrk ended with ${code}: ${stderr}${stdout}`)
  return readWrk(stdout)
}

/** Reads what `wrk --latency` prints. */
export function readWrk(text: string): LoadFigures {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN)
  const latency = (percent: number) => {
    const match = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(text)
    return Number(match?.[1] ?? Number.NaN) * ({ us: 0.001, ms: 1, s: 1000, m: 60_000 }[match?.[2] ?? 'ms'] ?? 1)
  }
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1).map(Number) ?? []
  const refused = number(/Non-2xx or 3xx responses: (\d+)/)
  return {
    requests: number(/(\d+) requests in/),
    rps: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: latency(50),
    p99Ms: latency(99),
    errors: broken.reduce((sum, count) => sum + count, 0) + (Number.isNaN(refused) ? 0 : refused),
  }
}

const ownLoad: Loader = async (url, connections, seconds) => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const times: number[] = []
  let errors = 0
  const started = performance.now()
  const worker = async () => {
    while (performance.now() - started < seconds * 1000) {
      const sent = performance.now()
      const status = await ask(url, { agent }).then(
        (answer) => answer.status,
        () => 0,
      )
      if (status >= 200 && status < 300) times.push(performance.now() - sent)
      else errors += 1
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  const elapsed = (performance.now() - started) / 1000
  agent.destroy()
  times.sort((a, b) => a - b)
  return { requests: times.length + errors, rps: times.length / elapsed, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), errors }
}
