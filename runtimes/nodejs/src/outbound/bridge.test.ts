import { connect, createServer, type AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { startProxy } from '../../test/proxy.ts'
import { until } from '../../test/harness.ts'
import { startBridge } from './bridge.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

describe('the outbound bridge', () => {
  it('serves only connections whose target was named, so no other process on the same loopback', async () => {
    const echo = createServer((socket) => socket.pipe(socket))
    await new Promise<void>((done) => echo.listen(0, '127.0.0.1', done))
    cleanups.push(() => echo.close())
    const proxy = await startProxy({ 'db.example.com:5432': (echo.address() as AddressInfo).port })
    cleanups.push(() => proxy.close())
    const bridge = await startBridge(proxy.socketPath)
    cleanups.push(() => bridge.close())

    const stranger = connect(bridge.port, '127.0.0.1')
    stranger.on('error', () => undefined)
    cleanups.push(() => stranger.destroy())
    await new Promise<void>((done) => stranger.once('connect', done))
    stranger.write('CONNECT db.example.com:5432 HTTP/1.1\r\n\r\n')

    const client = connect(bridge.port, '127.0.0.1')
    cleanups.push(() => client.destroy())
    await new Promise<void>((done) => client.once('connect', done))
    bridge.assign(client.localPort ?? 0, { authority: 'db.example.com:5432', client })
    let got = ''
    client.on('data', (chunk: Buffer) => (got += chunk.toString()))
    client.write('hello')
    await until(() => got === 'hello', 'the echo')

    expect(proxy.seen.map((seen) => seen.path)).toEqual(['db.example.com:5432'])
    expect(stranger.bytesRead).toBe(0)
  })
})
