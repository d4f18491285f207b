import { chmod, chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WeftError } from '@weft/core'
import type { WorkloadSpec } from '../port.ts'
import type { IncarnationPaths } from './launch/plan.ts'

type Secrets = WorkloadSpec['secrets']

const SECRET_NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/
const SECRET_FILE = /^[-._A-Za-z0-9]{1,253}$/

/**
 * Checks that names of secrets and of their files can become parts of a path.
 * @throws WeftError `INVALID_VALUE`
 */
export function checkSecretNames(secrets: Secrets): void {
  for (const [name, files] of Object.entries(secrets)) {
    if (!SECRET_NAME.test(name)) throw new WeftError('INVALID_VALUE', { field: 'secrets', reason: `"${name}" is not a name of a secret` })
    for (const key of Object.keys(files)) {
      if (SECRET_FILE.test(key) && key !== '.' && key !== '..') continue
      throw new WeftError('INVALID_VALUE', { field: `secrets.${name}`, reason: `"${key}" is not a name of a file` })
    }
  }
}

/** The files in OpenFaaS' one directory: a secret's only file, when it is named like the secret. */
export function flatSecrets(secrets: Secrets): [name: string, content: Uint8Array][] {
  return Object.entries(secrets).flatMap(([name, files]) => {
    const only = Object.keys(files).length === 1 ? files[name] : undefined
    return only === undefined ? [] : [[name, only] as [string, Uint8Array]]
  })
}

async function directory(path: string, mode: number, uid: number | undefined): Promise<void> {
  await mkdir(path, { recursive: true })
  await chmod(path, mode)
  if (uid !== undefined) await chown(path, uid, uid)
}

async function file(path: string, content: string | Uint8Array, uid: number | undefined): Promise<void> {
  await writeFile(path, content, { mode: 0o400, flag: 'wx' })
  if (uid !== undefined) await chown(path, uid, uid)
}

async function writeSecrets(base: string, secrets: Secrets, uid: number | undefined): Promise<void> {
  await directory(base, 0o700, uid)
  await directory(join(base, 'flat'), 0o700, uid)
  await directory(join(base, 'named'), 0o700, uid)
  for (const [name, content] of flatSecrets(secrets)) await file(join(base, 'flat', name), content, uid)
  for (const [name, files] of Object.entries(secrets)) {
    await directory(join(base, 'named', name), 0o700, uid)
    for (const [key, content] of Object.entries(files)) await file(join(base, 'named', name, key), content, uid)
  }
}

/**
 * Puts other contents of the same secrets in the place of those that an incarnation has, each file in one step, as Kubernetes does. For sandboxes alone, whose
 * replicas see these directories read-only: at other levels a replica could lay a link in the way of who writes here.
 */
export async function rewriteSecrets({ privateDirectory }: IncarnationPaths, secrets: Secrets, uid: number | undefined): Promise<void> {
  const base = join(privateDirectory, 'secrets')
  const places = [
    [join(base, 'flat'), new Map(flatSecrets(secrets))] as const,
    ...Object.entries(secrets).map(([name, files]) => [join(base, 'named', name), new Map(Object.entries(files))] as const),
  ]
  for (const [place, files] of places) {
    for (const [name, content] of files) {
      await rm(join(base, 'next'), { force: true })
      await file(join(base, 'next'), content, uid)
      await rename(join(base, 'next'), join(place, name))
    }
    for (const name of await readdir(place)) if (!files.has(name)) await rm(join(place, name))
  }
}

async function writeEtc(base: string, uid: number | undefined): Promise<void> {
  const id = uid ?? process.getuid?.() ?? 0
  const group = uid ?? process.getgid?.() ?? 0
  await mkdir(base, { recursive: true })
  await Promise.all([
    writeFile(join(base, 'passwd'), `root:x:0:0:root:/:/usr/sbin/nologin\nfunction:x:${id}:${group}:function:/tmp:/usr/sbin/nologin\n`, { mode: 0o644 }),
    writeFile(join(base, 'group'), `root:x:0:\nfunction:x:${group}:\n`, { mode: 0o644 }),
    writeFile(join(base, 'nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n', { mode: 0o644 }),
  ])
}

/**
 * Makes the directories of one incarnation: the one Envoy puts the outbound socket in (its replica may enter, nobody else), and the private one
 * with secrets (mode 0400, the replica's own user), `etc/` and, without a sandbox, `tmp/`.
 */
export async function makePrivateFiles(paths: IncarnationPaths, secrets: Secrets, how: { readonly uid?: number; readonly sandbox: boolean }): Promise<void> {
  const { uid } = how
  await mkdir(paths.outboundDirectory, { recursive: true })
  await chmod(paths.outboundDirectory, uid === undefined ? 0o700 : 0o710)
  if (uid !== undefined) await chown(paths.outboundDirectory, process.getuid?.() ?? 0, uid)
  await directory(paths.privateDirectory, 0o700, how.sandbox ? undefined : uid)
  if (Object.keys(secrets).length > 0) await writeSecrets(join(paths.privateDirectory, 'secrets'), secrets, uid)
  if (how.sandbox) await writeEtc(join(paths.privateDirectory, 'etc'), uid)
  else await directory(join(paths.privateDirectory, 'tmp'), 0o700, uid)
}

/** Removes all files of an incarnation. Never follows a link that a replica may have left. */
export async function removePrivateFiles(paths: IncarnationPaths): Promise<void> {
  await Promise.all(
    [paths.outboundDirectory, paths.privateDirectory, paths.inboundSocket].map((path) => rm(path, { recursive: true, force: true, maxRetries: 2 })),
  )
}
