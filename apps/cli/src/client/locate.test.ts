import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { testWorld } from '../testing/world.ts'
import { basicAuthorization, credentialsPath, dataDirectory, locateGateway, normaliseUrl } from './locate.ts'

const LOCAL = 'http://127.0.0.1:9999'

async function put(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return path
}

async function withPlatform(env: Record<string, string> = {}) {
  const world = await testWorld({ env })
  const data = dataDirectory(world.env)
  const passwordFile = await put(join(data, 'password'), 'secret\n')
  await put(join(data, 'instance.json'), JSON.stringify({ pid: 1, gateway: LOCAL, socket: '/run/gateway.sock', metrics: '', passwordFile }))
  return world
}

describe('the gateway', () => {
  it.each<[string, Record<string, string>, string | undefined, string, string]>([
    ['the flag, before all', { WEFT_GATEWAY: 'http://a', OPENFAAS_URL: 'http://b' }, 'http://c', 'http://c', '--gateway'],
    ['WEFT_GATEWAY', { WEFT_GATEWAY: 'http://a', OPENFAAS_URL: 'http://b' }, undefined, 'http://a', 'WEFT_GATEWAY'],
    ['OPENFAAS_URL', { OPENFAAS_URL: 'http://b/' }, undefined, 'http://b', 'OPENFAAS_URL'],
    ['the platform of this machine', {}, undefined, LOCAL, 'the local platform'],
    ['an empty variable, which is none', { WEFT_GATEWAY: '' }, undefined, LOCAL, 'the local platform'],
  ])('is that of %s', async (_name, env, flag, url, source) => {
    await using world = await withPlatform(env)
    expect(await locateGateway(world.env, flag)).toMatchObject({ url, source })
  })

  it('is at port 8080 of this machine when nothing says otherwise', async () => {
    await using world = await testWorld()
    expect(await locateGateway(world.env, undefined)).toEqual({ url: 'http://127.0.0.1:8080', source: 'the default' })
  })

  it('of this machine is asked over its socket with its own password, also when it is named by address', async () => {
    await using world = await withPlatform()
    const target = { socketPath: '/run/gateway.sock', authorization: basicAuthorization('admin', 'secret') }
    expect(await locateGateway(world.env, undefined)).toMatchObject(target)
    expect(await locateGateway(world.env, '127.0.0.1:9999/')).toMatchObject(target)
    expect(await locateGateway(world.env, 'http://elsewhere')).not.toHaveProperty('authorization')
  })

  it.each([
    ['ours', (home: string) => credentialsPath({ HOME: home })],
    ['those of faas-cli', (home: string) => join(home, '.openfaas', 'config.yml')],
  ])('elsewhere gets the credentials of a login: %s', async (_name, file) => {
    await using world = await testWorld()
    await put(file(world.cwd), 'auths:\n- gateway: http://elsewhere\n  auth: basic\n  token: YTpi\n')
    expect(await locateGateway(world.env, 'http://elsewhere', 'token')).toMatchObject({ authorization: 'Basic YTpi' })
  })

  it('gets a token when no login is kept', async () => {
    await using world = await testWorld()
    expect(await locateGateway(world.env, 'http://elsewhere', 'token')).toMatchObject({ authorization: 'Bearer token' })
  })

  it.each([
    ['localhost:8080', 'http://localhost:8080'],
    ['https://Example.ORG/', 'https://example.org'],
    ['http://x/prefix//', 'http://x/prefix'],
  ])('%s is %s', (given, url) => {
    expect(normaliseUrl(given)).toBe(url)
  })

  it('that is no URL is refused', () => {
    expect(() => normaliseUrl('http://')).toThrow('"http://" is not a URL')
  })
})
