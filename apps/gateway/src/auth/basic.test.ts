import { describe, expect, it } from '@jest/globals'
import { AUTHORIZATION, makeWorld } from '../../test/world.ts'
import { readBasic } from './basic.ts'
import { Throttle } from './throttle.ts'

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

describe('credentials', () => {
  it.each([
    ['user and password', basic('admin:pw'), { user: 'admin', password: 'pw' }],
    ['a colon in the password', basic('admin:p:w'), { user: 'admin', password: 'p:w' }],
    ['lower-case scheme', basic('a:b').replace('Basic', 'basic'), { user: 'a', password: 'b' }],
    ['no colon', basic('admin'), undefined],
    ['another scheme', 'Bearer abc', undefined],
    ['nothing', undefined, undefined],
    ['no base64', 'Basic §§', undefined],
  ])('are read from the header: %s', (_name, header, expected) => {
    expect(readBasic(header)).toEqual(expected)
  })

  it.each([
    ['none', undefined],
    ['a wrong password', basic('admin:wrong')],
    ['a wrong user', basic('root:correct horse')],
    ['another scheme', 'Bearer correct horse'],
  ])('that do not fit are answered as OpenFaaS does: %s', async (_name, authorization) => {
    await using world = await makeWorld()
    const response = await world.gateway.app.inject({ url: '/system/functions', ...(authorization === undefined ? {} : { headers: { authorization } }) })
    expect(response.statusCode).toBe(401)
    expect(response.headers['www-authenticate']).toBe('Basic realm="Restricted"')
    expect(response.body).toBe('invalid credentials')
  })

  it.each(['/healthz', '/openapi.json'])('are not needed for %s', async (url) => {
    await using world = await makeWorld()
    expect((await world.gateway.app.inject({ url })).statusCode).toBe(200)
  })

  it.each(['/system/info', '/apis', '/apis/mesh.weft.dev/v1alpha1/status', '/api/v1/namespaces/default/secrets', '/system/nothing', '/version'])(
    'are needed for %s',
    async (url) => {
      await using world = await makeWorld()
      expect((await world.gateway.app.inject({ url })).statusCode).toBe(401)
    },
  )

  it('are not asked for when authentication is off', async () => {
    await using world = await makeWorld({ auth: { enabled: false, user: '', password: '' } })
    expect((await world.gateway.app.inject({ url: '/system/functions' })).statusCode).toBe(200)
  })

  it('are answered ever more slowly to who guesses, and at once to who knows', async () => {
    await using world = await makeWorld()
    for (let attempt = 0; attempt < 10; attempt++) {
      await world.gateway.app.inject({ url: '/system/info', headers: { authorization: basic(`admin:${attempt}`) } })
    }
    expect(world.waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000])
    const known = await world.gateway.app.inject({ url: '/system/info', headers: { authorization: AUTHORIZATION } })
    expect(known.statusCode).toBe(200)
    expect(world.waits).toHaveLength(7)
  })

  it('are not even read when too many guesses of one address wait', async () => {
    const held = Promise.withResolvers<void>()
    await using world = await makeWorld({ delay: () => held.promise })
    const guess = () => world.gateway.app.inject({ url: '/system/info', headers: { authorization: basic('admin:guess') } })
    for (let free = 0; free < 3; free++) await guess()
    const waiting = Array.from({ length: 8 }, guess)
    await new Promise((resolve) => setImmediate(resolve))
    const refused = await guess()
    expect([refused.statusCode, refused.body]).toEqual([429, expect.stringContaining('too many failed log-ins')])
    held.resolve()
    expect((await Promise.all(waiting)).map((response) => response.statusCode)).toEqual(Array(8).fill(401))
  })
})

describe('the throttle', () => {
  it('keeps addresses apart and forgets after five quiet minutes', () => {
    const throttle = new Throttle()
    const fail = (source: string, now: number) => {
      const wait = throttle.failed(source, now)
      throttle.answered(source)
      return wait
    }
    for (let attempt = 0; attempt < 4; attempt++) fail('a', 0)
    expect([fail('a', 1), fail('b', 1)]).toEqual([500, 0])
    expect(fail('c', 400_000)).toBe(0)
    expect(fail('a', 400_000)).toBe(0)
  })
})
