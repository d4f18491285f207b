import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { LogLine, Provider, Replica } from './port.ts'
import { allLines, collect, eventually, exampleSpec, readyReplicas } from './test-support.ts'

/** An adapter under test with what the suite cannot do through the port. */
export interface ProviderUnderTest {
  readonly provider: Provider
  /** Ends a ready replica as a crash would. */
  crash(replica: Replica): void
  /** Frees everything; the provider may be closed already. */
  end(): Promise<void>
}

class Recorder {
  readonly seen: Replica[] = []
  readonly retired: string[] = []
  hold: Promise<void> = Promise.resolve()

  changed(replica: Replica): void {
    this.seen.push(replica)
  }

  retiring(replica: Replica): Promise<void> {
    this.retired.push(replica.id)
    return this.hold
  }

  phases(id: string): string[] {
    return this.seen.filter((replica) => replica.id === id).map(({ phase }) => phase)
  }
}

/** What every adapter of the Provider port does. */
export function providerContract(name: string, make: () => Promise<ProviderUnderTest>): void {
  describe(`the provider contract, ${name}`, () => {
    let subject: ProviderUnderTest
    let provider: Provider
    let recorder: Recorder

    beforeEach(async () => {
      subject = await make()
      provider = subject.provider
      recorder = new Recorder()
      provider.watch(recorder)
    })
    afterEach(() => subject.end())

    it('declares a workload at zero replicas', async () => {
      const spec = exampleSpec('quiet')
      await provider.apply(spec)
      expect(provider.list(spec.workload)).toEqual([])
    })

    it.each([
      ['a workload that was never declared', 'unknown', 1, 'NOT_FOUND'],
      ['a negative number', 'known', -1, 'INVALID_VALUE'],
      ['half a replica', 'known', 1.5, 'INVALID_VALUE'],
      ['not a number', 'known', Number.NaN, 'INVALID_VALUE'],
    ])('refuses to scale %s', async (_what, workload, replicas, code) => {
      await provider.apply(exampleSpec('known'))
      await expect(provider.scale({ namespace: 'default', name: workload }, replicas)).rejects.toMatchObject({ code })
    })

    it('starts as many replicas as are wanted, each with an id and sockets of its own', async () => {
      const spec = exampleSpec('many')
      await provider.apply(spec)
      await provider.scale(spec.workload, 3)
      const replicas = await readyReplicas(provider, spec, 3)
      expect(new Set(replicas.map(({ id }) => id)).size).toBe(3)
      expect(new Set(replicas.flatMap(({ inboundSocket, outboundSocket }) => [inboundSocket, outboundSocket])).size).toBe(6)
      for (const { inboundSocket = '', outboundSocket = '', readyAt = 0, startedAt } of replicas) {
        expect(inboundSocket.length).toBeLessThanOrEqual(107)
        expect(outboundSocket.length).toBeLessThanOrEqual(107)
        expect(readyAt).toBeGreaterThanOrEqual(startedAt)
      }
    })

    it('tells of each step of a start in order', async () => {
      const spec = exampleSpec('steps')
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const [replica] = await readyReplicas(provider, spec, 1)
      expect(recorder.phases(replica?.id ?? '')).toEqual(['starting', 'ready'])
      expect(replica?.steps.map((step) => step.name)).toEqual(['spawn', 'listening', 'ready'])
      expect(replica?.steps.every(({ ms }) => ms >= 0)).toBe(true)
    })

    it('lists the replicas of one workload or of all', async () => {
      const [one, two] = [exampleSpec('one'), exampleSpec('two')]
      for (const spec of [one, two]) {
        await provider.apply(spec)
        await provider.scale(spec.workload, 1)
        await readyReplicas(provider, spec, 1)
      }
      expect(provider.list(one.workload).map(({ workload }) => workload.name)).toEqual(['one'])
      expect(provider.list()).toHaveLength(2)
    })

    it('keeps workloads of the same name in two namespaces apart', async () => {
      const here = exampleSpec('same')
      const there = exampleSpec('same', { workload: { namespace: 'other', name: 'same' } })
      await provider.apply(here)
      await provider.apply(there)
      await provider.scale(there.workload, 1)
      await readyReplicas(provider, there, 1)
      expect(provider.list(here.workload)).toEqual([])
      await provider.remove(here.workload)
      expect(provider.list(there.workload)).toHaveLength(1)
    })

    it('drains the youngest first when there are too many', async () => {
      const spec = exampleSpec('shrink')
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const [first] = await readyReplicas(provider, spec, 1)
      await eventually('a later millisecond', () => Date.now() > (first?.startedAt ?? 0))
      await provider.scale(spec.workload, 2)
      await readyReplicas(provider, spec, 2)
      await provider.scale(spec.workload, 1)
      const [left] = await readyReplicas(provider, spec, 1)
      expect(left?.id).toBe(first?.id)
    })

    it('waits until no proxy sends anything more before it lets a replica go', async () => {
      const spec = exampleSpec('patient', { drainTimeoutMs: 10_000 })
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const [replica] = await readyReplicas(provider, spec, 1)
      const { promise, resolve } = Promise.withResolvers<void>()
      recorder.hold = promise
      await provider.scale(spec.workload, 0)
      await eventually('the observer is asked', () => recorder.retired.length === 1)
      expect(provider.list(spec.workload).map(({ phase }) => phase)).toEqual(['draining'])
      resolve()
      await eventually('the replica is gone', () => recorder.phases(replica?.id ?? '').at(-1) === 'gone')
      expect(recorder.phases(replica?.id ?? '')).toEqual(['starting', 'ready', 'draining', 'gone'])
      expect(provider.list(spec.workload)).toEqual([])
    })

    it('does not wait for an observer longer than the drain time', async () => {
      const spec = exampleSpec('impatient', { drainTimeoutMs: 200 })
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      await readyReplicas(provider, spec, 1)
      recorder.hold = new Promise(() => {})
      const before = Date.now()
      await provider.remove(spec.workload)
      expect(Date.now() - before).toBeLessThan(5000)
      expect(provider.list()).toEqual([])
    })

    it('lives on when an observer throws', async () => {
      provider.watch({
        changed: () => {
          throw new Error('an observer in trouble')
        },
        retiring: () => Promise.reject(new Error('an observer in trouble')),
      })
      const spec = exampleSpec('stoic')
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      await readyReplicas(provider, spec, 1)
      await provider.remove(spec.workload)
      expect(provider.list()).toEqual([])
    })

    it('stops telling an observer that has ended its watch', async () => {
      const other = new Recorder()
      provider.watch(other)()
      const spec = exampleSpec('unwatched')
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      await readyReplicas(provider, spec, 1)
      expect(other.seen).toEqual([])
    })

    it('removes a workload with all its replicas, also twice and also one that never was', async () => {
      const spec = exampleSpec('leaving')
      await provider.apply(spec)
      await provider.scale(spec.workload, 2)
      await readyReplicas(provider, spec, 2)
      await Promise.all([provider.remove(spec.workload), provider.remove(spec.workload)])
      await provider.remove(spec.workload)
      await provider.remove({ namespace: 'default', name: 'never-was' })
      expect(provider.list()).toEqual([])
      await expect(provider.scale(spec.workload, 1)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })

    it('removes a workload whose replica has hardly begun to start', async () => {
      const spec = exampleSpec('hasty')
      await provider.apply(spec)
      await provider.scale(spec.workload, 2)
      await provider.remove(spec.workload)
      expect(provider.list()).toEqual([])
    })

    it('starts a crashed replica again, with fresh sockets and the same id', async () => {
      const spec = exampleSpec('phoenix')
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const [before] = await readyReplicas(provider, spec, 1)
      if (before === undefined) throw new Error('no replica')
      subject.crash(before)
      const after = await eventually('it is ready again', () => provider.list(spec.workload).find(({ phase, restarts }) => phase === 'ready' && restarts === 1))
      expect(after.id).toBe(before.id)
      expect(after.inboundSocket).not.toBe(before.inboundSocket)
      expect(after.outboundSocket).not.toBe(before.outboundSocket)
      expect(recorder.phases(before.id)).toEqual(['starting', 'ready', 'backoff', 'starting', 'ready'])
      const fell = recorder.seen.find(({ phase }) => phase === 'backoff')
      expect(fell?.reason).toBeTruthy()
      expect(fell?.readyAt).toBe(before.readyAt)
      expect(fell?.restartsAt).toBeGreaterThan(before.startedAt)
      expect(after.restartsAt).toBeUndefined()
    })

    it('shows a replica that crashes again and again as CrashLoopBackOff, and lets go of it at once', async () => {
      const spec = exampleSpec('sisyphus', { env: { BEHAVIOUR: 'crash' } })
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const replica = await eventually('the loop is seen', () => provider.list(spec.workload).find(({ reason }) => reason === 'CrashLoopBackOff'))
      expect(replica.phase).toBe('backoff')
      expect(replica.message).toBeTruthy()
      expect(replica.inboundSocket).toBeUndefined()
      expect([replica.readyAt, typeof replica.restartsAt]).toEqual([undefined, 'number'])
      const before = Date.now()
      await provider.remove(spec.workload)
      expect(Date.now() - before).toBeLessThan(3000)
    })

    it('changes nothing that runs but its limits when a workload is declared again', async () => {
      const spec = exampleSpec('fixed')
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const [before] = await readyReplicas(provider, spec, 1)
      await provider.apply({ ...spec, env: { OTHER: 'x' }, limits: { memoryBytes: 256 * 1_048_576 } })
      const [after] = await readyReplicas(provider, spec, 1)
      expect(after?.id).toBe(before?.id)
      expect(after?.restarts).toBe(0)
    })

    it('keeps the log of a replica that is gone', async () => {
      const spec = exampleSpec('remembered')
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const [replica] = await readyReplicas(provider, spec, 1)
      await provider.remove(spec.workload)
      const lines = await allLines(provider, { namespace: 'default', function: 'remembered' })
      expect(lines.some(({ stream, text, replica: id }) => stream === 'system' && text.startsWith('started') && id === replica?.id)).toBe(true)
    })

    it('answers for the log of one function, one replica, from a time, and only the last lines', async () => {
      const [spec, other] = [exampleSpec('talk'), exampleSpec('noise')]
      for (const each of [spec, other]) {
        await provider.apply(each)
        await provider.scale(each.workload, 2)
        await readyReplicas(provider, each, 2)
      }
      const [one] = provider.list(spec.workload)
      const lines = await allLines(provider, { namespace: 'default', function: 'talk' })
      expect(new Set(lines.map((line) => line.function))).toEqual(new Set(['talk']))
      const ofOne = await allLines(provider, { namespace: 'default', function: 'talk', replica: one?.id ?? '' })
      expect(new Set(ofOne.map(({ replica }) => replica))).toEqual(new Set([one?.id]))
      expect(await allLines(provider, { namespace: 'default', function: 'talk', tail: 1 })).toEqual(lines.slice(-1))
      expect(await allLines(provider, { namespace: 'default', function: 'talk', tail: 0 })).toEqual(lines)
      expect(await allLines(provider, { namespace: 'default', function: 'talk', since: Date.now() + 60_000 })).toEqual([])
      expect(await allLines(provider, { namespace: 'other', function: 'talk' })).toEqual([])
    })

    it('follows a log over restarts until the reader has enough', async () => {
      const spec = exampleSpec('serial')
      await provider.apply(spec)
      await provider.scale(spec.workload, 1)
      const [replica] = await readyReplicas(provider, spec, 1)
      if (replica === undefined) throw new Error('no replica')
      const reader = new AbortController()
      const lines: LogLine[] = []
      const reading = (async () => {
        for await (const line of provider.logs({ namespace: 'default', function: 'serial', follow: true, signal: reader.signal })) lines.push(line)
      })()
      const starts = () => lines.filter(({ text }) => text.startsWith('started')).length
      await eventually('the first start is read', () => starts() === 1)
      subject.crash(replica)
      await eventually('the second start is read', () => starts() === 2)
      reader.abort()
      await reading
      expect(new Set(lines.map((line) => line.function))).toEqual(new Set(['serial']))
    })

    it('measures what a workload uses', async () => {
      const spec = exampleSpec('measured')
      await provider.apply(spec)
      expect(await provider.usage(spec.workload)).toEqual({ memoryBytes: 0, cpuMillis: 0 })
      await provider.scale(spec.workload, 1)
      await readyReplicas(provider, spec, 1)
      const usage = await provider.usage(spec.workload)
      expect(usage.memoryBytes).toBeGreaterThan(100_000)
      expect(usage.cpuMillis).toBeGreaterThanOrEqual(0)
    })

    it('drains everything when it closes, ends followers, and takes nothing new', async () => {
      const spec = exampleSpec('last')
      await provider.apply(spec)
      await provider.scale(spec.workload, 2)
      await readyReplicas(provider, spec, 2)
      const following = collect(provider.logs({ namespace: 'default', function: 'last', follow: true }))
      await Promise.all([provider.close(5000), provider.close(5000)])
      await following
      expect(provider.list()).toEqual([])
      expect(recorder.retired).toHaveLength(2)
      await expect(provider.apply(spec)).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' })
      await expect(provider.scale(spec.workload, 1)).rejects.toMatchObject({ code: 'PROVIDER_CLOSED' })
    })
  })
}
