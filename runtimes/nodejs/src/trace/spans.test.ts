import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startReplica, stopAll, until, type Replica } from '../../test/harness.ts'

const SOURCE = `module.exports = (req, res) => {
  if (req.path === '/hold') return
  if (req.path === '/fail') throw new Error('no')
  res.json({ headers: req.headers, raw: req.rawHeaders })
}`
const ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
/** As the callee's proxy marks a traced call that it took so many milliseconds ago. */
const traced = (agoMs: number, flags = '01') => ({ 'x-weft-trace': String((Date.now() - agoMs) * 1000), traceparent: `00-${ID}-${SPAN}-${flags}` })

let replica: Replica
beforeAll(async () => {
  replica = await startReplica({ contract: 'node-http', source: SOURCE, config: { concurrency: 1, timeoutMs: 0 } })
})
afterAll(stopAll)

type Reported = Readonly<Record<string, unknown>>
const spans = (): readonly Reported[] => replica.reports().flatMap((report) => (report['type'] === 'spans' ? (report['spans'] as Reported[]) : []))

/** Asks until the answer has the status: the replica takes one call at a time, and notices a moment later that one has gone. */
async function askUntil(status: number, headers: Readonly<Record<string, string>> = traced(0)): Promise<void> {
  const end = Date.now() + 10_000
  while ((await replica.ask({ headers })).status !== status) if (Date.now() > end) throw new Error(`never answered ${status}`)
}

describe('the spans of a replica', () => {
  it('are the handler, with the proxy as its parent, and the wait before it; the mark is hidden from the function', async () => {
    const answer = await replica.ask({ path: '/', headers: traced(50) })
    expect(answer.body).not.toContain('x-weft-trace')
    await until(() => spans().length === 2, 'two spans')
    const [handler, wait] = spans()
    expect(handler).toMatchObject({ name: 'handler', trace: ID, parent: SPAN, status: 200, cut: false })
    expect(wait).toMatchObject({ name: 'wait', trace: ID, parent: SPAN })
    expect(Number(wait?.['end']) - Number(wait?.['start'])).toBeGreaterThanOrEqual(50_000)
    expect(handler?.['start']).toBe(wait?.['end'])
  })

  it('tell of a handler that failed, of one whose caller went away, and of a call above the limit', async () => {
    await replica.ask({ path: '/fail', headers: traced(0) })
    await until(() => spans().some(({ status }) => status === 500), 'the failure')
    const gone = new AbortController()
    const held = replica.ask({ path: '/hold', headers: traced(0), signal: gone.signal }).catch(() => undefined)
    await askUntil(429)
    gone.abort()
    await held
    await until(() => spans().some(({ cut }) => cut === true), 'the call that was cut')
    expect(spans().find(({ name }) => name === 'concurrency limit')).toMatchObject({ status: 429, trace: ID, parent: SPAN })
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['that is not sampled', traced(0, '00')],
    ['with a malformed context', { ...traced(0), traceparent: 'junk' }],
    ['that no proxy marked', { traceparent: `00-${ID}-${SPAN}-01` }],
  ])('are none of a call %s', async (_name, headers) => {
    await askUntil(200, headers)
    const before = spans().length
    await replica.ask({ headers })
    await replica.ask({ headers: traced(0) })
    await until(() => spans().length > before, 'the span of the other call')
    expect(
      spans()
        .slice(before)
        .filter(({ name }) => name === 'handler'),
    ).toHaveLength(1)
  })
})
