import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { storeContract } from '../contract.ts'
import { modelContract } from '../contract-model.ts'
import { fn, named } from '../contract-support.ts'
import type { Store } from '../port.ts'
import { openSealer, sealerOf } from '../sealer/index.ts'
import { openSqliteStore } from './index.ts'

const KEY = new Uint8Array(32).fill(7)

const make = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'weft-store-'))
  const store = await openSqliteStore({ file: join(directory, 'weft.db'), sealer: sealerOf(KEY) })
  const close = async () => {
    await store.close()
    await rm(directory, { recursive: true, force: true })
  }
  return { store, close }
}

storeContract('sqlite', make)
modelContract('sqlite', make)

describe('the SQLite file', () => {
  let directory: string
  let file: string
  const open: Store[] = []
  const opened = async (key = KEY): Promise<Store> => {
    const store = await openSqliteStore({ file, sealer: sealerOf(key) })
    open.push(store)
    return store
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weft-store-'))
    file = join(directory, 'weft.db')
  })
  afterEach(async () => {
    for (const store of open.splice(0)) await store.close()
    await rm(directory, { recursive: true, force: true })
  })

  it('has everything again after it was reopened: resources, versions and the watch from before', async () => {
    const first = await opened()
    const created = await first.create(fn('a', { spec: { x: 1 } }))
    await first.update({ ...created, spec: { x: 2 } })
    await first.create(fn('gone'))
    await first.remove(named('gone'))
    const before = await first.list({ group: 'weft.dev', kind: 'Function' })
    await first.close()
    const second = await opened()
    expect(await second.list({ group: 'weft.dev', kind: 'Function' })).toEqual(before)
    const types: string[] = []
    for await (const event of second.watch({ group: 'weft.dev', kind: 'Function' }, { since: created.metadata.resourceVersion ?? '' })) {
      types.push(event.type)
      if (types.length === 3) break
    }
    expect(types).toEqual(['MODIFIED', 'ADDED', 'DELETED'])
    const next = await second.create(fn('b'))
    expect(Number(next.metadata.resourceVersion)).toBe(Number(before.resourceVersion) + 1)
  })

  it('is acknowledged before it is closed: writes that wait are done', async () => {
    const first = await opened()
    const writes = Promise.all(Array.from({ length: 600 }, (_, n) => first.create(fn(`f${n}`))))
    await first.close()
    expect(await writes).toHaveLength(600)
    expect((await (await opened()).list({ group: 'weft.dev', kind: 'Function' })).items).toHaveLength(600)
  })

  it('is for its owner alone, and so are its side files', async () => {
    const store = await opened()
    await store.create(fn('a'))
    for (const name of await readdir(directory)) expect([name, (await stat(join(directory, name))).mode & 0o777]).toEqual([name, 0o600])
  })

  it('does not hold the content of a Secret in the clear, neither now, nor before, nor after its removal', async () => {
    const store = await opened()
    const content = ['first-secret-content', 'second-secret-content'].map((text) => Buffer.from(text).toString('base64'))
    const secret = (data: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'default' }, type: 'Opaque', data: { s: data } })
    for (const [index, data] of content.entries()) await (index === 0 ? store.create(secret(data)) : store.update(secret(data)))
    await store.remove({ group: '', kind: 'Secret', namespace: 'default', name: 's' })
    const bytes = await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name), 'latin1')))
    for (const text of [...content, 'first-secret', 'second-secret']) expect(bytes.some((one) => one.includes(text))).toBe(false)
  })

  it('is refused at once with another key, and works with the right one afterwards', async () => {
    const store = await opened()
    await store.create(fn('a'))
    await store.close()
    await expect(opened(new Uint8Array(32).fill(8))).rejects.toMatchObject({ code: 'SECRETS_UNREADABLE', message: expect.stringContaining('sealed with key') })
    expect(await (await opened()).get(named('a'))).toBeDefined()
  })

  it('refuses a Secret whose sealed bytes were changed or belong to another one', async () => {
    const store = await opened()
    const create = (name: string) => store.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, data: { x: 'eA==' } } as never)
    await create('a')
    await create('b')
    await store.close()
    const db = new DatabaseSync(file)
    db.exec("UPDATE resources SET sealed = (SELECT sealed FROM resources WHERE key = '/Secret/default/b') WHERE key = '/Secret/default/a'")
    const row = db.prepare("SELECT sealed FROM resources WHERE key = '/Secret/default/b'").get()
    const changed = Uint8Array.from(row?.['sealed'] as Uint8Array, (byte, index) => (index === 30 ? byte ^ 1 : byte))
    db.prepare("UPDATE resources SET sealed = ? WHERE key = '/Secret/default/b'").run(changed)
    db.close()
    const again = await opened()
    const ref = { group: '', kind: 'Secret', namespace: 'default' }
    await expect(again.get({ ...ref, name: 'a' })).rejects.toMatchObject({ code: 'SECRETS_UNREADABLE', message: expect.stringContaining('/Secret/default/b') })
    await expect(again.get({ ...ref, name: 'b' })).rejects.toMatchObject({ code: 'SECRETS_UNREADABLE', message: expect.stringContaining('changed') })
  })

  it('has one writer: a second one is told who is in the way', async () => {
    await opened()
    await expect(opened()).rejects.toMatchObject({ code: 'STORE_IN_USE' })
  })

  it.each([
    ['that is something else', 'STORE_DAMAGED', () => writeFile(file, 'this is not a database, but long enough to be read as one'.repeat(40))],
    ['whose pages were overwritten', 'STORE_DAMAGED', () => overwritten(file)],
    ['of a newer Weft', 'STORE_TOO_NEW', () => fromTheFuture(file)],
    ['that is a directory', 'DIRECTORY_UNUSABLE', () => mkdtemp(`${file}-`).then((made) => void (file = made))],
  ])('%s is refused as %s', async (_, code, prepare) => {
    const store = await opened()
    for (let n = 0; n < 50; n++) await store.create(fn(`f${n}`, { spec: { filler: 'x'.repeat(500) } }))
    await store.close()
    await prepare()
    await expect(opened()).rejects.toMatchObject({ code })
  })

  it('that a failed statement interrupts takes the batch back whole and stays usable', async () => {
    const store = await opened()
    await store.create(fn('a'))
    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    await expect(store.create(fn('bad', { spec: circular }))).rejects.toThrow()
    expect((await store.list({ group: 'weft.dev', kind: 'Function' })).items).toHaveLength(1)
    await store.create(fn('b'))
  })

  it('has every acknowledged write and is sound, however often the writer is killed', async () => {
    const keyFile = join(directory, 'key')
    const acknowledged = new Map<string, number>()
    for (let round = 0; round < 12; round++) {
      for (const [name, n] of await killedWriter([file, keyFile, String(round)], 5 + round * 9)) acknowledged.set(name, n)
      const store = await openSqliteStore({ file, sealer: openSealer(keyFile) })
      open.push(store)
      for (const [name, n] of acknowledged) {
        const found = (await store.get({ group: '', kind: 'Secret', namespace: 'default', name })) as { data?: { n?: string } } | undefined
        expect(Number(found?.data?.n)).toBeGreaterThanOrEqual(n)
      }
      await store.close()
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(24)
    const db = new DatabaseSync(file)
    expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    expect(db.prepare('SELECT COUNT(*) AS n FROM resources r WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.kind = r.kind)').get()).toEqual({ n: 0 })
    db.close()
  }, 60_000)
})

