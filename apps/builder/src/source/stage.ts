import { open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { basename, join, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { messageOf } from '@weft/core'
import type { BuildSource } from '@weft/artifacts/build'
import { sourceRefused } from '../failures.ts'
import type { BuildLimits } from '../limits.ts'
import { Budget } from './budget.ts'
import { DETECT_BYTES, detectKind, type FileKind } from './detect.ts'
import { unpackTar } from './tar.ts'
import { unpacked } from './unpack.ts'
import { SourceWriter } from './writer.ts'
import { unpackZip } from './zip.ts'

/** A source whose files are in place. */
export interface StagedSource {
  /** Directory with the files. */
  readonly root: string
  /** Set when the source was one file: its name below `root`. */
  readonly singleFile?: string
}

/** Left out of directories and archives alike: the history, and what the system's own tools leave. */
const NEVER_STAGED = new Set(['.git', '.hg', '.svn', '.DS_Store'])

/**
 * Brings a source into an empty directory, within the limits.
 * @throws WeftError `SOURCE_REFUSED`
 */
export async function stageSource(source: BuildSource, target: string, limits: BuildLimits): Promise<StagedSource> {
  if (source.kind === 'directory') return stageDirectory(source.path, target, limits)
  if (source.kind === 'inline') return stageInline(source.files, target, limits)
  return stageFile(source.path, basename(source.name), target, limits)
}

async function stageInline(files: Readonly<Record<string, string>>, target: string, limits: BuildLimits): Promise<StagedSource> {
  const writer = new SourceWriter(target, new Budget(limits))
  const names = Object.keys(files)
  for (const name of names) await writer.file(name, false, [Buffer.from(files[name] ?? '')])
  const code = names.filter((name) => name !== 'package.json' && name !== 'package-lock.json')
  return { root: target, ...(code.length === 1 && code[0] !== undefined ? { singleFile: code[0] } : {}) }
}

async function stageFile(path: string, name: string, target: string, limits: BuildLimits): Promise<StagedSource> {
  const { head, sizeBytes } = await readHead(path)
  const kind = detectKind(head)
  const writer = new SourceWriter(target, new Budget(limits, kind === 'plain' || kind === 'tar' ? undefined : sizeBytes))
  if (kind === 'zip') await unpackZip(path, writer)
  else if (kind === 'tar') await unpackTar(createReadStream(path), writer)
  else if (kind === 'plain') return single(writer, target, name, createReadStream(path), await isExecutable(path))
  else return stagePacked(path, name, kind, writer, target)
  return { root: await unwrap(target) }
}

async function stagePacked(
  path: string,
  name: string,
  kind: Exclude<FileKind, 'zip' | 'tar' | 'plain'>,
  writer: SourceWriter,
  target: string,
): Promise<StagedSource> {
  const head = await firstBytes(unpacked(path, kind))
  if (detectKind(head) !== 'tar') return single(writer, target, name.replace(/\.(?:gz|bz2|xz)$/i, ''), unpacked(path, kind), false)
  await unpackTar(unpacked(path, kind), writer)
  return { root: await unwrap(target) }
}

async function single(writer: SourceWriter, target: string, name: string, content: Readable, executable: boolean): Promise<StagedSource> {
  await writer.file(name, executable, content as AsyncIterable<Buffer>)
  return { root: target, singleFile: name }
}

/** An archive with one directory and nothing beside it means that directory. */
async function unwrap(target: string): Promise<string> {
  const [only, ...rest] = await readdir(target, { withFileTypes: true })
  if (only === undefined) throw sourceRefused('the archive is empty')
  return rest.length === 0 && only.isDirectory() && only.name !== 'node_modules' ? join(target, only.name) : target
}

async function readHead(path: string): Promise<{ head: Buffer; sizeBytes: number }> {
  try {
    await using file = await open(path, 'r')
    const info = await file.stat()
    if (!info.isFile()) throw new Error('it is not a file')
    const { bytesRead, buffer } = await file.read(Buffer.alloc(DETECT_BYTES), 0, DETECT_BYTES, 0)
    return { head: buffer.subarray(0, bytesRead), sizeBytes: info.size }
  } catch (error) {
    throw sourceRefused(`${path} cannot be read (${messageOf(error)})`, 'check the path', error)
  }
}

async function firstBytes(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= DETECT_BYTES) break
  }
  return Buffer.concat(chunks).subarray(0, DETECT_BYTES)
}

const isExecutable = async (path: string) => ((await stat(path)).mode & 0o111) !== 0

async function stageDirectory(path: string, target: string, limits: BuildLimits): Promise<StagedSource> {
  const root = await realpath(path).catch((error: unknown) => {
    throw sourceRefused(`the directory ${path} cannot be read (${messageOf(error)})`, 'check the path', error)
  })
  if (!(await stat(root)).isDirectory()) throw sourceRefused(`${path} is not a directory`)
  const writer = new SourceWriter(target, new Budget(limits))
  await copyInto(root, '', writer, await declaresDependencies(root))
  return { root: target }
}

async function copyInto(root: string, path: string, writer: SourceWriter, skipModules: boolean): Promise<void> {
  for (const entry of await readdir(join(root, path), { withFileTypes: true })) {
    if (NEVER_STAGED.has(entry.name) || (skipModules && path === '' && entry.name === 'node_modules')) continue
    const child = path === '' ? entry.name : `${path}/${entry.name}`
    if (entry.isDirectory()) {
      await writer.directory(child)
      await copyInto(root, child, writer, skipModules)
    } else await copyFile(root, child, writer)
  }
}

async function copyFile(root: string, path: string, writer: SourceWriter): Promise<void> {
  const real = await realpath(join(root, path)).catch(() => undefined)
  if (real === undefined || !real.startsWith(root + sep)) throw sourceRefused(`${path} is a link that leads out of the source`, 'copy the file into the source')
  const info = await stat(real)
  if (!info.isFile()) throw sourceRefused(`${path} is a link to a directory, a device, a socket or a pipe`, 'remove it or copy the files into the source')
  await writer.file(path, (info.mode & 0o111) !== 0, createReadStream(real) as AsyncIterable<Buffer>)
}

/** With declared dependencies they are installed afresh and a `node_modules` of this machine is not copied. */
async function declaresDependencies(root: string): Promise<boolean> {
  const text = await readFile(join(root, 'package.json'), 'utf8').catch(() => '{}')
  try {
    const parsed = JSON.parse(text) as Record<string, unknown>
    return ['dependencies', 'devDependencies', 'optionalDependencies'].some((key) => Object.keys((parsed[key] as object | null | undefined) ?? {}).length > 0)
  } catch {
    return false
  }
}
