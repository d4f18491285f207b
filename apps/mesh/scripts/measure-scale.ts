/**
 * What a mesh of many functions at zero costs: `node apps/mesh/scripts/measure-scale.ts [FUNCTIONS] [ROUNDS]`. Prints one line of JSON. A real Envoy, the mesh in its
 * own thread, the store in memory; memory of this process is that of the mesh, its store and this script together.
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { eventually, startFixture } from '../src/testing/fixture.ts'

const functions = Number(process.argv[2] ?? 1000)
const rounds = Number(process.argv[3] ?? 40)
const SETTLE_MS = 120_000
const IDLE_MS = 3_000

const residentMiB = (pid: number | 'self') => Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
const cpuMs = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
function summary(values: readonly number[]): { readonly p50: number; readonly p95: number; readonly max: number } {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10
  return { p50: at(0.5), p95: at(0.95), max: at(1) }
}

const fixture = await startFixture({ worker: new URL('../src/worker/worker.ts', import.meta.url) })
const { mesh } = fixture
try {
  const loadedAt = performance.now()
  let version = ''
  for (let index = 0; index < functions; index += 1) version = await fixture.deploy(`f${index}`)
  await mesh.settled(version, SETTLE_MS)
  const load = Math.round(performance.now() - loadedAt)
  await wait(IDLE_MS)
  const envoy = (await mesh.envoyPid()) ?? 0
  const idle = { node: residentMiB('self'), envoy: residentMiB(envoy) }
  const workload = { namespace: 'default', name: 'f0-v1' }
  const replica = await fixture.replica('f0')
  const up: number[] = []
  const down: number[] = []
  const change: number[] = []
  const cpuBefore = { node: process.cpuUsage(), envoy: cpuMs(envoy) }
  for (let round = 0; round < rounds; round += 1) {
    let at = performance.now()
    await mesh.setReplicas(workload, [replica])
    up.push(performance.now() - at)
    at = performance.now()
    await mesh.setReplicas(workload, [])
    down.push(performance.now() - at)
  }
  const spent = process.cpuUsage(cpuBefore.node)
  const cpu = { node: (spent.user + spent.system) / 1000 / (2 * rounds), envoy: (cpuMs(envoy) - cpuBefore.envoy) / (2 * rounds) }
  for (let round = 0; round < Math.min(rounds, 20); round += 1) {
    const at = performance.now()
    await mesh.settled(await fixture.deploy(`late${round}`), SETTLE_MS)
    change.push(performance.now() - at)
  }
  const calls: number[] = []
  for (let round = 0; round < 10; round += 1) {
    const at = performance.now()
    const { status } = await fixture.call(`/function/f${round + 1}`)
    if (status !== 200) throw new Error(`a cold call was answered ${status}`)
    calls.push(performance.now() - at)
  }
  const killedAt = performance.now()
  process.kill(envoy, 'SIGKILL')
  await eventually(async () => (((await mesh.envoyPid()) ?? envoy) === envoy ? undefined : true), 30_000)
  await eventually(
    () =>
      fixture.call('/function/f1').then(
        ({ status }) => (status === 200 ? true : undefined),
        () => undefined,
      ),
    60_000,
  )
  const firstAnswer = Math.round(performance.now() - killedAt)
  await mesh.settled(version, SETTLE_MS)
  await eventually(
    () =>
      fixture.call(`/function/f${functions - 1}`).then(
        ({ status }) => (status === 200 ? true : undefined),
        () => undefined,
      ),
    60_000,
  )
  const lastAnswer = Math.round(performance.now() - killedAt)
  const restartCpu = cpuMs((await mesh.envoyPid()) ?? 0)
  process.stdout.write(
    `${JSON.stringify({ functions, load, idleMiB: idle, up: summary(up), down: summary(down), cpuMsPerChange: cpu, deploy: summary(change), cold: summary(calls), restart: { firstAnswer, lastAnswer, envoyCpu: restartCpu } })}\n`,
  )
} finally {
  await fixture.close()
}