describe('the key file', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weft-key-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('is made on first use, for its owner alone, and used again afterwards', async () => {
    const file = join(directory, 'secrets', 'key')
    const sealed = openSealer(file).seal(Buffer.from('hush'))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await stat(file)).size).toBe(32)
    expect(Buffer.from(openSealer(file).open(sealed)).toString()).toBe('hush')
    expect(await readdir(join(directory, 'secrets'))).toEqual(['key'])
  })

  it.each([
    ['with the wrong length', (file: string) => writeFile(file, 'short', { mode: 0o600 }), /5 bytes/],
    ['that others may read', (file: string) => writeFile(file, KEY, { mode: 0o600 }).then(() => chmod(file, 0o644)), /others may read it \(mode 644\)/],
    ['that is empty', (file: string) => writeFile(file, '', { mode: 0o600 }), /0 bytes/],
  ])('%s is refused with the reason', async (_, prepare, reason) => {
    const file = join(directory, 'key')
    await prepare(file)
    expect(() => openSealer(file)).toThrow(expect.objectContaining({ code: 'KEY_FILE_UNUSABLE', message: expect.stringMatching(reason) }))
  })

  it('seals the same content differently each time, and refuses every changed byte', () => {
    const sealer = sealerOf(KEY)
    const sealed = sealer.seal(Buffer.from('hush'))
    expect(Buffer.from(sealer.seal(Buffer.from('hush')))).not.toEqual(Buffer.from(sealed))
    for (let index = 0; index < sealed.length; index++) {
      const changed = Uint8Array.from(sealed, (byte, at) => (at === index ? byte ^ 0x10 : byte))
      expect(() => sealer.open(changed)).toThrow(expect.objectContaining({ code: 'SECRETS_UNREADABLE' }))
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => sealer.open(sealed.subarray(0, length))).toThrow(expect.objectContaining({ code: 'SECRETS_UNREADABLE' }))
    }
  })
})

async function overwritten(file: string): Promise<void> {
  const bytes = await readFile(file)
  await writeFile(file, bytes.fill(0x5a, 4096, Math.min(bytes.length, 40_960)))
}

async function fromTheFuture(file: string): Promise<void> {
  const db = new DatabaseSync(file)
  db.exec("INSERT INTO schema_migrations VALUES (999, 'later')")
  db.close()
}

/** Runs the writer until it has acknowledged so many writes, kills it, and gives the last acknowledged number of each name. */
function killedWriter(argv: readonly string[], lines: number): Promise<Map<string, number>> {
  return new Promise((resolve, reject) => {
    const program = fileURLToPath(new URL('crash-writer.ts', import.meta.url))
    const child = spawn(process.execPath, [program, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.split('\n').length > lines) child.kill('SIGKILL')
    })
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`the writer ended by itself (${code}): ${errors}`))
      const whole = output.slice(0, output.lastIndexOf('\n')).split('\n')
      resolve(new Map(whole.map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])])))
    })
  })
}
