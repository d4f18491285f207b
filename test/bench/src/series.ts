import { quantile, table } from './statistics.ts'

/** All values of one thing that was measured, in milliseconds. */
export type Series = Record<string, number[]>

/** An answer, as far as it matters here. */
export interface Outcome {
  readonly status: number
  readonly text: string
}

/** Adds a value. */
export function record(series: Series, name: string, ms: number): void {
  const values = (series[name] ??= [])
  values.push(ms)
}

/** What a person reads. */
export function report(series: Series): string {
  const rows = Object.entries(series).map(([name, values]) => {
    const sorted = values.toSorted((a, b) => a - b)
    return [
      name,
      String(values.length),
      ...[quantile(sorted, 0.5), quantile(sorted, 0.99), sorted[0] ?? 0, sorted.at(-1) ?? 0].map((ms) => ms.toFixed(ms < 10 ? 1 : 0)),
    ]
  })
  return table([['milliseconds', 'n', 'p50', 'p99', 'lowest', 'highest'], ...rows])
}

/** How long it took. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await action()
  return performance.now() - started
}

/** @throws Error unless the answer is one of success */
export async function expectStatus(answer: Promise<Outcome>): Promise<void> {
  const { status, text } = await answer
  if (status >= 300) throw new Error(`${status} ${text}`)
}
