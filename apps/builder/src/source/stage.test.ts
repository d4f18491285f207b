import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packWith, tarOf, zipOf } from '../../test/archives.ts'
import { writeTree } from '../../test/harness.ts'
import { DEFAULT_BUILD_LIMITS, type BuildLimits } from '../limits.ts'
import { stageSource } from './stage.ts'
import { listFiles } from './tree.ts'

const FILES = [
  { name: 'handler.js', content: 'module.exports = 1' },
  { name: 'lib/tool.sh', content: '#!/bin/sh', mode: 0o755 },
]
const LINK = 0o120777
const PIPE = 0o010644

let work = ''
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'weft-stage-'))
})
afterEach(() => rm(work, { recursive: true, force: true }))

async function stage(content: Buffer | string, name = 'source', limits: Partial<BuildLimits> = {}) {
  const [path, target] = [join(work, 'packed'), join(work, 'target')]
  await writeFile(path, content)
  await mkdir(target)
  return stageSource({ kind: 'file', path, name }, target, { ...DEFAULT_BUILD_LIMITS, ...limits })
}

const zipFiles = () => zipOf(FILES.map((file) => ({ ...file, mode: 0o100000 | (file.mode ?? 0o644) })))

describe('a source from an archive', () => {
  it.each([
    ['zip', async () => zipFiles()],
    ['tar', () => tarOf(FILES)],
    ['tar.gz', async () => packWith('gzip', await tarOf(FILES))],
    ['tar.bz2', async () => packWith('bzip2', await tarOf(FILES))],
    ['tar.xz', async () => packWith('xz', await tarOf(FILES))],
  ])('unpacks %s, told by its content and not its name', async (_, make) => {
    const { root, singleFile } = await stage(await make(), 'no-ending')
    expect(singleFile).toBeUndefined()
    expect(await listFiles(root)).toEqual(['handler.js', 'lib/tool.sh'])
    expect(await readFile(join(root, 'handler.js'), 'utf8')).toBe('module.exports = 1')
    expect((await stat(join(root, 'lib/tool.sh'))).mode & 0o111).not.toBe(0)
  })

  it('takes the only directory of an archive for the source, and leaves out what a Mac adds', async () => {
    const { root } = await stage(
      await tarOf([{ name: 'project-main/handler.js', content: '1' }, { name: 'project-main/.DS_Store' }, { name: '__MACOSX/._handler.js' }]),
    )
    expect(await listFiles(root)).toEqual(['handler.js'])
  })

  it.each([
    ['a plain file', async () => Buffer.from('module.exports = 1'), 'fn.js', 'fn.js'],
    ['a packed file', () => packWith('gzip', Buffer.from('module.exports = 1')), 'fn.js.gz', 'fn.js'],
    ['a file whose name is a path', async () => Buffer.from('1'), '../../fn.js', 'fn.js'],
  ])('takes %s as a single file', async (_, make, name, expected) => {
    const staged = await stage(await make(), name)
    expect(staged.singleFile).toBe(expected)
    expect(await listFiles(staged.root)).toEqual([expected])
  })

  const tooMany = Array.from({ length: 30 }, (_, i) => ({ name: `f${i}`, content: '1' }))
  it.each<[string, () => Promise<Buffer> | Buffer, RegExp, Partial<BuildLimits>]>([
    ['tar with a parent path', () => tarOf([{ name: '../evil.js', content: '1' }]), /leads out of the source/, {}],
    ['tar with a parent path inside', () => tarOf([{ name: 'a/../../evil.js', content: '1' }]), /leads out/, {}],
    ['tar with an absolute path', () => tarOf([{ name: '/etc/evil', content: '1' }]), /absolute/, {}],
    ['tar with a symbolic link', () => tarOf([{ name: 'link', type: 'symlink', linkname: '/etc/passwd' }]), /link or a device/, {}],
    ['tar with a hard link', () => tarOf([{ name: 'link', type: 'link', linkname: 'handler.js' }]), /link or a device/, {}],
    ['tar with a character device', () => tarOf([{ name: 'null', type: 'character-device', devmajor: 1, devminor: 3 }]), /link or a device/, {}],
    ['tar with a block device', () => tarOf([{ name: 'sda', type: 'block-device', devmajor: 8, devminor: 0 }]), /link or a device/, {}],
    ['tar with a pipe', () => tarOf([{ name: 'pipe', type: 'fifo' }]), /link or a device/, {}],
    ['tar with a name twice', () => tarOf([{ name: 'a' }, { name: 'a' }]), /there twice/, {}],
    ['tar with names that differ in case', () => tarOf([{ name: 'a/x' }, { name: 'A/x' }]), /differ only in case/, {}],
    ['tar with a file and a directory of one name', () => tarOf([{ name: 'a' }, { name: 'a/b' }]), /file and a directory/, {}],
    ['tar that ends early', async () => (await tarOf([{ name: 'a', content: 'x'.repeat(5000) }])).subarray(0, 2048), /cannot be read/, {}],
    ['gzip that ends early', async () => (await packWith('gzip', await tarOf(FILES))).subarray(0, 60), /cannot be read|not a whole|whole gzip/, {}],
    ['bzip2 that is broken', async () => Buffer.concat([Buffer.from('BZh9'), Buffer.alloc(100, 7)]), /whole bzip2/, {}],
    ['xz that is broken', async () => Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(100, 7)]), /whole xz/, {}],
    ['empty archive', () => tarOf([]), /empty/, {}],
    ['zip with a parent path', () => zipOf([{ name: '../evil.js' }]), /leads out|invalid relative path/, {}],
    ['zip with an absolute path', () => zipOf([{ name: '/etc/evil' }]), /absolute/, {}],
    ['zip with a back slash', () => zipOf([{ name: 'a\\..\\..\\evil' }]), /back slash|invalid characters/, {}],
    ['zip with a drive letter', () => zipOf([{ name: 'C:/evil' }]), /absolute/, {}],
    ['zip with a symbolic link', () => zipOf([{ name: 'link', content: '/etc/passwd', mode: LINK }]), /link or a device/, {}],
    ['zip with a pipe', () => zipOf([{ name: 'pipe', mode: PIPE }]), /link or a device/, {}],
    ['zip with a name twice', () => zipOf([{ name: 'a' }, { name: 'a' }]), /there twice/, {}],
    ['zip with a password', () => zipOf([{ name: 'a', content: 'x', flags: 1 }]), /encrypted|size mismatch/, {}],
    ['zip that ends early', () => zipFiles().subarray(0, 100), /cannot be read/, {}],
    ['too many files', () => tarOf(tooMany), /more than 20 files/, { files: 20 }],
    ['too many files in a zip', () => zipOf(tooMany), /more than 20 files/, { files: 20 }],
    ['too many bytes', () => tarOf([{ name: 'a', content: Buffer.alloc(3 * 2 ** 20) }]), /more than 2 MiB/, { unpackedBytes: 2 * 2 ** 20 }],
    ['a bomb', async () => packWith('gzip', await tarOf([{ name: 'a', content: Buffer.alloc(20 * 2 ** 20) }])), /times its size/, {}],
    ['a bomb of bzip2', async () => packWith('bzip2', await tarOf([{ name: 'a', content: Buffer.alloc(20 * 2 ** 20) }])), /times its size/, {}],
  ])('refuses a %s and writes nothing outside', async (_, make, reason, limits) => {
    await expect(stage(await make(), 'source', limits)).rejects.toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringMatching(reason) })
    expect((await listFiles(work)).filter((path) => !path.startsWith('target/'))).toEqual(['packed'])
  })
})

