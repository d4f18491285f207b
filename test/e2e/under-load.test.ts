import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:tls'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startLoad, TestPlatform, until } from '@weft/test-harness'

let platform: TestPlatform
let source: string

beforeAll(async () => {
  platform = await TestPlatform.start()
  source = join(platform.dataDir, 'echo.mjs')
  await deploy(0)
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
})

/** Deploys version N of the function `echo`, which answers with its version, and waits until it is proven ready. */
async function deploy(version: number): Promise<void> {
  const code = `import { randomUUID } from 'node:crypto'
const replica = randomUUID()
export default (request) => new Response(request.url.endsWith('/replica') ? replica : 'version ${version}')\n`
  await writeFile(source, code)
  await platform.weftOk(['deploy', 'echo', '--from-file', source, '--runtime', 'fetch', '--revision', `r${version}`])
}

describe('under load', () => {
  it('loses no call in 20 updates', async () => {
    const load = startLoad(`${platform.gateway}/function/echo`, 4)
    for (let version = 1; version <= 20; version += 1) {
      await deploy(version)
      await until(`version ${version} serves`, async () => (await platform.call('echo')).text === `version ${version}`)
    }
    const { calls, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(calls).toBeGreaterThan(1_000)
  }, 300_000)

  it('loses no call in 20 rotations of all certificates, each seen in a fresh handshake', async () => {
    const load = startLoad(`${platform.gateway}/function/echo`, 4)
    const seen = new Set<string>([await freshSerial()])
    for (let rotation = 1; rotation <= 20; rotation += 1) {
      expect((await platform.api('POST', '/apis/mesh.weft.dev/v1alpha1/rotate')).status).toBeLessThan(300)
      await until(`serial of rotation ${rotation}`, async () => {
        const serial = await freshSerial()
        return !seen.has(serial) && seen.add(serial) !== undefined
      })
    }
    const { failures } = await load.stop()
    expect(failures).toEqual([])
    expect(seen.size).toBe(21)
  }, 300_000)

  it('loses no call in 50 flips between one replica and none', async () => {
    const load = startLoad(`${platform.gateway}/function/echo`, 4)
    const replicas = new Set<string>()
    for (let flip = 1; flip <= 50; flip += 1) {
      const before = load.calls()
      await platform.api('POST', '/system/scale-function/echo', { serviceName: 'echo', replicas: 0 })
      await until('another replica answers', async () => !replicas.has((await platform.call('echo/replica')).text))
      await until('calls go on', async () => load.calls() > before + 20)
      replicas.add((await platform.call('echo/replica')).text)
    }
    const { failures } = await load.stop()
    expect(failures).toEqual([])
    expect(replicas.size).toBe(50)
  }, 300_000)

  it('explains every failure of 5 kills of Envoy by the time between kill and return', async () => {
    await platform.api('POST', '/system/scale-function/echo', { serviceName: 'echo', replicas: 1 })
    const load = startLoad(`${platform.gateway}/function/echo`, 4)
    const windows: { from: number; to: number }[] = []
    for (let kill = 1; kill <= 5; kill += 1) {
      const before = load.calls()
      await until('calls go on', async () => load.calls() > before + 100)
      const from = Date.now()
      process.kill(await envoyPid(), 'SIGKILL')
      await until('the gateway is back', async () => (await platform.call('echo')).status === 200, 10_000, 10)
      windows.push({ from, to: Date.now() })
    }
    const { failures } = await load.stop()
    const unexplained = failures.filter((failure) => !windows.some((window) => failure.endedAt >= window.from && failure.startedAt <= window.to))
    expect(unexplained).toEqual([])
    for (const window of windows) expect(window.to - window.from).toBeLessThan(5_000)
  }, 120_000)
})

/** Serial of the certificate that the inbound listener of `echo` shows in a new handshake. */
async function freshSerial(): Promise<string> {
  const path = await inboundSocket()
  return new Promise((resolve, reject) => {
    const socket = connect({ path, rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

async function inboundSocket(): Promise<string> {
  const configuration = JSON.parse((await platform.api('GET', '/apis/mesh.weft.dev/v1alpha1/config/echo.default')).text) as {
    listeners: { address?: { pipe?: { path?: string } } }[]
  }[]
  for (const workload of configuration.toReversed()) {
    for (const listener of workload.listeners) {
      const path = listener.address?.pipe?.path
      if (path?.includes('/m/i/') === true) return path
    }
  }
  throw new Error('no inbound listener')
}

async function envoyPid(): Promise<number> {
  const { socket } = platform
  const text = await readFile(join(socket.replace(/gateway\.sock$/, ''), 'm', 'envoy.pid'), 'utf8')
  return Number.parseInt(/\d+/.exec(text)?.[0] ?? '', 10)
}
