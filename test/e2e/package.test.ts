import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, run, until, type CommandResult } from '@weft/test-harness'

const CLI = fileURLToPath(new URL('../../apps/cli', import.meta.url))
let directory = ''
let env: Record<string, string> = {}

/** A command of the installed package, under whatever `node` the machine has. */
const installed = (program: 'weft' | 'kubeless', ...args: string[]): Promise<CommandResult> =>
  run(join(directory, 'node_modules/.bin', program), args, { cwd: directory, env })

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-package-'))
  const keep = ['HOME', 'LANG', 'XDG_CACHE_HOME', 'WEFT_ENVOY', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'npm_config_registry', 'npm_config_cache']
  const kept = keep.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]))
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'))
  env = { ...Object.fromEntries(kept), PATH: path.join(delimiter), WEFT_DATA_DIR: join(directory, 'data'), XDG_CONFIG_HOME: join(directory, 'config') }
  const packed = await run('npm', ['pack', '--silent', '--pack-destination', directory], { cwd: CLI, env: { ...env, PATH: process.env['PATH'] ?? '' } })
  const tarball = join(directory, packed.stdout.trim().split('\n').at(-1) ?? '')
  const install = await run('npm', ['install', '--prefix', directory, '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball], {
    cwd: directory,
    env,
  })
  if (install.code !== 0) throw new Error(`npm install: ${install.stdout}${install.stderr}`)
}, 120_000)

afterAll(() => rm(directory, { recursive: true, force: true }))

describe('the npm package', () => {
  it('depends on Node.js and esbuild only', async () => {
    const manifest = JSON.parse(await readFile(join(directory, 'node_modules/weft/package.json'), 'utf8')) as { dependencies: object }
    expect(Object.keys(manifest.dependencies)).toEqual(['esbuild', 'node'])
  })

  it('runs under Node.js 24, whatever the machine has', async () => {
    const { stdout, code } = await installed('weft', 'version', '-o', 'json')
    expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({ code: 0, client: '0.1.0', node: expect.stringMatching(/^v24\./) })
  })

  it('brings the kubeless command, and exit codes reach the caller', async () => {
    expect((await installed('kubeless', 'function', '--help')).stdout).toContain('deploy')
    expect(await installed('weft', 'deploy', 'x', '--image')).toMatchObject({ code: 2 })
  })

  it('starts the platform, deploys from a template and from an image of the catalogue, and ends on one signal', async () => {
    const args = ['start', '--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0', '--isolation', 'preferred']
    const platform = spawn(join(directory, 'node_modules/.bin/weft'), args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [platform.stdout, platform.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const ended = new Promise<number | null>((resolve) => platform.once('exit', (code) => resolve(code)))
    try {
      const gateway = await until(
        'start of the platform',
        async () => {
          if (platform.exitCode !== null) throw new Error(output)
          const instance = JSON.parse(await readFile(join(directory, 'data/instance.json'), 'utf8')) as { gateway: string }
          return (await ask(`${instance.gateway}/healthz`)).status === 200 && instance.gateway
        },
        60_000,
      )
      expect(await installed('weft', 'new', 'hello', '--lang', 'fetch-js')).toMatchObject({ code: 0 })
      expect(await installed('weft', 'up', 'hello')).toMatchObject({ code: 0, stdout: expect.stringContaining(`${gateway}/function/hello`) })
      expect(await installed('weft', 'invoke', 'hello')).toMatchObject({ code: 0, stdout: expect.stringContaining('hello') })
      expect(await installed('weft', 'deploy', 'env', '--image', 'functions/alpine:latest', '--fprocess', 'env')).toMatchObject({ code: 0 })
      expect((await installed('weft', 'invoke', 'env')).stdout).toContain('Http_Method=GET')
    } finally {
      platform.kill('SIGINT')
      expect(await ended).toBe(0)
    }
  }, 120_000)
})
