import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { claimAddress, formatAddress } from './ports.ts'

let server: Server | undefined
afterEach(async () => {
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
  server = undefined
})

describe('claimAddress', () => {
  it('turns port 0 into one that is free and that no outgoing connection takes', async () => {
    const { host, port } = await claimAddress({ host: '127.0.0.1', port: 0 }, '--listen')
    expect(host).toBe('127.0.0.1')
    expect(port).toBeGreaterThanOrEqual(15_000)
    expect(port).toBeLessThan(32_768)
  })

  it('says which flag chooses another address than one that is taken', async () => {
    const taken = createServer()
    server = taken
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    await expect(claimAddress({ host: '127.0.0.1', port }, '--listen')).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      help: expect.stringContaining('--listen'),
    })
  })

  it('says why an address that is none of this machine cannot be listened on', async () => {
    await expect(claimAddress({ host: '192.0.2.1', port: 9 }, '--listen')).rejects.toMatchObject({ code: 'INVALID_CONFIG' })
  })
})

describe('formatAddress', () => {
  it('puts IPv6 in brackets', () => {
    expect([formatAddress({ host: '::1', port: 80 }), formatAddress({ host: '127.0.0.1', port: 80 })]).toEqual(['[::1]:80', '127.0.0.1:80'])
  })
})
