import { describe, expect, it } from '@jest/globals'
import { KeyedQueue } from './keyed-queue.ts'
import { createLog, silentLog } from './log.ts'
import { runShutdown } from './shutdown.ts'

describe('KeyedQueue', () => {
  it('never works on one key twice at once, and works once more on a key that was added meanwhile', async () => {
    let running = 0
    let most = 0
    let passes = 0
    const gate = Promise.withResolvers<void>()
    const work = async () => {
      running += 1
      most = Math.max(most, running)
      passes += 1
      if (passes === 1) await gate.promise
      running -= 1
    }
    const queue = new KeyedQueue({ work, log: silentLog(), concurrency: 4 })
    queue.add('a')
    queue.add('a')
    queue.add('a')
    gate.resolve()
    await until(() => passes === 2 && running === 0)
    await queue.close()
    expect([most, passes]).toEqual([1, 2])
  })

  it('works on as many keys at a time as it may', async () => {
    let running = 0
    let most = 0
    const work = async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setImmediate(resolve))
      running -= 1
    }
    const queue = new KeyedQueue({ work, log: silentLog(), concurrency: 2 })
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
    await until(() => running === 0)
    await queue.close()
    expect(most).toBe(2)
  })

  it('tries a key that failed again, later each time', async () => {
    const times: number[] = []
    const work = () => {
      times.push(performance.now())
      return times.length < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve()
    }
    const queue = new KeyedQueue({ work, log: silentLog(), concurrency: 1, firstBackoffMs: 10 })
    queue.add('a')
    await until(() => times.length === 3)
    await queue.close()
    const [first = 0, second = 0, third = 0] = times
    expect(third - second).toBeGreaterThan(second - first)
  })

  it('waits at its end for what runs and takes nothing more', async () => {
    let ended = false
    const queue = new KeyedQueue({
      work: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        ended = true
      },
      log: silentLog(),
      concurrency: 1,
    })
    queue.add('a')
    await queue.close()
    expect(ended).toBe(true)
    queue.add('b')
  })
})

describe('runShutdown', () => {
  it('runs its steps in order, past one that fails and one that hangs', async () => {
    const done: string[] = []
    const step = (name: string, run: () => Promise<void>) => ({ name, run: () => (done.push(name), run()) })
    const hang = () => new Promise<void>(() => undefined)
    await runShutdown([step('one', () => Promise.reject(new Error('no'))), step('two', hang), step('three', () => Promise.resolve())], 50, silentLog())
    expect(done).toEqual(['one', 'two', 'three'])
  })
})

describe('createLog', () => {
  it('writes a line for a person, without what is secret', () => {
    const lines: string[] = []
    createLog({ format: 'text', level: 'info', write: (line) => lines.push(line) }).info({ part: 'x', password: 'p', count: 2 }, 'something happened')
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}x: something happened password=\[Redacted\] count=2\n$/)
  })

  it('writes JSON when asked', () => {
    const lines: string[] = []
    createLog({ format: 'json', level: 'warn', write: (line) => lines.push(line) }).warn({ count: 2 }, 'careful')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'careful', count: 2, level: 40 })
  })
})

async function until(check: () => boolean): Promise<void> {
  const end = Date.now() + 5_000
  while (!check()) {
    if (Date.now() > end) throw new Error('not within 5 s')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
