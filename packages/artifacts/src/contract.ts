import { describe, expect, it } from '@jest/globals'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ArtifactRun, ArtifactStore } from './port.ts'

/** What a suite needs of an adapter. */
export interface ArtifactStoreSubject {
  readonly store: ArtifactStore
  /** A second, independent instance over the same storage. */
  readonly again: () => Promise<ArtifactStore>
  close(): Promise<void>
}

const RUN: ArtifactRun = { runtime: 'node22', contract: 'openfaas', entry: 'handler.cjs' }
const REFERENCES = [
  'ghcr.io/x/y:0.1',
  'functions/alpine',
  'localhost:5000/a/b:latest',
  'docker.io/library/busybox',
  '../../etc/passwd',
  'a b/ü:1',
  '.',
  'CON',
  'x'.repeat(500),
]

/** Every adapter of the port `ArtifactStore` passes this, against the real thing. */
export function artifactStoreContract(name: string, make: () => Promise<ArtifactStoreSubject>): void {
  const withSubject = async (use: (subject: ArtifactStoreSubject, tree: (files: Tree) => Promise<string>) => Promise<void>) => {
    const subject = await make()
    const work = await mkdtemp(join(tmpdir(), 'weft-artifact-'))
    let count = 0
    try {
      await use(subject, (files) => writeTree(join(work, String(count++)), files))
    } finally {
      await subject.close()
      await rm(work, { recursive: true, force: true })
    }
  }

  describe(`artifact store: ${name}`, () => {
    describe('digests', () => {
      it('gives the same content the same digest, wherever and in whichever order it was written', () =>
        withSubject(async ({ store }, tree) => {
          const one = await store.put({ directory: await tree({ 'a.js': '1', 'lib/b.js': '2' }), run: RUN, env: { A: '1', B: '2' } })
          const two = await store.put({ directory: await tree({ 'lib/b.js': '2', 'a.js': '1' }), run: RUN, env: { B: '2', A: '1' } })
          expect(two).toEqual(one)
          expect(one.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
          expect(one).toMatchObject({ sizeBytes: 2, fileCount: 2, env: { A: '1', B: '2' }, labels: {} })
        }))

      it('gives another digest to another content, name, mode, run, environment or label', () =>
        withSubject(async ({ store }, tree) => {
          const directory = await tree({ 'a.js': '1' })
          const executable = await tree({ 'a.js': '1' })
          await chmod(join(executable, 'a.js'), 0o755)
          const puts = [
            { directory, run: RUN },
            { directory: await tree({ 'a.js': '2' }), run: RUN },
            { directory: await tree({ 'b.js': '1' }), run: RUN },
            { directory: executable, run: RUN },
            { directory, run: { ...RUN, export: 'x' } },
            { directory, run: RUN, env: { A: '1' } },
            { directory, run: RUN, labels: { A: '1' } },
          ]
          const digests = await Promise.all(puts.map(async (input) => (await store.put(input)).digest))
          expect(new Set(digests).size).toBe(puts.length)
        }))
    })

    describe('files', () => {
      it('opens a tree that everybody may read and nobody change', () =>
        withSubject(async ({ store }, tree) => {
          const directory = await tree({ 'handler.cjs': 'x', 'bin/tool': '#!/bin/sh', 'empty.txt': '' })
          await chmod(join(directory, 'bin/tool'), 0o700)
          await chmod(join(directory, 'handler.cjs'), 0o600)
          const files = await store.open((await store.put({ directory, run: RUN })).digest)
          const modes = await Promise.all(
            ['.', 'bin', 'handler.cjs', 'bin/tool', 'empty.txt'].map(async (path) => (await stat(join(files, path))).mode & 0o7777),
          )
          expect(modes).toEqual([0o755, 0o755, 0o444, 0o555, 0o444])
          expect(await readFile(join(files, 'bin/tool'), 'utf8')).toBe('#!/bin/sh')
          expect((await readdir(files)).toSorted()).toEqual(['bin', 'empty.txt', 'handler.cjs'])
        }))

      it('refuses links', () =>
        withSubject(async ({ store }, tree) => {
          const directory = await tree({ 'a.js': '1' })
          await symlink('/etc/passwd', join(directory, 'link'))
          await expect(store.put({ directory, run: RUN })).rejects.toMatchObject({ code: 'ARTIFACT_REFUSED' })
        }))

      it('keeps what it has when the source changes or goes', () =>
        withSubject(async ({ store }, tree) => {
          const directory = await tree({ 'a.js': 'before' })
          const { digest } = await store.put({ directory, run: RUN })
          await writeFile(join(directory, 'a.js'), 'after')
          await rm(directory, { recursive: true })
          expect(await readFile(join(await store.open(digest), 'a.js'), 'utf8')).toBe('before')
        }))
    })

    describe('references', () => {
      it.each(REFERENCES)('finds an artifact again under the reference "%s"', (reference) =>
        withSubject(async ({ store, again }, tree) => {
          const manifest = await store.put({ directory: await tree({ 'a.js': reference }), run: RUN }, reference)
          expect(await (await again()).get(reference)).toEqual(manifest)
          expect(await store.references()).toEqual([{ reference, digest: manifest.digest }])
        }),
      )

      it('takes a missing tag for latest, the default registry for none, and a digest behind @', () =>
        withSubject(async ({ store }, tree) => {
          const { digest } = await store.put({ directory: await tree({ 'a.js': '1' }), run: RUN }, 'functions/alpine')
          for (const same of ['functions/alpine:latest', 'docker.io/functions/alpine', `anything/else:1@${digest}`, digest]) {
            expect(await store.get(same)).toMatchObject({ digest })
          }
          expect(await store.has('functions/alpine:2')).toBe(false)
        }))

      it('moves a reference and keeps the old artifact', () =>
        withSubject(async ({ store }, tree) => {
          const one = await store.put({ directory: await tree({ 'a.js': '1' }), run: RUN }, 'x')
          const two = await store.put({ directory: await tree({ 'a.js': '2' }), run: RUN }, 'x')
          expect(await store.get('x')).toEqual(two)
          expect(await store.get(one.digest)).toEqual(one)
          await store.tag('x', one.digest)
          expect(await store.get('x')).toEqual(one)
        }))

      it('says that an artifact is not there', () =>
        withSubject(async ({ store }) => {
          const missing = `sha256:${'0'.repeat(64)}`
          expect(await store.get('no/such:1')).toBeUndefined()
          expect(await store.get(missing)).toBeUndefined()
          expect(await store.has(missing)).toBe(false)
          await expect(store.open(missing)).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' })
          await expect(store.open('../../etc')).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' })
          await expect(store.tag('x', missing)).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' })
          expect(await store.references()).toEqual([])
        }))
    })

    it('serves several writers of the same and of different content at once', () =>
      withSubject(async ({ store, again }, tree) => {
        const stores = [store, await again(), await again()]
        const same = await tree({ 'a.js': 'same', 'b.js': 'same' })
        const puts = Array.from({ length: 24 }, async (_, i) => {
          const directory = i % 2 === 0 ? same : await tree({ 'a.js': String(i) })
          return (stores[i % 3] ?? store).put({ directory, run: RUN }, `shared/ref:${i % 4}`)
        })
        const manifests = await Promise.all(puts)
        expect(new Set(manifests.map((manifest) => manifest.digest)).size).toBe(13)
        for (const manifest of manifests) expect(await store.get(manifest.digest)).toEqual(manifest)
        expect((await store.references()).map((entry) => entry.reference)).toEqual([0, 1, 2, 3].map((i) => `shared/ref:${i}`))
      }))
  })
}

/** Relative path → text. */
type Tree = Readonly<Record<string, string>>

async function writeTree(directory: string, files: Tree): Promise<string> {
  await mkdir(directory, { recursive: true })
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  return directory
}