const stageTree = async (limits: Partial<BuildLimits> = {}) => {
  await mkdir(join(work, 'target'))
  return stageSource({ kind: 'directory', path: join(work, 'tree') }, join(work, 'target'), { ...DEFAULT_BUILD_LIMITS, ...limits })
}

describe('a source from a directory', () => {
  it('copies it without history, and without node_modules when package.json declares dependencies', async () => {
    await writeTree(join(work, 'tree'), { 'handler.js': '1', '.git/config': '', 'node_modules/a/index.js': '', 'package.json': '{"dependencies":{"a":"1"}}' })
    expect(await listFiles((await stageTree()).root)).toEqual(['handler.js', 'package.json'])
  })

  it('keeps node_modules that nothing else would bring', async () => {
    await writeTree(join(work, 'tree'), { 'handler.js': '1', 'node_modules/a/index.js': '' })
    expect(await listFiles((await stageTree()).root)).toEqual(['handler.js', 'node_modules/a/index.js'])
  })

  it('follows a link to a file inside and refuses one that leads out', async () => {
    await writeTree(join(work, 'tree'), { 'real.js': '1' })
    await symlink('real.js', join(work, 'tree/handler.js'))
    const { root } = await stageTree()
    expect(await readFile(join(root, 'handler.js'), 'utf8')).toBe('1')
    await rm(join(work, 'target'), { recursive: true })
    await symlink('/etc/hostname', join(work, 'tree/out'))
    await expect(stageTree()).rejects.toMatchObject({ code: 'SOURCE_REFUSED', message: expect.stringContaining('out is a link that leads out') })
  })

  it('says that a directory is not there', async () => {
    await expect(stageTree()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
  })

  it('stops at the limits', async () => {
    await writeTree(join(work, 'tree'), { a: '1', b: '2', c: '3' })
    await expect(stageTree({ files: 2 })).rejects.toMatchObject({ message: expect.stringContaining('more than 2 files') })
  })
})

describe('inline files', () => {
  it.each(['../x.js', '/etc/x.js', 'a\\b.js'])('refuses the name %s', async (name) => {
    await expect(stageSource({ kind: 'inline', files: { [name]: '1' } }, work, DEFAULT_BUILD_LIMITS)).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
  })
})
