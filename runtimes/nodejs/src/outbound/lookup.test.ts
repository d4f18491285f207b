import dns from 'node:dns'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { installLookup, NameBook } from './lookup.ts'

const system = { lookup: dns.lookup, promised: dns.promises.lookup }
const book = new NameBook()
beforeAll(() => installLookup(dns, book, new Set(['default', 'shop'])))
afterAll(() => {
  Object.assign(dns, { lookup: system.lookup })
  Object.assign(dns.promises, { lookup: system.promised })
})

const looked = (name: string, ...options: readonly unknown[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const done = (error: Error | null, ...found: readonly unknown[]): void => (error === null ? resolve(found.length === 1 ? found[0] : found) : reject(error))
    Reflect.apply(dns.lookup, dns, [name, ...options, done])
  })

describe('a look-up', () => {
  it.each(['temp', 'temp.default', 'Temp.shop', 'temp.other.svc.cluster.local'])('of the mesh name %s gives an address that stands for it', async (name) => {
    const { address, family } = await dns.promises.lookup(name)
    expect([book.nameOf(address), family, address.startsWith('127.64.')]).toEqual([name.toLowerCase(), 4, true])
    expect(await looked(name)).toEqual([address, 4])
    expect(await looked(name, { all: true })).toEqual([{ address, family: 4 }])
    expect(await looked(name, 4)).toEqual([address, 4])
    expect(await dns.promises.lookup(name, { all: true })).toEqual([{ address, family: 4 }])
  })

  it("of localhost and of addresses is the system's", async () => {
    expect(await dns.promises.lookup('127.0.0.1')).toEqual({ address: '127.0.0.1', family: 4 })
    expect(await looked('localhost', { family: 4 })).toEqual(['127.0.0.1', 4])
  })
})

describe('the book of names', () => {
  it('gives a name the same address again, and keeps a thousand', () => {
    const own = new NameBook()
    const first = own.addressOf('first')
    const second = own.addressOf('second')
    for (let index = 0; index < 1022; index += 1) own.addressOf(`n${index}`)
    expect(own.addressOf('first')).toBe(first)
    own.addressOf('one-more')
    expect([own.nameOf(first), own.nameOf(second), own.nameOf('temp')]).toEqual(['first', second, 'temp'])
  })
})
