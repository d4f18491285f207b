import { createServer, type RequestListener } from 'node:http'
import { afterEach, describe, expect, it } from '@jest/globals'
import { AddressGuard, isAddressRange } from './address-guard.ts'
import { askOutside } from './ask.ts'

const strict = new AddressGuard({ allowed: [], own: ['203.0.113.7/32'] })

let close: (() => void) | undefined
afterEach(() => close?.())

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  close = () => {
    server.closeAllConnections()
    server.close()
  }
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

describe('the guard of addresses', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '192.168.0.1',
    '100.64.0.1',
    '203.0.113.7',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    'fe80::1',
    'fd00::1',
    '64:ff9b::7f00:1',
    '0.0.0.0',
    'nonsense',
  ])('refuses %s', (address) => expect(strict.refuses(address)).toBe(true))

  it.each(['93.184.216.34', '203.0.113.8', '8.8.8.8', '2606:4700::1111'])('lets %s through', (address) => expect(strict.refuses(address)).toBe(false))

  it('lets through what the operator allows, and nothing beside it', () => {
    const guard = new AddressGuard({ allowed: ['10.0.0.0/8', '::1'], own: [] })
    expect(['10.9.9.9', '::ffff:10.9.9.9', '::1', '192.168.0.1', '::2'].map((address) => guard.refuses(address))).toEqual([false, false, false, true, true])
  })

  it.each([
    ['10.0.0.0/8', true],
    ['::1', true],
    ['10.0.0.0/33', false],
    ['10.0.0.0/8/8', false],
    ['example.org', false],
  ])('%s as a range: %s', (text, valid) => expect(isAddressRange(text)).toBe(valid))
})

describe('a question to the outside', () => {
  it.each([
    ['an address of this machine', 'http://127.0.0.1:1/'],
    ['a name that leads to this machine', 'http://localhost:1/'],
    ['an address in brackets', 'http://[::1]:1/'],
    ['an address written as a number', 'http://2130706433/'],
    ['an address in octal', 'http://0177.0.0.1/'],
    ['the address of the metadata', 'http://169.254.169.254/latest'],
  ])('is refused for %s', async (_name, url) => {
    expect(await askOutside({ url, timeoutMs: 5_000 }, strict)).toEqual({ ok: false, reason: expect.stringMatching(/private address/) })
  })

  it('is refused for anything but http and https', async () => {
    expect(await askOutside({ url: 'file:///etc/passwd', timeoutMs: 5_000 }, undefined)).toMatchObject({ ok: false })
  })

  it('sends a body and gives the answer back', async () => {
    const url = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => response.writeHead(202).end(`${request.method ?? ''} ${text}`))
    })
    expect(await askOutside({ url, method: 'POST', body: 'hello', timeoutMs: 5_000 }, undefined)).toEqual({ ok: true, status: 202, body: 'POST hello' })
  })

  it('does not follow a redirect', async () => {
    const url = await serve((_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end())
    expect(await askOutside({ url, timeoutMs: 5_000 }, undefined)).toMatchObject({ ok: true, status: 302 })
  })

  it('gives up on an answer that is too long', async () => {
    const url = await serve((_request, response) => response.end('x'.repeat(2_000)))
    expect(await askOutside({ url, timeoutMs: 5_000, maxBytes: 1_000 }, undefined)).toEqual({ ok: false, reason: 'it answered with more than 1000 bytes' })
  })

  it('gives up on an answer that does not come, or does not end', async () => {
    const silent = await serve((_request, response) => void response.write('{'))
    expect(await askOutside({ url: silent, timeoutMs: 50 }, undefined)).toEqual({ ok: false, reason: 'it did not answer within 50 ms' })
  })
})
