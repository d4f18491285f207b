import { afterEach, describe, expect, it } from '@jest/globals'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { allLines, eventually, exampleSpec, readyReplicas } from '../test-support.ts'
import type { Replica, WorkloadSpec } from '../port.ts'
import { readStat } from './proc.ts'
import { call, testProvider, type TestProvider } from './test-provider.ts'
import type { ProcessProviderOptions } from './index.ts'

const MIB = 1_048_576
let test: TestProvider

afterEach(() => test.end())

async function start(spec: WorkloadSpec, options: Partial<ProcessProviderOptions> = {}): Promise<Replica> {
  test = await testProvider(options)
  return test.one(spec)
}

async function begin(spec: WorkloadSpec, options: Partial<ProcessProviderOptions> = {}): Promise<void> {
  test = await testProvider(options)
  await test.provider.apply(spec)
  await test.provider.scale(spec.workload, 1)
}

/** The first thing that is said about a replica after it fell. */
const fallen = () =>
  eventually('a replica falls', () => {
    const [replica] = test.provider.list()
    return replica?.reason !== undefined && replica.phase === 'backoff' && replica
  })

const systemLines = async (name: string) =>
  (await allLines(test.provider, { namespace: 'default', function: name })).flatMap(({ stream, text }) => (stream === 'system' ? [text] : []))

const WAYS = [
  ['control groups', {}],
  ['the watchdog', { cgroups: false }],
] as const

describe.each(WAYS)('with %s', (_name, options) => {
  it('kills a memory hog, says so, and starts it again', async () => {
    const replica = await start(exampleSpec('hog', { limits: { memoryBytes: 160 * MIB } }), options)
    await call(replica, '/hog')
    const after = await fallen()
    expect(after.reason).toBe('OOMKilled')
    expect(after.message).toContain('160 MiB')
    await readyReplicas(test.provider, exampleSpec('hog'), 1)
    expect((await systemLines('hog')).join('\n')).toContain('OOMKilled')
  })

  it('stops a fork bomb at the limit, and the machine and the neighbours live on', async () => {
    const replica = await start(exampleSpec('bomb', { limits: { maxProcesses: 60 } }), options)
    const neighbour = await test.one(exampleSpec('neighbour'))
    const { started, failed } = await call<{ started: number; failed: number }>(replica, '/bomb')
    expect(started).toBeLessThan(60)
    expect(failed).toBeGreaterThan(1900)
    expect(await call(neighbour, '/_/health')).toBe('ok')
    await test.provider.remove(replica.workload)
  })

  it('measures memory and CPU of a replica', async () => {
    const replica = await start(exampleSpec('busy'), options)
    await test.provider.usage(replica.workload)
    await call(replica, '/spin', { ms: 600 })
    const usage = await test.provider.usage(replica.workload)
    expect(usage.cpuMillis).toBeGreaterThan(200)
    expect(usage.memoryBytes).toBeGreaterThan(5 * MIB)
    expect(usage.memoryBytes).toBeLessThan(200 * MIB)
  })
})

describe('with control groups', () => {
  it('holds CPU at the limit', async () => {
    const replica = await start(exampleSpec('slowed', { limits: { cpuMillis: 200 } }))
    expect(test.provider.isolation.cpuLimit).toBe('cgroup')
    await test.provider.usage(replica.workload)
    await call(replica, '/spin', { ms: 1500 })
    expect((await test.provider.usage(replica.workload)).cpuMillis).toBeLessThan(350)
  })

  it('puts a changed limit in force without a restart', async () => {
    const spec = exampleSpec('grown', { limits: { memoryBytes: 512 * MIB } })
    const replica = await start(spec)
    await test.provider.apply({ ...spec, limits: { memoryBytes: 128 * MIB } })
    await call(replica, '/hog')
    expect((await fallen()).message).toContain('128 MiB')
  })
})

describe('a replica that does not answer', () => {
  const timing = { livenessIntervalMs: 100, livenessGraceMs: 300 }

  it('is killed when it hangs for longer than a call may take', async () => {
    const replica = await start(exampleSpec('loop', { timeoutMs: 300 }), { timing })
    call(replica, '/loop').catch(() => {})
    const after = await fallen()
    expect(after.reason).toBe('Unresponsive')
    expect(after.message).toContain('0.6 s')
    await readyReplicas(test.provider, exampleSpec('loop'), 1)
  })

  it('is left alone during a long synchronous call below the time-out', async () => {
    const replica = await start(exampleSpec('long', { timeoutMs: 3000 }), { timing })
    expect(await call(replica, '/spin', { ms: 1500 })).toBe('spun')
    await delay(300)
    expect(test.provider.list()).toMatchObject([{ id: replica.id, phase: 'ready', restarts: 0 }])
  })
})

