import dgram from 'node:dgram'
import http from 'node:http'
import { Resolver } from 'node:dns/promises'
import { afterEach, describe, expect, it } from '@jest/globals'
import { PRIVATE_RANGES } from '@weft/core'
import { host, snapshot, workload } from '../encode/testing/model.ts'
import { mirror, World } from '../encode/testing/world.ts'
import { addressBytes } from './message.ts'
import { startNameGuard } from './server.ts'
import type { NameGuard } from './server.ts'

const NAMES: Record<string, readonly string[]> = {
  'good.example': ['192.0.2.1', '198.51.100.2'],
  'evil.example': ['192.0.2.1', '127.0.0.1'],
  'meta.example': ['192.0.2.1', '198.51.100.2', '169.254.169.254'],
  'six.example': ['2001:db8::1', '::1'],
}

const source = {
  async resolve4(name: string): Promise<string[]> {
    return await of(name, (address) => !address.includes(':'))
  },
  async resolve6(name: string): Promise<string[]> {
    return await of(name, (address) => address.includes(':'))
  },
}

async function of(name: string, family: (address: string) => boolean): Promise<string[]> {
  const found = NAMES[name]
  if (found === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  return found.filter(family)
}

const started: NameGuard[] = []

async function guard(): Promise<{ readonly port: number; readonly resolver: Resolver }> {
  const running = await startNameGuard({ refused: PRIVATE_RANGES, source })
  started.push(running)
  const resolver = new Resolver({ timeout: 1000, tries: 1 })
  resolver.setServers([`127.0.0.1:${running.port}`])
  return { port: running.port, resolver }
}

afterEach(() => Promise.all(started.splice(0).map((running) => running.close())))

describe('the name guard', () => {
  it('passes on addresses that may be reached', async () => {
    const { resolver } = await guard()
    expect(await resolver.resolve4('good.example')).toEqual(['192.0.2.1', '198.51.100.2'])
  })

  it.each<[string, 'resolve4' | 'resolve6', readonly string[]]>([
    ['evil.example', 'resolve4', ['127.0.0.1']],
    ['meta.example', 'resolve4', ['169.254.169.254']],
    ['six.example', 'resolve6', ['::1']],
  ])('tells of %s only what the proxy will refuse', async (name, kind, expected) => {
    const { resolver } = await guard()
    expect(await resolver[kind](name)).toEqual(expected)
  })

  it('says that a name does not exist', async () => {
    const { resolver } = await guard()
    await expect(resolver.resolve4('none.example')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })

  it('lives on when it is sent anything else', async () => {
    const { port, resolver } = await guard()
    const socket = dgram.createSocket('udp4')
    for (const message of [
      Buffer.alloc(0),
      Buffer.alloc(12),
      Buffer.alloc(600, 0xff),
      Buffer.from('000100000001000000000000ff', 'hex'),
      Buffer.from('0001000000010000000000003f61', 'hex'),
    ]) {
      await new Promise<void>((resolve) => socket.send(message, port, '127.0.0.1', () => resolve()))
    }
    socket.close()
    expect(await resolver.resolve4('good.example')).toHaveLength(2)
  })
  it.each([
    ['192.0.2.1', 'c0000201'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::1:2', '20010db8000000000000000000010002'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ])('writes %s as %s', (address, hex) => expect(Buffer.from(addressBytes(address)).toString('hex')).toBe(hex))
})

describe('a name of which the second address is on this machine', () => {
  it('does not lead a function there', async () => {
    let hits = 0
    const server = http.createServer((request, response) => {
      hits += 1
      mirror(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const { port: nameGuard } = await guard()
    const world = await World.start(snapshot([workload('x')], [host('x')]), async (starting) => void (await starting.addReplica('default/x-1')), {
      nameGuard: { port: nameGuard },
    })
    try {
      expect(world.plane.refused).toEqual([])
      const answer = await world.from('default/x-1', `http://evil.example:${port}/`)
      expect([answer.status, answer.json().error.message]).toEqual([403, expect.stringContaining('private-address')])
      expect(hits).toBe(0)
    } finally {
      await world.stop()
      await new Promise((resolve) => server.close(resolve))
    }
  })
})
