import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ask, TestPlatform, until } from '@weft/test-harness'

const CERTS = '/apis/mesh.weft.dev/v1alpha1/certs'
const HERE = `export default () => new Response('here')`

interface Certificate {
  readonly kind: string
  readonly serial: string
  readonly state?: string
  readonly root?: string
}

const certificates = async (platform: TestPlatform) => JSON.parse((await platform.api('GET', CERTS)).text) as readonly Certificate[]
const rootOf = async (platform: TestPlatform, state: string) => (await certificates(platform)).find((each) => each.state === state)?.serial

let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'weft-e2e-trust-'))
})
afterAll(() => rm(dataDir, { recursive: true, force: true }))

/** Makes a root as a user does, for the directory that is brought. */
async function bring(directory: string, name: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  const [key, certificate] = [join(directory, 'ca-key.pem'), join(directory, 'ca-cert.pem')]
  const extensions = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-days', '90', ...extensions]
  execFileSync('openssl', [...made, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  await chmod(key, 0o600)
  await writeFile(join(directory, 'root-cert.pem'), await readFile(certificate))
}

describe('a rotation of the root', () => {
  it('is carried on after a kill at any moment of it', async () => {
    let platform = await TestPlatform.start({ dataDir })
    try {
      await platform.deploy('here', HERE)
      for (const afterMs of [0, 5, 40]) {
        const rotating = platform.weft(['mesh', 'rotate-root'])
        await until('the new root is there', async () => (await readdir(join(dataDir, 'mesh', 'ca'))).filter((name) => name.endsWith('.pem')).length > 1)
        await pause(afterMs)
        await platform.stop('SIGKILL')
        await rotating
        platform = await TestPlatform.start({ dataDir })
        await until('nothing waits to sign', async () => (await rootOf(platform, 'announced')) === undefined)
        const signs = await rootOf(platform, 'signs')
        await until('it answers', async () => (await platform.call('here')).status === 200)
        const leaves = (await certificates(platform)).filter(({ kind }) => kind === 'leaf')
        expect(new Set(leaves.map(({ root }) => root))).toEqual(new Set([signs]))
      }
      const files = await readdir(join(dataDir, 'mesh', 'ca'))
      const modes = await Promise.all(files.map(async (name) => (await stat(join(dataDir, 'mesh', 'ca', name))).mode & 0o777))
      expect(new Set(modes)).toEqual(new Set([0o600]))
      const metrics = await ask(`${platform.metrics}/metrics`)
      expect(metrics.text).toMatch(/weft_mesh_certificate_expiry_seconds\{kind="root"\} \d{9}/)
      expect(metrics.text).toMatch(/weft_mesh_certificate_expiry_seconds\{kind="leaf"\} \d{4,5}/)
    } finally {
      await platform.stop()
    }
  }, 120_000)

  it('moves to an authority of the user, and from it to its next one, without a restart', async () => {
    const directory = join(dataDir, 'cacerts')
    await bring(directory, 'one')
    await using platform = await TestPlatform.start({ dataDir, args: ['--ca-directory', directory] })
    await until('it answers', async () => (await platform.call('here')).status === 200)
    const first = await rootOf(platform, 'signs')
    expect((await platform.weft(['mesh', 'rotate-root'])).stderr).toContain('replace its files first')
    await bring(directory, 'two')
    expect(await platform.weftOk(['mesh', 'rotate-root'])).toContain('all certificates were issued anew')
    expect(await rootOf(platform, 'signs')).not.toBe(first)
    expect(await platform.weftOk(['mesh', 'certs'])).toMatch(/root +root +retiring until/)
    expect((await platform.call('here')).status).toBe(200)
  }, 60_000)

  it('is refused at the start with files that cannot be used', async () => {
    const directory = join(dataDir, 'spoilt')
    await bring(directory, 'one')
    await chmod(join(directory, 'ca-key.pem'), 0o644)
    await expect(TestPlatform.start({ dataDir, args: ['--ca-directory', directory] })).rejects.toThrow(/ca-key\.pem: its mode is 644/)
  }, 60_000)
})
