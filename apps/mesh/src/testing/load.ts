import type { Fixture } from './fixture.ts'

/** Calls a function without a pause from 8 sides while something happens, which is told how many calls were answered. @returns the outcomes that came */
export async function meanwhile(fixture: Fixture, name: string, work: (answered: () => number) => Promise<void>): Promise<readonly string[]> {
  const outcomes = new Set<string>()
  let answered = 0
  let done = false
  const caller = async () => {
    while (!done) {
      const outcome = await fixture.call(`/function/${name}`, { method: 'POST', body: Buffer.from('x') }).then(
        ({ status, body }) => (status === 200 ? '200' : `${status} ${body}`),
        (error: Error) => error.message,
      )
      outcomes.add(outcome)
      answered += 1
    }
  }
  const callers = Array.from({ length: 8 }, caller)
  try {
    await work(() => answered)
  } finally {
    done = true
    await Promise.all(callers)
  }
  return [...outcomes]
}