describe('a replica that does not start', () => {
  it('is restarted with growing waits and shown as CrashLoopBackOff with its last words', async () => {
    await begin(exampleSpec('crash', { env: { BEHAVIOUR: 'crash' } }))
    const replica = await eventually('the loop is seen', () => test.provider.list().find(({ reason }) => reason === 'CrashLoopBackOff'))
    expect(replica.message).toContain('exit code 3; last line of stderr: dying as told')
    const lines = await systemLines('crash')
    expect(lines.some((line) => line.includes('starting again in 0.1 s (1 in a row)'))).toBe(true)
    expect(lines.some((line) => line.includes('starting again in 1 s (2 in a row)'))).toBe(true)
  })

  it('that ends with code 0 is restarted too', async () => {
    await begin(exampleSpec('exit0', { env: { BEHAVIOUR: 'exit0' } }))
    expect(await fallen()).toMatchObject({ reason: 'Exited', message: expect.stringContaining('exit code 0') })
  })

  it('because its handler does not load shows the first lines of the stack', async () => {
    await begin(exampleSpec('bad', { env: { BEHAVIOUR: 'bad-handler' } }))
    const { reason, message } = await fallen()
    expect(reason).toBe('ExitedNonZero')
    expect(message).toContain('Cannot find module ./x\n    at handler.js:3:7')
  })

  it('within its time is killed with StartTimeout', async () => {
    await begin(exampleSpec('never', { env: { BEHAVIOUR: 'never-ready' } }), { timing: { startTimeoutMs: 300 } })
    expect((await fallen()).reason).toBe('StartTimeout')
  })

  it('because its readiness path never answers 200 is killed with StartTimeout', async () => {
    await begin(exampleSpec('unready', { readinessPath: '/nowhere' }), { timing: { startTimeoutMs: 400 } })
    expect((await fallen()).reason).toBe('StartTimeout')
  })

  it('quickly is waited for', async () => {
    const replica = await start(exampleSpec('slow', { env: { BEHAVIOUR: 'slow' } }))
    expect(replica.restarts).toBe(0)
    expect(replica.steps.find(({ name }) => name === 'ready')?.ms).toBeGreaterThan(300)
  })
})

describe('the end of a replica', () => {
  it('that is deaf to SIGTERM comes by SIGKILL when its drain time is over', async () => {
    const replica = await start(exampleSpec('deaf', { env: { BEHAVIOUR: 'deaf' }, drainTimeoutMs: 200 }))
    await test.provider.remove(replica.workload)
    expect((await systemLines('deaf')).at(-1)).toContain('DrainTimeout')
  })

  it('lets a call under way finish', async () => {
    const replica = await start(exampleSpec('polite', { drainTimeoutMs: 5000 }))
    const answer = call(replica, '/sleep', { ms: 400 })
    await delay(50)
    await test.provider.remove(replica.workload)
    expect(await answer).toBe('slept')
  })

  it('closes within the deadline even when a workload has a longer drain time', async () => {
    await start(exampleSpec('deaf2', { env: { BEHAVIOUR: 'deaf' }, drainTimeoutMs: 60_000 }))
    const before = Date.now()
    await test.provider.close(1500)
    expect(Date.now() - before).toBeLessThan(3000)
  })

  it('closes at once when drains with much time are under way already', async () => {
    const replica = await start(exampleSpec('deaf3', { env: { BEHAVIOUR: 'deaf' }, drainTimeoutMs: 60_000 }))
    void test.provider.remove(replica.workload)
    await eventually('it drains', () => test.provider.list()[0]?.phase === 'draining')
    const before = Date.now()
    await test.provider.close(500)
    expect(Date.now() - before).toBeLessThan(2000)
  })

  it.each([
    ['in a sandbox', 'required', true],
    ['without a sandbox, in a control group', 'none', true],
    ['without a sandbox and without a control group', 'none', false],
  ] as const)('takes the daemons that it started with it, %s', async (_what, isolation, cgroups) => {
    const replica = await start(exampleSpec('daemons'), { isolation, cgroups })
    const { pid } = await call<{ pid: number }>(replica, '/daemon')
    await test.provider.remove(replica.workload)
    if (isolation === 'none') await eventually('the daemon is gone', () => readStat(pid) === undefined || !existsSync(`/proc/${pid}/exe`))
    expect(readStat(replica.pid ?? 0)).toBeUndefined()
  })
})

describe('the output of a replica', () => {
  it('is kept line by line with its stream, whatever bytes it has', async () => {
    const replica = await start(exampleSpec('words'))
    await call(replica, '/say', { text: 'eins\nzwei ü\n' })
    await call(replica, '/say', { to: 'stderr', text: 'drei\n' })
    const lines = await linesUntil('words', 3)
    expect(lines.map(({ stream, text }) => [stream, text])).toEqual([
      ['stdout', 'eins'],
      ['stdout', 'zwei ü'],
      ['stderr', 'drei'],
    ])
  })

  it('in a flood is cut and counted, and nobody else feels it', async () => {
    const logLimits = { linesPerSecond: 100, bytesPerSecond: 100_000 }
    const replica = await start(exampleSpec('flood'), { logLimits })
    const neighbour = await test.one(exampleSpec('dry'))
    const before = process.memoryUsage().rss
    await call(replica, '/flood', { ms: 1200 })
    let worst = 0
    for (const end = Date.now() + 1500; Date.now() < end;) {
      const asked = Date.now()
      expect(await call(neighbour, '/_/health')).toBe('ok')
      worst = Math.max(worst, Date.now() - asked)
      await delay(20)
    }
    expect(worst).toBeLessThan(1000)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB)
    const lines = await allLines(test.provider, { namespace: 'default', function: 'flood' })
    expect(lines.filter(({ stream }) => stream === 'stdout').length).toBeLessThan(1500)
    expect(lines.some(({ stream, text }) => stream === 'system' && /^\d+ lines were dropped/.test(text))).toBe(true)
  })
})

async function linesUntil(name: string, count: number) {
  for (;;) {
    const lines = (await allLines(test.provider, { namespace: 'default', function: name })).filter(({ stream }) => stream !== 'system')
    if (lines.length >= count) return lines
    await delay(10)
  }
}
