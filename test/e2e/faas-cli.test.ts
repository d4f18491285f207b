import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ensureFaasCli, run, TestPlatform, until, type CommandResult } from '@weft/test-harness'

const faasCli = await ensureFaasCli(process.env)
const HANDLER = `module.exports = async (event, context) => {
  console.log('called with ' + event.body)
  return context.status(200).succeed('hello ' + event.body)
}
`

if (faasCli.path !== undefined) describe("today's faas-cli", () => withClient(faasCli.path))
else if (faasCli.isSkip) describe.skip(`today's faas-cli: ${faasCli.reason}`, () => it('logs in, deploys and calls', () => {}))
else
  describe("today's faas-cli", () =>
    it('can be built', () => {
      throw new Error(faasCli.reason)
    }))

/** All that a user of OpenFaaS does in a day. The tests build on each other, as the commands do. */
function withClient(client: string): void {
  let platform: TestPlatform
  let home: string
  beforeAll(async () => {
    platform = await TestPlatform.start()
    home = join(platform.dataDir, 'home')
    await mkdir(join(home, 'hello'), { recursive: true })
    await writeFile(join(home, 'hello', 'handler.js'), HANDLER)
    await writeFile(join(home, 'hello', 'package.json'), '{"name":"hello","version":"1.0.0","main":"handler.js"}')
  }, 120_000)
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]()
  })

  function faas(args: readonly string[], input?: string): Promise<CommandResult> {
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, OPENFAAS_CONFIG: join(home, '.openfaas'), OPENFAAS_URL: platform.gateway }
    return run(client, args, { env, cwd: home, ...(input === undefined ? {} : { input }) })
  }

  /** A command that must succeed. */
  async function ok(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await faas(args, input)
    expect([args, code, stderr]).toEqual([args, 0, stderr])
    return stdout + stderr
  }

  it('is refused without a password and with a wrong one, and logs in with the right one', async () => {
    expect((await faas(['list'])).code).not.toBe(0)
    expect((await faas(['login', '--username', 'admin', '--password-stdin'], 'wrong')).code).not.toBe(0)
    expect(await ok(['login', '--username', 'admin', '--password-stdin'], await platform.password())).toMatch(/credentials saved for admin/)
  })

  it('deploys an image that weft build recorded, and calls it', async () => {
    await platform.weftOk(['build', '--name', 'hello', '--lang', 'node22', '--handler', join(home, 'hello'), '--image', 'acme/hello:1.0'])
    expect(await ok(['deploy', '--image', 'acme/hello:1.0', '--name', 'hello'])).toMatch(/20[02]/)
    const text = await until('the function answers', async () => {
      const { code, stdout } = await faas(['invoke', 'hello'], 'world')
      return code === 0 && stdout
    })
    expect(text).toContain('hello world')
  }, 60_000)

  it('deploys functions/alpine with a program, and updates it', async () => {
    await ok(['deploy', '--image', 'functions/alpine:latest', '--name', 'shell', '--fprocess', 'cat', '--env', 'WORD=one', '--label', 'team=cold'])
    await until('it answers', async () => (await faas(['invoke', 'shell'], 'as it is')).stdout.includes('as it is'))
    await ok(['deploy', '--image', 'functions/alpine:latest', '--name', 'shell', '--fprocess', 'env', '--env', 'WORD=two'])
    await until('the update serves', async () => (await faas(['invoke', 'shell'], '')).stdout.includes('WORD=two'))
  }, 60_000)

  it('is told what to do about an image that is not there', async () => {
    const { stdout, stderr } = await faas(['deploy', '--image', 'acme/nowhere:1.0', '--name', 'nowhere'])
    expect(stdout + stderr).toMatch(/acme\/nowhere:1\.0.*weft build/s)
    expect(await ok(['list', '--quiet'])).not.toContain('nowhere')
  })

  it('lists and describes', async () => {
    expect((await ok(['list', '--quiet'])).trim().split('\n').toSorted()).toEqual(['hello', 'shell'])
    const listed = JSON.parse((await faas(['list', '--json'])).stdout) as readonly { name: string; invocationCount?: number }[]
    expect(listed.map(({ name }) => name).toSorted()).toEqual(['hello', 'shell'])
    expect(await ok(['describe', 'hello'])).toMatch(/Status:\s+Ready[\s\S]*acme\/hello:1\.0/)
    expect((await faas(['describe', 'nobody'])).code).not.toBe(0)
  })

  it('reads logs', async () => {
    await until('the line', async () => (await faas(['logs', 'hello', '--tail=false', '--since', '5m'])).stdout.includes('called with world'))
  })

  it('keeps secrets', async () => {
    await ok(['secret', 'create', 'api-key', '--from-literal', 'first'])
    expect(await ok(['secret', 'list'])).toContain('api-key')
    expect((await faas(['secret', 'create', 'api-key', '--from-literal', 'again'])).stdout).toMatch(/already exists/)
    await ok(['secret', 'update', 'api-key', '--from-literal', 'second'])
    await ok(['deploy', '--image', 'functions/alpine:latest', '--name', 'reader', '--fprocess', 'cat /var/openfaas/secrets/api-key', '--secret', 'api-key'])
    await until('it reads the secret', async () => (await faas(['invoke', 'reader'], '')).stdout.includes('second'))
    await ok(['remove', 'reader'])
    await ok(['secret', 'remove', 'api-key'])
    expect(await ok(['secret', 'list'])).not.toContain('api-key')
  }, 60_000)

  it('lists namespaces and works in one', async () => {
    expect(await ok(['namespaces'])).toMatch(/default|openfaas-fn/)
    await ok(['namespace', 'create', 'staging'])
    await ok(['deploy', '--image', 'functions/alpine:latest', '--name', 'shell', '--fprocess', 'cat', '--namespace', 'staging'])
    await until('it answers', async () => (await faas(['invoke', 'shell', '--namespace', 'staging'], 'there')).stdout.includes('there'))
    expect((await ok(['list', '--quiet', '--namespace', 'staging'])).trim()).toBe('shell')
    await ok(['remove', 'shell', '--namespace', 'staging'])
  }, 60_000)

  it('removes', async () => {
    await ok(['remove', 'hello'])
    await until('it is gone', async () => !(await ok(['list', '--quiet'])).includes('hello'))
    expect((await platform.call('hello')).status).toBe(404)
    expect((await faas(['remove', 'hello'])).stdout).toMatch(/No existing function to remove/)
  }, 30_000)
}
